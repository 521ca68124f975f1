import { describe, expect, it } from "vitest";
import { type CronJob, type CronSchedule, type Job, parseCronSchedule } from "../api/index.ts";
import { isTimeZone, nextTime } from "./cron-times.ts";
import { planCronJob } from "./cronjob.ts";
import { ago, brief, NOW_MS } from "./testing.ts";

function parse(text: string): CronSchedule {
  const parsed = parseCronSchedule(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.schedule;
}

describe("the next time of a schedule", () => {
  it.each([
    ["*/15 * * * *", "2026-01-01T12:00:00Z", "UTC", "2026-01-01T12:15:00.000Z"],
    ["0 * * * *", "2026-01-01T12:00:00Z", "UTC", "2026-01-01T13:00:00.000Z"],
    ["30 8 * * 1-5", "2026-01-02T09:00:00Z", "UTC", "2026-01-05T08:30:00.000Z"],
    ["0 0 13 * 5", "2026-01-01T00:00:00Z", "UTC", "2026-01-02T00:00:00.000Z"],
    ["0 0 29 2 *", "2026-01-01T00:00:00Z", "UTC", "2028-02-29T00:00:00.000Z"],
    ["@daily", "2026-01-01T12:00:00Z", "UTC", "2026-01-02T00:00:00.000Z"],
    ["@every 90s", "2026-01-01T12:00:00Z", "UTC", "2026-01-01T12:01:30.000Z"],
    ["0 9 * * *", "2026-01-01T12:00:00Z", "America/New_York", "2026-01-01T14:00:00.000Z"],
    ["0 9 * * *", "2026-07-01T14:00:00Z", "America/New_York", "2026-07-02T13:00:00.000Z"],
    ["15 5 * * *", "2026-01-01T12:00:00Z", "Asia/Kolkata", "2026-01-01T23:45:00.000Z"],
    // Clocks skip 02:30 on 8 March and repeat 01:30 on 1 November.
    ["30 2 * * *", "2026-03-08T05:00:00Z", "America/New_York", "2026-03-09T06:30:00.000Z"],
    ["30 1 * * *", "2026-11-01T05:30:00Z", "America/New_York", "2026-11-01T06:30:00.000Z"],
  ])("%s after %s in %s", (text, after, zone, expected) => {
    expect(new Date(nextTime(parse(text), Date.parse(after), zone) ?? 0).toISOString()).toBe(expected);
  });

  it("is none for a day that never comes", () => {
    expect(nextTime(parse("0 0 30 2 *"), NOW_MS)).toBeUndefined();
  });

  it("knows time zones", () => {
    expect([isTimeZone("Europe/Vienna"), isTimeZone("Mars/Olympus")]).toEqual([true, false]);
  });
});

function cronJob(spec: Partial<CronJob["spec"]> = {}, lastSeconds = 90, status: Partial<CronJob["status"]> = {}): CronJob {
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "c", namespace: "default", uid: "c", creationTimestamp: ago(86_400) },
    spec: {
      schedule: "* * * * *",
      concurrencyPolicy: "Allow",
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: { template: { spec: { containers: [] } } } },
      ...spec,
    },
    status: { lastScheduleTime: ago(lastSeconds), ...status },
  };
}
function job(name: string, condition?: "Complete" | "Failed", startedSeconds = 100): Job {
  const conditions = condition === undefined ? [] : [{ type: condition, status: "True" }];
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: "default", uid: name, annotations: { "batch.kubernetes.io/cronjob-scheduled-timestamp": ago(startedSeconds) } },
    spec: { template: { spec: { containers: [] } } },
    status: { startTime: ago(startedSeconds), conditions, ...(condition === "Complete" ? { completionTime: ago(startedSeconds - 10) } : {}) },
  };
}
/** As `kubectl create job --from=cronjob/c` makes it. */
function manual(name: string): Job {
  const made = job(name);
  return { ...made, metadata: { ...made.metadata, annotations: { "cronjob.kubernetes.io/instantiate": "manual" } } };
}
const DUE = `c-${NOW_MS / 60_000}`;

