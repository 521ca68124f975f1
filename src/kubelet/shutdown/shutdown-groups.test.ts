import { expect, it } from "vitest";
import type { Pod } from "../../api/index.ts";
import { shutdownGroups } from "./shutdown-groups.ts";

const pod = (name: string, priority?: number): { pod: Pod } => ({
  pod: { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { containers: [], ...(priority === undefined ? {} : { priority }) } } as unknown as Pod,
});

it("puts each pod into the highest period that it reaches, and those below all into the first", () => {
  const periods = [
    { priority: 0, shutdownGracePeriodSeconds: 60 },
    { priority: 1000, shutdownGracePeriodSeconds: 30 },
    { priority: 100_000, shutdownGracePeriodSeconds: 10 },
  ];
  const groups = shutdownGroups(periods, [pod("none"), pod("low", -10), pod("edge", 1000), pod("between", 99_999), pod("top", 2_000_000_000)]);
  expect(groups.map(({ seconds, pods }) => [seconds, pods.map((candidate) => candidate.pod.metadata.name)])).toEqual([
    [60, ["none", "low"]],
    [30, ["edge", "between"]],
    [10, ["top"]],
  ]);
});
it("leaves out periods without pods", () => {
  expect(shutdownGroups([{ priority: 0, shutdownGracePeriodSeconds: 60 }], [])).toEqual([]);
});
