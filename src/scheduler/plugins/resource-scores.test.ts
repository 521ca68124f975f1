import { describe, expect, it } from "vitest";
import { scoresOf, testCluster, testNode, testPod } from "../testing.ts";
import type { ScoringStrategy } from "./allocation-scores.ts";
import { createNodeResourcesBalancedAllocation } from "./node-resources-balanced-allocation.ts";
import { createNodeResourcesFit } from "./node-resources-fit.ts";

const CPU = [{ name: "cpu", weight: 1 }];
/** With the pod, of 2 cpus: a quarter, three quarters, more than all. */
const CLUSTER = testCluster(
  [testNode("a"), testNode("b"), testNode("c")],
  [
    [testPod("x", {}, { cpu: "1" }), "b"],
    [testPod("y", {}, { cpu: "1900m" }), "c"],
  ],
);

describe("how full a node would be, as a score", () => {
  it.each<[string, ScoringStrategy, readonly number[]]>([
    ["the emptier the better", { type: "LeastAllocated", resources: CPU }, [75, 25, 0]],
    ["the fuller the better", { type: "MostAllocated", resources: CPU }, [25, 75, 100]],
    [
      "as a shape says",
      {
        type: "RequestedToCapacityRatio",
        resources: CPU,
        shape: [
          { utilization: 0, score: 0 },
          { utilization: 50, score: 10 },
          { utilization: 100, score: 0 },
        ],
      },
      [50, 50, 0],
    ],
    [
      "level beyond the shape's ends",
      {
        type: "RequestedToCapacityRatio",
        resources: CPU,
        shape: [
          { utilization: 40, score: 2 },
          { utilization: 60, score: 8 },
        ],
      },
      [20, 80, 80],
    ],
    // Memory is as good as empty: 200 of 4096 Mi, 95 and 4.
    [
      "by weight",
      {
        type: "LeastAllocated",
        resources: [
          { name: "cpu", weight: 3 },
          { name: "memory", weight: 1 },
        ],
      },
      [80, 41, 22],
    ],
    ["without what the pod does not ask for", { type: "LeastAllocated", resources: [...CPU, { name: "example.com/gpu", weight: 5 }] }, [75, 25, 0]],
  ])("%s", (_what, scoringStrategy, expected) => {
    expect(scoresOf(createNodeResourcesFit({ scoringStrategy }), CLUSTER, testPod("p", {}, { cpu: "500m" }))).toEqual(expected);
  });

  it("balances as many resources as it is told to", () => {
    const resources = ["cpu", "memory", "example.com/gpu"].map((name) => ({ name, weight: 1 }));
    const cluster = testCluster([testNode("a", { allocatable: { "example.com/gpu": "4" } })]);
    const pod = testPod("p", {}, { cpu: "1", memory: "2Gi", "example.com/gpu": "2" });
    expect(scoresOf(createNodeResourcesBalancedAllocation({ resources }), cluster, pod)).toEqual([75]);
    expect(scoresOf(createNodeResourcesBalancedAllocation({ resources }), cluster, testPod("p", {}, { cpu: "2", "example.com/gpu": "1" }))).toEqual([53]);
  });
});
