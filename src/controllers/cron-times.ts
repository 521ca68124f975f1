// When a cron schedule is due, in a time zone. Pure: the zone's rules come from the language's own tables
// (https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones). A local time that a change of clocks
// skips is not due; one that it repeats is due twice.
import type { CronField, CronSchedule } from "../api/index.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A schedule like 30 February is never due: nobody looks further than this. */
const MAX_DAYS = 5 * 366;

interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** False for a name that is no time zone. */
export function isTimeZone(name: string): boolean {
  try {
    return formatFor(name) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function formatFor(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const numeric = "numeric" as const;
  const made = new Intl.DateTimeFormat("en-US", { timeZone, year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, hourCycle: "h23" });
  formats.set(timeZone, made);
  return made;
}

function localTime(atMs: number, timeZone: string): LocalTime {
  if (timeZone === "UTC") {
    const date = new Date(atMs);
    return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour: date.getUTCHours(), minute: date.getUTCMinutes() };
  }
  const parts = Object.fromEntries(
    formatFor(timeZone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts;
  return { year, month, day, hour, minute };
}

/** The first time due after `afterMs`; undefined when there is none in the next five years. */
export function nextTime(schedule: CronSchedule, afterMs: number, timeZone = "UTC"): number | undefined {
  if (schedule.kind === "every") return Math.floor(afterMs / 1000) * 1000 + Math.max(1000, Math.floor(schedule.intervalMs / 1000) * 1000);
  const fromMs = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS;
  const first = localTime(fromMs, timeZone);
  for (let days = 0; days < MAX_DAYS; days++) {
    const date = new Date(Date.UTC(first.year, first.month - 1, first.day + days));
    if (!dayMatches(schedule, date)) continue;
    const due = firstOnDay(schedule, date, { fromMs, timeZone });
    if (due !== undefined) return due;
  }
  return undefined;
}

type Fields = Extract<CronSchedule, { kind: "fields" }>;

/** Day of month and day of week: both where one is free, either where both are given. */
function dayMatches({ month, day, weekday }: Fields, date: Date): boolean {
  const fits = (field: CronField, value: number): boolean => field.values.has(value);
  if (!fits(month, date.getUTCMonth() + 1)) return false;
  const byDay = fits(day, date.getUTCDate());
  const byWeekday = fits(weekday, date.getUTCDay());
  return day.any || weekday.any ? byDay && byWeekday : byDay || byWeekday;
}

/** Walks the real hours of a local day, however many it has. */
function firstOnDay(schedule: Fields, date: Date, { fromMs, timeZone }: { readonly fromMs: number; readonly timeZone: string }): number | undefined {
  const dayStartMs = date.getTime();
  const minutes = [...schedule.minute.values].sort((a, b) => a - b);
  const beginMs = Math.max(dayStartMs - DAY_MS, Math.floor(fromMs / (HOUR_MS / 4)) * (HOUR_MS / 4));
  for (let atMs = beginMs; atMs < dayStartMs + 2 * DAY_MS; ) {
    const local = localTime(atMs, timeZone);
    const offset = Date.UTC(local.year, local.month - 1, local.day) - dayStartMs;
    if (offset > 0) return undefined;
    if (offset === 0 && schedule.hour.values.has(local.hour)) {
      for (const minute of minutes) {
        const dueMs = atMs + (minute - local.minute) * MINUTE_MS;
        if (minute >= local.minute && dueMs >= fromMs && localTime(dueMs, timeZone).hour === local.hour) return dueMs;
      }
    }
    // To the next full local hour; a day before is stepped over quickly.
    atMs += offset <= -DAY_MS && local.hour < 20 ? 4 * HOUR_MS : HOUR_MS - local.minute * MINUTE_MS;
  }
  return undefined;
}
