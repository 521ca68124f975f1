import { describe, expect, it } from "vitest";
import type { Pod, PodDisruptionBudget } from "../api/index.ts";
import { planBudget, planStaleDisruption, type Workload } from "./disruption.ts";
import { ago, brief, NOW_MS, pod } from "./testing.ts";

function budget(spec: PodDisruptionBudget["spec"], status?: PodDisruptionBudget["status"]): PodDisruptionBudget {
  const selector = { matchLabels: { app: "web" } };
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "b", namespace: "default", generation: 1 },
    spec: { selector, ...spec },
    ...(status === undefined ? {} : { status }),
  };
}
const workload = (replicas: number) => (): Workload => ({ uid: "w", replicas });
const web = (count: number, ready = count): Pod[] =>
  Array.from({ length: count }, (_, number) => pod({ name: `p${number}`, ready: number < ready, ownerUid: "w" }));

function statusOf(of: PodDisruptionBudget, pods: readonly Pod[], workloadOf: () => Workload | undefined = workload(pods.length)) {
  const [write] = planBudget({ budget: of, pods, workloadOf }, NOW_MS).actions;
  return write?.do === "update" ? (write.object as PodDisruptionBudget).status : undefined;
}

describe("a disruption budget", () => {
  it.each<[string, PodDisruptionBudget["spec"], Pod[], number, number]>([
    ["leaves a number", { minAvailable: 2 }, web(3), 1, 2],
    ["leaves a share, rounded up", { minAvailable: "50%" }, web(3), 1, 2],
    ["takes a number", { maxUnavailable: 1 }, web(3), 1, 2],
    ["takes a share, rounded up", { maxUnavailable: "30%" }, web(3), 1, 2],
    ["counts what is not ready as taken", { maxUnavailable: 1 }, web(3, 2), 0, 2],
    ["allows nothing without pods", { minAvailable: 0 }, [], 0, 0],
  ])("%s", (_what, spec, pods, disruptionsAllowed, desiredHealthy) => {
    const reason = disruptionsAllowed > 0 ? "SufficientPods" : "InsufficientPods";
    expect(statusOf(budget(spec), pods)).toMatchObject({
      disruptionsAllowed,
      desiredHealthy,
      expectedPods: pods.length,
      conditions: [{ type: "DisruptionAllowed", reason }],
    });
  });

  it("allows nothing while its workloads can't be found out, and looks again", () => {
    const plan = planBudget({ budget: budget({ maxUnavailable: 1 }), pods: web(3), workloadOf: () => undefined, problem: "no answer" }, NOW_MS);
    expect(plan).toMatchObject({
      requeueAfterMs: 60_000,
      actions: [{ object: { status: { disruptionsAllowed: 0, conditions: [{ message: "no answer" }] } } }, {}],
    });
  });

  it("counts an eviction that was granted until it shows, or two minutes", () => {
    const granted = (seconds: number) => budget({ minAvailable: 1 }, { disruptedPods: { p0: ago(seconds) } });
    expect(statusOf(granted(10), web(3))).toMatchObject({ currentHealthy: 2, disruptedPods: { p0: ago(10) } });
    expect(planBudget({ budget: granted(10), pods: web(3), workloadOf: workload(3) }, NOW_MS).requeueAfterMs).toBe(110_001);
    expect(statusOf(granted(121), web(3))).toMatchObject({ currentHealthy: 3 });
    expect(brief(planBudget({ budget: granted(121), pods: web(3), workloadOf: workload(3) }, NOW_MS).actions)).toContain("note NotDeleted");
  });

  it("allows nothing where it cannot be counted, and says so", () => {
    expect(statusOf(budget({ maxUnavailable: 1 }), web(3), () => undefined)).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ status: "False", reason: "SyncFailed", message: 'found no controllers for pod "p0"' }],
    });
  });

  it("is written once", () => {
    const status = statusOf(budget({ minAvailable: 1 }), web(2));
    expect(planBudget({ budget: budget({ minAvailable: 1 }, status), pods: web(2), workloadOf: workload(2) }, NOW_MS).actions).toEqual([]);
  });
});

it("takes back the mark of a disruption that never came", () => {
  const marked = (seconds: number): Pod => {
    const made = pod({ name: "a" });
    return { ...made, status: { ...made.status, conditions: [{ type: "DisruptionTarget", status: "True", lastTransitionTime: ago(seconds) }] } };
  };
  expect(planStaleDisruption(marked(20), NOW_MS)).toEqual({ actions: [], requeueAfterMs: 100_000 });
  expect(brief(planStaleDisruption(marked(130), NOW_MS).actions)).toEqual(["patch pods/status a"]);
});
