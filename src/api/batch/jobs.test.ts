// Jobs and CronJobs: selectors of the server's making, modes and policies, schedules.
import { describe, expect, test } from "vitest";
import { type Mutable, mutableCopy } from "../../base/types.ts";
import { type FieldError, fieldErrorText } from "../field-errors.ts";
import type { CronJob, Job } from "../generated/types.ts";
import { cronJobs } from "./cron-job.ts";
import { parseCronSchedule } from "./cron-schedule.ts";
import { parseIndexes } from "./indexes.ts";
import { jobs } from "./job.ts";

const texts = (errors: readonly FieldError[] | undefined): string[] => (errors ?? []).map(fieldErrorText);
const context = { now: 0, userName: "u", userGroups: [], warn: () => undefined };
const template = { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "b" }] } };

type Change<T> = (object: Mutable<T>) => void;

function job(change: Change<Job> = () => undefined): Mutable<Job> {
  const object: Mutable<Job> = mutableCopy<Job>({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "j", namespace: "default", uid: "u-1" },
    spec: { template },
  });
  change(object);
  jobs.declaration.defaults?.(object);
  jobs.declaration.prepareForCreate?.(object, context);
  return object;
}

describe("jobs", () => {
  test("defaults, and a selector of the job's uid", () => {
    const object = job();
    expect(object.spec).toMatchObject({
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: "NonIndexed",
      suspend: false,
      manualSelector: false,
      podReplacementPolicy: "TerminatingOrFailed",
      selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "u-1" } },
    });
    expect(object.spec.template.metadata?.labels).toEqual({
      "job-name": "j",
      "batch.kubernetes.io/job-name": "j",
      "controller-uid": "u-1",
      "batch.kubernetes.io/controller-uid": "u-1",
    });
    expect(texts(jobs.declaration.validateCreate?.(object))).toEqual([]);
  });

  test.each<[string, Change<Job>, string[]]>([
    [
      "pods that never end",
      ({ spec }) => {
        spec.template.spec.restartPolicy = "Always";
      },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      "indexes without their number",
      ({ spec }) => {
        spec.completionMode = "Indexed";
        spec.parallelism = 2;
      },
      ["spec.completions: Required value: when completion mode is Indexed"],
    ],
    [
      "a limit per index without indexes",
      ({ spec }) => {
        spec.backoffLimitPerIndex = 1;
      },
      ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
    ],
    [
      "labels of another job",
      ({ spec }) => {
        spec.template.metadata = { name: "", labels: { "job-name": "other" } };
      },
      [
        'spec.template.metadata.labels[job-name]: Invalid value: {"batch.kubernetes.io/controller-uid":"u-1","batch.kubernetes.io/job-name":"j","controller-uid":"u-1","job-name":"other"}: must be \'j\'',
      ],
    ],
    [
      "a failure policy of exit code 0",
      ({ spec }) => {
        spec.podFailurePolicy = { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [0, 2, 1] } }] };
      },
      [
        "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator",
        "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [0,2,1]: must be ordered",
      ],
    ],
    [
      "more successes than completions",
      ({ spec }) => {
        spec.completionMode = "Indexed";
        spec.completions = 3;
        spec.successPolicy = { rules: [{ succeededIndexes: "0,2", succeededCount: 3 }] };
      },
      [
        "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)",
      ],
    ],
  ])("with %s", (_what, change, expected) => {
    expect(texts(jobs.declaration.validateCreate?.(job(change)))).toEqual(expected);
  });

  test("the template stays once pods run; a suspended job may be sent elsewhere", () => {
    const old = job();
    const moved = mutableCopy(old);
    moved.spec.template.spec.nodeSelector = { zone: "a" };
    expect(texts(jobs.declaration.validateUpdate?.(moved, old))[0]).toMatch(/^spec\.template: Invalid value: .*: field is immutable$/);
    const waiting = mutableCopy(old);
    waiting.spec.suspend = true;
    expect(texts(jobs.declaration.validateUpdate?.(moved, waiting))).toEqual([]);
  });

  test("what has finished stays finished, without pods", () => {
    const old = job();
    const done = mutableCopy(old);
    done.status = { active: 1, conditions: [{ type: "Complete", status: "True" }] };
    expect(texts(jobs.declaration.validateStatusUpdate?.(done, old))).toEqual([
      expect.stringContaining("status.conditions: Invalid value: "),
      "status.active: Invalid value: 1: active>0 is invalid for finished job",
      "status.startTime: Required value: startTime is required for finished job",
      "status.completionTime: Required value: completionTime is required for Complete jobs",
    ]);
  });

  test.each<[Partial<Job["status"]>, string, string]>([
    [{}, "Running", "0/1"],
    [{ succeeded: 1, conditions: [{ type: "Complete", status: "True" }] }, "Complete", "1/1"],
    [{ conditions: [{ type: "Suspended", status: "True" }] }, "Suspended", "0/1"],
  ])("%o in the table", (status, text, completions) => {
    const row = jobs.declaration.columns.map((column) => column.value({ ...job(), status: { ...status } }, 0));
    expect(row.slice(1, 3)).toEqual([text, completions]);
  });
});

