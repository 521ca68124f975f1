import { expect, it } from "vitest";
import type { Pod } from "../../api/index.ts";
import { type RankedPod, rankPods } from "./ranking.ts";
import type { StarvedResource } from "./thresholds.ts";

interface Sketch {
  readonly name: string;
  readonly request?: string;
  readonly uses?: number;
  readonly priority?: number;
}

function ranked(resource: StarvedResource, sketches: readonly Sketch[]): string[] {
  const candidates = sketches.map(({ name, request, uses, priority }): RankedPod => {
    const requests = request === undefined ? {} : { memory: request, "ephemeral-storage": request };
    const spec = { containers: [{ name: "main", resources: { requests } }], ...(priority === undefined ? {} : { priority }) };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec } as unknown as Pod;
    const bytes = (uses ?? 0) * 2 ** 20;
    return { pod, ...(uses === undefined ? {} : { usage: { memoryBytes: bytes, diskBytes: bytes, inodes: uses, processes: uses, containers: new Map() } }) };
  });
  return rankPods(resource, candidates).map(({ pod }) => pod.metadata.name);
}

const pods: readonly Sketch[] = [
  { name: "modest", request: "100Mi", uses: 90 },
  { name: "greedy", request: "100Mi", uses: 300 },
  { name: "greedier", uses: 250 },
  { name: "important", uses: 900, priority: 100 },
];

it("begins with pods above their requests, the less important first, then the further above", () => {
  expect(ranked("memory", pods)).toEqual(["greedier", "greedy", "important", "modest"]);
  expect(ranked("ephemeral-storage", pods)).toEqual(["greedier", "greedy", "important", "modest"]);
});
it("looks at priority first when process ids are short", () => {
  expect(ranked("pids", pods)).toEqual(["greedy", "greedier", "modest", "important"]);
});
it("begins with a pod of which nothing is known", () => {
  expect(ranked("memory", [...pods, { name: "unknown", priority: 1000 }])[0]).toBe("unknown");
});
