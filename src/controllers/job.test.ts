import { describe, expect, it } from "vitest";
import type { Job, JobStatus, Pod } from "../api/index.ts";
import { planJob, planTtl } from "./job.ts";
import { formatIndexes, readIndexes } from "./job-indexes.ts";
import { ago, brief, NOW_MS, pod } from "./testing.ts";

function job(spec: Partial<Job["spec"]> = {}, status: JobStatus = {}): Job {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "j", namespace: "default", uid: "j", generation: 1 },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: "NonIndexed",
      selector: { matchLabels: { app: "j" } },
      template: { metadata: { name: "", labels: { app: "j" } }, spec: { restartPolicy: "Never", containers: [{ name: "main", image: "app:1" }] } },
      ...spec,
    },
    status: { startTime: ago(100), ...status },
  };
}

interface JobPodSketch {
  readonly phase?: string;
  readonly exitCode?: number;
  readonly index?: number;
  readonly failures?: number;
  readonly counted?: boolean;
  readonly finished?: number;
  readonly deleting?: boolean;
}
function jobPod(name: string, { phase = "Running", exitCode, index, failures, counted = false, finished = 50, deleting = false }: JobPodSketch = {}): Pod {
  const annotations = {
    ...(index === undefined ? {} : { "batch.kubernetes.io/job-completion-index": String(index) }),
    ...(failures === undefined ? {} : { "batch.kubernetes.io/job-index-failure-count": String(failures) }),
  };
  const made = pod({ name, labels: { app: "j" }, ownerUid: "j", phase, annotations, deleting });
  const finalizers = counted ? [] : ["batch.kubernetes.io/job-tracking"];
  const code = exitCode ?? (phase === "Failed" ? 1 : 0);
  const terminated = { exitCode: code, finishedAt: ago(finished) };
  const state = phase === "Running" ? { running: {} } : { terminated };
  const containerStatuses = [{ name: "main", restartCount: 0, image: "", imageID: "", ready: false, state }];
  return { ...made, metadata: { ...made.metadata, finalizers }, status: { ...made.status, phase, containerStatuses } };
}
const INDEXED = { completionMode: "Indexed", completions: 3, parallelism: 3 } as const;

function run(of: Job, pods: readonly Pod[]) {
  const plan = planJob({ job: of, candidates: pods }, NOW_MS);
  const after = plan.afterwards?.(undefined) ?? [];
  const write = after.find((action) => action.do === "update");
  const status = write?.do === "update" ? (write.object as Job).status : of.status;
  return { plan, actions: brief(plan.actions), after: brief(after), status, ends: status?.conditions?.map(({ type, reason }) => `${type} ${reason}`) ?? [] };
}

describe("the pods of a job", () => {
  it("wait for a successor that was deleted, as for one that failed", () => {
    const deleted = jobPod("a", { deleting: true });
    const conditions = [{ type: "Ready", status: "True", lastTransitionTime: ago(90) }];
    const { plan, actions } = run(job(), [{ ...deleted, status: { ...deleted.status, conditions } }]);
    expect(actions).toEqual([]);
    // 10 s from when it was asked to stop, a second ago.
    expect(plan.requeueAfterMs).toBe(9000);
    expect(run(job({ podReplacementPolicy: "Failed" }), [deleted]).actions).toEqual([]);
  });

  it("are told of on the job when it takes them away", () => {
    const { plan } = run(job({ suspend: true }), [jobPod("a")]);
    const removal = plan.actions.find((action) => action.do === "delete");
    expect(removal?.do === "delete" && removal.succeeded?.(removal.object)).toMatchObject({ reason: "SuccessfulDelete", message: "Deleted pod: a" });
  });

  it.each<[string, Job, Pod[], string[]]>([
    ["as many as may run at once", job({ parallelism: 2, completions: 5 }), [], ["create pods", "create pods"]],
    ["no more than are still needed", job({ parallelism: 5, completions: 3 }, { succeeded: 2 }), [], ["create pods"]],
    ["without completions one success is enough", job({ parallelism: 3, completions: undefined }, { succeeded: 1 }), [jobPod("a")], []],
    ["the surplus goes, uncounted", job({ parallelism: 1, completions: 5 }), [jobPod("a"), jobPod("b")], ["patch pods a", "delete pods a"]],
    ["none while suspended", job({ suspend: true }), [jobPod("a")], ["patch pods a", "delete pods a"]],
    ["the missing indexes", job(INDEXED, { completedIndexes: "1" }), [jobPod("a", { index: 0 })], ["create pods"]],
    ["not two of one index", job(INDEXED), [0, 0, 1, 2].map((index, number) => jobPod(`p${number}`, { index })), ["patch pods p1", "delete pods p1"]],
    [
      "nothing but release once finished",
      job({}, { conditions: [{ type: "Complete", status: "True" }] }),
      [jobPod("a", { phase: "Succeeded" })],
      ["patch pods a"],
    ],
  ])("%s", (_what, of, pods, expected) => {
    expect(run(of, pods).actions).toEqual(expected);
  });

  it("wait after failures: ten seconds, doubling", () => {
    const once = run(job(), [jobPod("a", { phase: "Failed", counted: true, finished: 4 })]);
    expect([once.actions, once.plan.requeueAfterMs]).toEqual([[], 6000]);
    const twice = run(job(), [jobPod("a", { phase: "Failed", counted: true, finished: 30 }), jobPod("b", { phase: "Failed", counted: true, finished: 4 })]);
    expect(twice.plan.requeueAfterMs).toBe(16_000);
  });
});

