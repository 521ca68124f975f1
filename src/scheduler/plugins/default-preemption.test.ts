import { describe, expect, it } from "vitest";
import type { Pod, PodDisruptionBudget } from "../../api/index.ts";
import { podInfo } from "../pod-info.ts";
import { preempt, testCluster, testNode, testPod } from "../testing.ts";

const pod = (name: string, priority: number, cpu: string, more: Partial<Pod["spec"]> = {}): Pod => testPod(name, { priority, ...more }, { cpu });

function plan(preemptor: Pod, placed: readonly [Pod, string][], budgets: readonly PodDisruptionBudget[] = [], nominatedTo?: string): string {
  const nodes = [...new Set(placed.map(([, node]) => node))].map((name) => testNode(name));
  const cluster = testCluster(nodes, placed, { budgets: () => budgets });
  if (nominatedTo !== undefined) cluster.nominations.set(podInfo(preemptor), nominatedTo);
  return preempt(cluster, preemptor);
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
    expect(plan(pod("new", 100, "2"), placed, [{ ...budget, spec: { selector: {} } }])).toBe("a: guarded");
  });

  it("waits for victims on the way out of the node that it is nominated to, unless that node will not do at all", () => {
    const leaving = pod("leaving", 1, "2");
    const mark = { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler" };
    const victim = {
      ...leaving,
      metadata: { ...leaving.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
      status: { ...leaving.status, conditions: [mark] },
    };
    const placed: [Pod, string][] = [
      [victim, "a"],
      [pod("other", 1, "2"), "b"],
    ];
    const nominated = pod("new", 100, "2");
    expect(plan(nominated, placed, [], "a")).toBe("preemption: not eligible due to a terminating pod on the nominated node.");
    expect(plan(pod("new", 100, "2", { nodeSelector: { "kubernetes.io/hostname": "b" } }), placed, [], "a")).toBe("b: other");
    // It goes for another reason: that is not waited for.
    expect(plan(nominated, [[{ ...victim, status: leaving.status }, "a"], placed[1] ?? [victim, "b"]], [], "b")).toMatch(/^[ab]: /);
  });

  it("says why it cannot help", () => {
    const placed: [Pod, string][] = [[pod("same", 0, "2"), "a"]];
    expect(plan(pod("new", 0, "1"), placed)).toBe("preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.");
    expect(plan(pod("new", 0, "8"), placed)).toBe("preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.");
    expect(plan(pod("new", 9, "1", { preemptionPolicy: "Never" }), placed)).toBe("preemption: not eligible due to preemptionPolicy=Never.");
  });
});
