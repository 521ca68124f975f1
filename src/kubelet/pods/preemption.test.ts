import { describe, expect, it } from "vitest";
import type { Pod } from "../../api/index.ts";
import { planPreemption } from "./preemption.ts";

function pod(name: string, qosClass: string, requests: Record<string, string>, priority = 0): Pod {
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", uid: name }, status: { qosClass } },
    spec: { priority, containers: [{ name: "c", image: "i", resources: { requests } }] },
  };
}
const critical = (name: string, priority = 2_000_000_000): Pod => pod(name, "Burstable", { cpu: "1" }, priority);
const names = (others: readonly Pod[], ...shortages: readonly [string, number][]): readonly string[] | string => {
  const plan = planPreemption(
    critical("new"),
    others,
    shortages.map(([name, amount]) => ({ name, amount })),
  );
  return plan.ok ? plan.victims.map(({ metadata }) => metadata.name) : plan.message;
};

describe("room for a critical pod", () => {
  const best = pod("best", "BestEffort", {});
  const small = pod("small", "Burstable", { cpu: "200m", memory: "100Mi" });
  const large = pod("large", "Burstable", { cpu: "800m", memory: "100Mi" });
  const guaranteed = pod("guaranteed", "Guaranteed", { cpu: "1", memory: "1Gi" });

  it.each<[what: string, others: readonly Pod[], shortages: readonly [string, number][], expected: readonly string[] | string]>([
    ["takes the pod that is just enough", [small, large], [["cpu", 100]], ["small"]],
    ["takes the one that covers more before two that cover it together", [small, large], [["cpu", 500]], ["large"]],
    ["takes two when one is not enough", [small, large], [["cpu", 900]], ["large", "small"]],
    ["spares a guaranteed pod as long as others give enough", [guaranteed, small, large], [["cpu", 900]], ["large", "small"]],
    ["takes a guaranteed pod when it must, and then no other", [guaranteed, small], [["cpu", 900]], ["guaranteed"]],
    ["takes a best effort pod for the number of pods", [guaranteed, best, small], [["pods", 1]], ["best"]],
    ["takes no other critical pod", [critical("old")], [["cpu", 100]], expect.stringContaining("[(res: cpu, q: 100), ]") as unknown as string],
    ["takes a critical pod of lower priority", [critical("old", 1_999_999_999)], [["cpu", 100]], ["old"]],
  ])("%s", (_what, others, shortages, expected) => {
    expect(names(others, ...shortages)).toEqual(expected);
  });
});
