// How many pods a metric calls for: loads against targets, and what pods without a word do to it.
import { describe, expect, it } from "vitest";
import type { Pod } from "../api/index.ts";
import {
  type Population,
  type ProposalOrProblem,
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type Sample,
} from "./autoscaler-replicas.ts";
import { ago, NOW_MS, pod } from "./testing.ts";

interface Sketch {
  /** Thousandths; undefined: no sample. */
  readonly uses?: number;
  readonly requests?: string;
  readonly state?: "ready" | "unready" | "pending" | "failed" | "deleting";
  readonly startedSecondsAgo?: number;
  readonly sampledSecondsAgo?: number;
  readonly changedSecondsAgo?: number;
}

const CPU = { resource: "cpu", container: "" };
const names = (count: number): string[] => Array.from({ length: count }, (_, position) => `p${position}`);

function population(sketches: readonly Sketch[], tolerance = 0.1): { population: Population; samples: Map<string, Sample> } {
  const samples = new Map<string, Sample>();
  const pods = sketches.map((sketch, position): Pod => {
    const { uses, requests = "1", state = "ready", startedSecondsAgo = 3600, changedSecondsAgo = startedSecondsAgo - 1, sampledSecondsAgo = 0 } = sketch;
    const name = `p${position}`;
    if (uses !== undefined) samples.set(name, { value: uses, atMs: NOW_MS - sampledSecondsAgo * 1000, windowMs: 15_000 });
    const phase = state === "pending" ? "Pending" : state === "failed" ? "Failed" : "Running";
    const containers = [{ name: "main", image: "app:1", resources: { requests: { cpu: requests, memory: "1Gi" } } }];
    const made = pod({ name, ready: state === "ready", readySince: changedSecondsAgo, phase, deleting: state === "deleting", more: { containers } });
    return { ...made, status: { ...made.status, startTime: ago(startedSecondsAgo) } };
  });
  return { population: { pods, specReplicas: sketches.length, tolerances: { down: tolerance, up: tolerance }, nowMs: NOW_MS }, samples };
}

function byUtilization(percent: number, sketches: readonly Sketch[], more: Partial<Population> = {}): ProposalOrProblem {
  const { population: made, samples } = population(sketches);
  return replicasForUtilization({ ...made, ...more }, samples, { ...CPU, percent });
}

const times = (count: number, sketch: Sketch): Sketch[] => names(count).map(() => sketch);

describe("a target in percent of the requests", () => {
  const cases: readonly [what: string, percent: number, pods: readonly Sketch[], replicas: number, utilization?: number][] = [
    ["rises with the load", 30, [{ uses: 300 }, { uses: 500 }, { uses: 700 }], 5, 50],
    ["falls with the load", 50, [{ uses: 100 }, { uses: 300 }, { uses: 500 }, { uses: 250 }, { uses: 250 }], 3, 28],
    ["stays within the tolerance", 100, [{ uses: 1010 }, { uses: 1030 }, { uses: 1020 }], 3, 102],
    ["follows just outside of it", 100, [{ uses: 1110 }, { uses: 1110 }], 3, 111],
    ["leaves pending pods out, and takes them for idle when it rises", 30, [{ uses: 300 }, { uses: 500 }, { uses: 700, state: "pending" }], 3, 40],
    ["leaves pods out that start and are not ready yet", 30, [{ uses: 300 }, { uses: 700, state: "unready", startedSecondsAgo: 60 }], 2, 30],
    ["counts a pod that became unready long after it started", 30, [{ uses: 600 }, { uses: 600, state: "unready", changedSecondsAgo: 300 }], 4, 60],
    ["waits for a window since a pod became ready", 30, [{ uses: 300 }, { uses: 900, startedSecondsAgo: 30, changedSecondsAgo: 10 }], 2, 30],
    ["ignores failed and deleted pods altogether", 30, [{ uses: 300 }, { uses: 600 }, { uses: 900, state: "failed" }, { uses: 900, state: "deleting" }], 3, 45],
    ["takes pods without a sample for idle when it rises", 50, [{ uses: 1000 }, { uses: 1000 }, {}, {}], 4, 100],
    ["takes pods without a sample for busy when it falls", 50, [{ uses: 100 }, { uses: 100 }, {}], 3, 10],
    ["falls in spite of one without a sample", 100, [...times(9, { uses: 100 }), {}], 2, 10],
    ["never turns round for what it assumes", 50, [{ uses: 600 }, {}], 2, 60],
  ];
  it.each(cases)("%s", (_, percent, pods, replicas, utilization) => {
    expect(byUtilization(percent, pods)).toMatchObject({ ok: true, replicas, utilization });
  });

  const problems: readonly [what: string, sketches: readonly Sketch[], problem: string][] = [
    ["no pods", [], "no pods returned by selector while calculating replica count"],
    ["only pods that start", [{ uses: 300, state: "pending" }], "did not receive metrics for targeted pods (pods might be unready)"],
  ];
  it.each(problems)("is not met by %s", (_, sketches, problem) => {
    expect(byUtilization(50, sketches)).toEqual({ ok: false, problem });
  });

  it("needs requests, of the pod or of every container that lasts", () => {
    const { population: made, samples } = population([{ uses: 500 }]);
    const [first] = made.pods;
    if (first === undefined) throw new Error("a pod");
    const ask = (spec: Partial<Pod["spec"]>, container = "") =>
      replicasForUtilization({ ...made, pods: [{ ...first, spec: { ...first.spec, ...spec } }] }, samples, { resource: "cpu", container, percent: 50 });
    const main = { name: "main", image: "i", resources: { requests: { cpu: "1" } } };
    const bare = { name: "bare", image: "i" };
    expect(ask({ containers: [main, bare] })).toEqual({ ok: false, problem: "missing request for cpu in container bare of Pod p0" });
    expect(ask({ containers: [main], initContainers: [bare] })).toMatchObject({ utilization: 50 });
    expect(ask({ containers: [main], initContainers: [{ ...bare, restartPolicy: "Always" }] })).toMatchObject({ ok: false });
    expect(ask({ containers: [main, bare] }, "main")).toMatchObject({ utilization: 50 });
    expect(ask({ containers: [main] }, "other")).toEqual({ ok: false, problem: "container other not found in Pod p0" });
    expect(ask({ containers: [bare], resources: { requests: { cpu: "2" } } })).toMatchObject({ utilization: 25 });
    expect(ask({ containers: [main], resources: { requests: { memory: "1Gi" } } })).toMatchObject({ ok: true });
  });
});