describe("the accounts of a job", () => {
  it("write a uid down, then let the pod go, then count it", () => {
    const ended = jobPod("a", { phase: "Succeeded" });
    const first = run(job({ completions: 2 }), [ended]);
    expect(first.status?.uncountedTerminatedPods).toEqual({ succeeded: ["uid-a"] });
    expect(first.status?.succeeded).toBeUndefined();
    expect(first.after).toEqual(["update jobs/status j", "patch pods a"]);
    const second = run(job({ completions: 2 }, first.status), [jobPod("a", { phase: "Succeeded", counted: true })]);
    expect(second.status).toMatchObject({ succeeded: 1, uncountedTerminatedPods: {} });
    const third = run(job({ completions: 2 }, second.status), [jobPod("a", { phase: "Succeeded", counted: true })]);
    expect(third.status?.succeeded).toBe(1);
  });
});

describe("a job ends", () => {
  const rule = (action: string, more: object) => ({ rules: [{ action, ...more }] });
  const exit42 = { onExitCodes: { operator: "In", values: [42] } };
  it.each<[string, Job, Pod[], string[]]>([
    [
      "complete when all is counted",
      job({}, { succeeded: 1 }),
      [jobPod("a", { phase: "Succeeded", counted: true })],
      ["SuccessCriteriaMet CompletionsReached", "Complete CompletionsReached"],
    ],
    ["not before all is counted", job(), [jobPod("a", { phase: "Succeeded" })], ["SuccessCriteriaMet CompletionsReached"]],
    [
      "not before all pods have gone",
      job({ backoffLimit: 0, parallelism: 2, completions: 2 }, { failed: 1 }),
      [jobPod("b")],
      ["FailureTarget BackoffLimitExceeded"],
    ],
    ["at its deadline", job({ activeDeadlineSeconds: 100 }), [], ["FailureTarget DeadlineExceeded", "Failed DeadlineExceeded"]],
    [
      "when a rule says so",
      job({ podFailurePolicy: rule("FailJob", exit42) }),
      [jobPod("a", { phase: "Failed", exitCode: 42, counted: true })],
      ["FailureTarget PodFailurePolicy", "Failed PodFailurePolicy"],
    ],
    ["not by failures to be ignored", job({ backoffLimit: 0, podFailurePolicy: rule("Ignore", exit42) }), [jobPod("a", { phase: "Failed", exitCode: 42 })], []],
    [
      "by its success policy",
      job({ ...INDEXED, successPolicy: { rules: [{ succeededIndexes: "0" }] } }, { completedIndexes: "0", succeeded: 1 }),
      [],
      ["SuccessCriteriaMet SuccessPolicy", "Complete SuccessPolicy"],
    ],
    [
      "when all other indexes are done",
      job({ ...INDEXED, backoffLimit: 99, backoffLimitPerIndex: 0 }, { completedIndexes: "0,1", succeeded: 2 }),
      [jobPod("c", { phase: "Failed", index: 2, counted: true })],
      ["FailureTarget FailedIndexes", "Failed FailedIndexes"],
    ],
    [
      "when too many indexes failed",
      job({ ...INDEXED, backoffLimit: 99, backoffLimitPerIndex: 0, maxFailedIndexes: 0 }),
      [jobPod("c", { phase: "Failed", index: 2, counted: true })],
      ["FailureTarget MaxFailedIndexesExceeded", "Failed MaxFailedIndexesExceeded"],
    ],
  ])("%s", (_what, of, pods, expected) => {
    expect(run(of, pods).ends).toEqual(expected);
  });

  it("with the text of the rule", () => {
    const of = job({ podFailurePolicy: rule("FailJob", exit42) });
    expect(run(of, [jobPod("a", { phase: "Failed", exitCode: 42 })]).status?.conditions?.[0]?.message).toBe(
      "Container main for pod default/a failed with exit code 42 matching FailJob rule at index 0",
    );
  });
});

it("carries an index's failures over to its next pod", () => {
  const of = job({ ...INDEXED, completions: 1, backoffLimit: 99, backoffLimitPerIndex: 3 });
  const { plan, after } = run(of, [jobPod("a", { phase: "Failed", index: 0, failures: 1, finished: 60 })]);
  const [create] = plan.actions;
  expect(create?.do === "create" && create.object.metadata.annotations).toMatchObject({ "batch.kubernetes.io/job-index-failure-count": "2" });
  expect(after).not.toContain("patch pods a");
});

it("is deleted after its time to live", () => {
  const conditions = [{ type: "Complete", status: "True", lastTransitionTime: ago(20) }];
  expect(planTtl(job({ ttlSecondsAfterFinished: 30 }, { conditions }), NOW_MS).requeueAfterMs).toBe(10_000);
  expect(brief(planTtl(job({ ttlSecondsAfterFinished: 20 }, { conditions }), NOW_MS).actions)).toEqual(["delete jobs j"]);
  expect(planTtl(job({ ttlSecondsAfterFinished: 0 }), NOW_MS).actions).toEqual([]);
});

it.each(["", "0", "0,1", "0-2", "0,2-4,7,8"])("reads and writes indexes: %s", (text) => {
  expect(formatIndexes(readIndexes(text, 10))).toBe(text);
});