describe("a cron job", () => {
  it.each<[string, CronJob, Job[], string[]]>([
    ["makes a job named after its time", cronJob(), [], [`create jobs ${DUE}`]],
    ["once", cronJob(), [job(DUE)], []],
    ["not before its time", cronJob({}, 0), [], []],
    ["not while suspended", cronJob({ suspend: true }), [], []],
    ["only the latest of those it missed", cronJob({}, 600), [], [`create jobs ${DUE}`]],
    ["not while another runs where forbidden", cronJob({ concurrencyPolicy: "Forbid" }), [job("c-1")], ["note JobAlreadyActive"]],
    ["in the place of another where told to", cronJob({ concurrencyPolicy: "Replace" }), [job("c-1")], ["delete jobs c-1", `create jobs ${DUE}`]],
    ["beside another where allowed", cronJob(), [job("c-1")], [`create jobs ${DUE}`]],
    ["though one runs that a user made by hand", cronJob({ concurrencyPolicy: "Forbid" }), [manual("m")], ["note UnexpectedJob", `create jobs ${DUE}`]],
    ["tells of a wrong time zone", cronJob({ timeZone: "Mars/Olympus" }), [], ["note UnknownTimeZone"]],
    ["tells how many times it missed", cronJob({}, 86_000), [], ["note TooManyMissedTimes", `create jobs ${DUE}`]],
    [
      "forgets the oldest jobs",
      cronJob({ successfulJobsHistoryLimit: 1 }, 0),
      [job("c-1", "Complete", 300), job("c-2", "Complete", 200), job("c-3", "Failed", 300), job("c-4", "Failed", 200)],
      ["delete jobs c-1", "delete jobs c-3"],
    ],
    [
      "tells what became of its jobs",
      cronJob({}, 0, {
        active: [
          { uid: "c-1", name: "c-1" },
          { uid: "c-9", name: "c-9" },
        ],
      }),
      [job("c-1", "Complete")],
      ["note SawCompletedJob", "note MissingJob"],
    ],
  ])("%s", (_what, of, jobs, expected) => {
    expect(brief(planCronJob({ cronJob: of, jobs, named: () => undefined }, NOW_MS).actions)).toEqual(expected);
  });

  it("leaves a time to whoever took its name", () => {
    const named = (name: string): Job | undefined => (name === DUE ? job(DUE) : undefined);
    expect(planCronJob({ cronJob: cronJob(), jobs: [], named }, NOW_MS)).toMatchObject({ actions: [], requeueAfterMs: 60_000 });
  });

  it("serves only the latest of the times within the deadline", () => {
    const late = cronJob({ schedule: "*/2 * * * *", startingDeadlineSeconds: 1 }, 600);
    expect(brief(planCronJob({ cronJob: late, jobs: [], named: () => undefined }, NOW_MS + 500).actions)).toEqual([`create jobs ${DUE}`]);
  });

  it("lets go of a time past the deadline", () => {
    const late = cronJob({ schedule: "0 11 * * *", startingDeadlineSeconds: 60 }, 86_400);
    expect(brief(planCronJob({ cronJob: late, jobs: [], named: () => undefined }, NOW_MS).actions)).toEqual([]);
  });

  it("writes what runs, what was due and what succeeded, and looks again when the next is due", () => {
    const plan = planCronJob({ cronJob: cronJob(), jobs: [job("c-1"), job("c-2", "Complete")], named: () => undefined }, NOW_MS);
    expect(plan.requeueAfterMs).toBe(60_000);
    const [write] = plan.afterwards?.(undefined) ?? [];
    expect(write?.do === "update" && (write.object as CronJob).status).toMatchObject({
      active: [{ name: "c-1" }],
      lastScheduleTime: ago(0),
      lastSuccessfulTime: ago(90),
    });
    const [failed] = plan.afterwards?.(new Error("no")) ?? [];
    expect(failed?.do === "update" && (failed.object as CronJob).status?.lastScheduleTime).toBe(ago(90));
  });
});
