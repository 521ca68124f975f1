import { describe, expect, it } from "vitest";
import type { Pod, PodDisruptionBudget } from "../api/index.ts";
import { createSeededRandom } from "../base/index.ts";
import { ClusterState } from "./cluster-state.ts";
import { createNodeFinder } from "./find-node.ts";
import { podInfo } from "./pod-info.ts";
import { planPreemption } from "./preemption.ts";
import { defaultProfile } from "./profile.ts";
import { testNode, testPod } from "./testing.ts";

const pod = (name: string, priority: number, cpu: string, more: Partial<Pod["spec"]> = {}): Pod => testPod(name, { priority, ...more }, { cpu });

function plan(preemptor: Pod, placed: readonly [Pod, string][], budgets: readonly PodDisruptionBudget[] = []): string {
  const cluster = new ClusterState();
  for (const name of new Set(placed.map(([, node]) => node))) cluster.setNode(testNode(name));
  for (const [other, name] of placed) cluster.setPod(podInfo(other), name);
  const decision = createNodeFinder(cluster, defaultProfile, createSeededRandom("test")).find(podInfo(preemptor));
  if (decision.node !== undefined) return `fits on ${decision.node.name}`;
  const result = planPreemption({ pod: podInfo(preemptor), cluster, profile: defaultProfile, rejections: decision.rejections, budgets });
  return result.helps ? `${result.nodeName}: ${result.victims.map(({ pod: victim }) => victim.metadata.name).join(" ")}` : result.message;
}

describe("preemption", () => {
  it("removes the fewest and least important pods that make room", () => {
    const placed: [Pod, string][] = [
      [pod("low", 1, "1"), "a"],
      [pod("middle", 5, "1"), "a"],
      [pod("high", 50, "2"), "b"],
    ];
    expect(plan(pod("new", 100, "1"), placed)).toBe("a: low");
    expect(plan(pod("new", 100, "2"), placed)).toBe("a: middle low");
    expect(plan(pod("new", 4, "1"), placed)).toBe("a: low");
  });

  it("spares pods that a budget protects when others will do", () => {
    const guarded = { ...pod("guarded", 1, "2"), metadata: { ...pod("guarded", 1, "2").metadata, labels: { app: "guarded" } } };
    const budget: PodDisruptionBudget = {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "b", namespace: "default" },
      spec: { selector: { matchLabels: { app: "guarded" } } },
      status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    };
    const placed: [Pod, string][] = [
      [guarded, "a"],
      [pod("plain", 3, "2"), "b"],
    ];
    expect(plan(pod("new", 100, "2"), placed, [budget])).toBe("b: plain");
    expect(plan(pod("new", 100, "2"), placed)).toBe("a: guarded");
  });

  it("says why it cannot help", () => {
    const placed: [Pod, string][] = [[pod("same", 0, "2"), "a"]];
    expect(plan(pod("new", 0, "1"), placed)).toBe("preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.");
    expect(plan(pod("new", 0, "8"), placed)).toBe("preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.");
    expect(plan(pod("new", 9, "1", { preemptionPolicy: "Never" }), placed)).toBe("preemption: not eligible due to preemptionPolicy=Never.");
  });
});