describe("a target as an average amount", () => {
  const cases: readonly [what: string, target: number, pods: readonly Sketch[], replicas: number, amount: number][] = [
    ["rises", 15_000, [{ uses: 20_000 }, { uses: 10_000 }, { uses: 30_000 }], 4, 20_000],
    ["falls", 20_000, times(5, { uses: 10_000 }), 3, 10_000],
    ["stays", 20_000, times(3, { uses: 19_000 }), 3, 19_000],
    ["takes a missing sample for right when it falls", 20_000, [{ uses: 10_000 }, {}], 2, 10_000],
    ["looks at pods that just started, for it is no cpu", 10_000, [{ uses: 20_000, state: "unready", startedSecondsAgo: 5 }], 2, 20_000],
  ];
  it.each(cases)("%s", (_, target, sketches, replicas, amount) => {
    const { population: made, samples } = population(sketches);
    expect(replicasForAverage(made, samples, target, "")).toEqual({ ok: true, replicas, amount });
  });
});

describe("a target for one value", () => {
  const { population: three } = population(times(3, {}));
  it("is shared by the pods that are ready", () => {
    expect(replicasForValue(three, 33_000, 20_000)).toMatchObject({ replicas: 5 });
    expect(replicasForValue(three, 21_000, 20_000)).toMatchObject({ replicas: 3 });
    expect(replicasForValue({ ...three, pods: population([{}, { state: "unready" }, {}]).population.pods }, 40_000, 20_000)).toMatchObject({ replicas: 4 });
    expect(replicasForValue({ ...three, pods: [] }, 40_000, 20_000)).toMatchObject({ ok: false });
    expect(replicasForValue({ ...three, specReplicas: 0 }, 40_000, 20_000)).toMatchObject({ replicas: 2 });
    expect(replicasForValue(three, 1e18, 1)).toMatchObject({ replicas: 2 ** 31 - 1 });
  });
  it("is divided among all that there are", () => {
    expect(replicasForShare(3, three.tolerances, 8600, 2000)).toEqual({ ok: true, replicas: 5, amount: 2867 });
    expect(replicasForShare(3, three.tolerances, 6100, 2000)).toMatchObject({ replicas: 3 });
    expect(replicasForShare(0, three.tolerances, 6100, 2000)).toEqual({ ok: true, replicas: 4, amount: 6100 });
  });
});

it("uses the tolerance of each direction", () => {
  const pods = [{ uses: 560 }, { uses: 560 }];
  expect(byUtilization(50, pods, { tolerances: { down: 0.1, up: 0.2 } })).toMatchObject({ replicas: 2 });
  expect(byUtilization(50, pods, { tolerances: { down: 0.2, up: 0.1 } })).toMatchObject({ replicas: 3 });
});