describe("sets of indexes", () => {
  test.each<[string, unknown]>([
    ["", { ok: true, count: 0, intervals: [] }],
    [
      "0,2-4",
      {
        ok: true,
        count: 4,
        intervals: [
          [0, 0],
          [2, 4],
        ],
      },
    ],
    ["2,1", { ok: false, problem: "non-increasing order, previous: 2, current: 1" }],
    ["9", { ok: false, problem: 'too large index: "9"' }],
    ["x", { ok: false, problem: 'cannot convert string to integer for index: "x"' }],
  ])("%j", (text, expected) => {
    expect(parseIndexes(text, 5)).toEqual(expected);
  });
});

describe("schedules", () => {
  test.each(["*/5 * * * *", "0 0 1 jan mon-fri", "@hourly", "@every 1h30m", "0-30/10,45 * ? * 6"])("%s is one", (text) => {
    expect(parseCronSchedule(text).ok).toBe(true);
  });

  test.each([
    ["", "empty spec string"],
    ["* * * *", "expected exactly 5 fields, found 4: [* * * *]"],
    ["60 * * * *", "end of range (60) above maximum (59): 60"],
    ["5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"],
    ["*/0 * * * *", "step of range should be a positive number: */0"],
    ["* * 0 * *", "beginning of range (0) below minimum (1): 0"],
    ["@sometimes", "unrecognized descriptor: @sometimes"],
    ["1-2-3 * * * *", "too many hyphens: 1-2-3"],
  ])("%s is none", (text, problem) => {
    expect(parseCronSchedule(text)).toEqual({ ok: false, problem });
  });

  test("say which values fit", () => {
    const parsed = parseCronSchedule("0-30/15 8 * * sun");
    if (!parsed.ok || parsed.schedule.kind !== "fields") throw new Error("the example can be read");
    const { minute, day, weekday } = parsed.schedule;
    expect([[...minute.values], day.any, [...weekday.values]]).toEqual([[0, 15, 30], true, [0]]);
  });
});

describe("cron jobs", () => {
  function cronJob(change: Change<CronJob> = () => undefined): Mutable<CronJob> {
    const object = mutableCopy<CronJob>({
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "c", namespace: "default" },
      spec: { schedule: "@daily", jobTemplate: { spec: { template } } },
    });
    change(object);
    cronJobs.declaration.defaults?.(object);
    return object;
  }

  test("defaults; those of the job wait for the job", () => {
    const { spec } = cronJob();
    expect(spec).toMatchObject({ concurrencyPolicy: "Allow", suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 });
    expect(spec.jobTemplate.spec?.backoffLimit).toBeUndefined();
    expect(spec.jobTemplate.spec?.template.spec.dnsPolicy).toBe("ClusterFirst");
  });

  test.each<[string, Change<CronJob>, string[]]>([
    ["an ordinary one", () => undefined, []],
    [
      "an unknown time zone",
      ({ spec }) => {
        spec.timeZone = "Mars/Olympus";
      },
      ['spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus'],
    ],
    [
      "a time zone in the schedule",
      ({ spec }) => {
        spec.schedule = "TZ=UTC 0 0 * * *";
      },
      ['spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
    ],
    [
      "a name that leaves no room for the time",
      ({ metadata }) => {
        metadata.name = "c".repeat(53);
      },
      [`metadata.name: Invalid value: "${"c".repeat(53)}": must be no more than 52 characters`],
    ],
  ])("with %s", (_what, change, expected) => {
    expect(texts(cronJobs.declaration.validateCreate?.(cronJob(change)))).toEqual(expected);
  });
});
