// Schedules of CronJobs: five fields, `@daily` and its kin, `@every 1h` (https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax).
import { parseDuration } from "../../base/index.ts";

/** The values of a field that fit; `any` when it was `*` or `?`, which changes how days of month and of week go together. */
export interface CronField {
  readonly values: ReadonlySet<number>;
  readonly any: boolean;
}

export type CronSchedule =
  | {
      readonly kind: "fields";
      readonly minute: CronField;
      readonly hour: CronField;
      readonly day: CronField;
      readonly month: CronField;
      readonly weekday: CronField;
    }
  | { readonly kind: "every"; readonly intervalMs: number };

export type CronResult = { readonly ok: true; readonly schedule: CronSchedule } | { readonly ok: false; readonly problem: string };

/** What is wrong with a schedule, on the way out of the parser. */
class CronProblem extends Error {
  override readonly name = "CronProblem";
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MINUTE: Bounds = { min: 0, max: 59 };
const HOUR: Bounds = { min: 0, max: 23 };
const DAY: Bounds = { min: 1, max: 31 };
const MONTH: Bounds = { min: 1, max: 12, names: ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"] };
const WEEKDAY: Bounds = { min: 0, max: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };
const DESCRIPTORS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

function parseNumber(text: string, { names = [] }: Bounds): number {
  const named = text === "" ? -1 : names.indexOf(text.toLowerCase());
  if (named !== -1) return named;
  if (!/^[+-]?[0-9]+$/.test(text)) throw new CronProblem(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (value < 0) throw new CronProblem(`negative number (${value}) not allowed: ${text}`);
  return value;
}

interface Range {
  start: number;
  end: number;
  any: boolean;
}

function parseBounds(text: string, whole: string, bounds: Bounds, hasStep: boolean): Range {
  const [low = "", high, ...more] = text.split("-");
  if (low === "*" || low === "?") return { start: bounds.min, end: bounds.max, any: true };
  if (more.length > 0) throw new CronProblem(`too many hyphens: ${whole}`);
  const start = parseNumber(low, bounds);
  const end = high === undefined ? (hasStep ? bounds.max : start) : parseNumber(high, bounds);
  return { start, end, any: false };
}

function parseRange(text: string, bounds: Bounds): { values: number[]; any: boolean } {
  const [span = "", stepText, ...more] = text.split("/");
  const { start, end, any } = parseBounds(span, text, bounds, stepText !== undefined);
  if (more.length > 0) throw new CronProblem(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText, { min: 0, max: 0 });
  if (start < bounds.min) throw new CronProblem(`beginning of range (${start}) below minimum (${bounds.min}): ${text}`);
  if (end > bounds.max) throw new CronProblem(`end of range (${end}) above maximum (${bounds.max}): ${text}`);
  if (start > end) throw new CronProblem(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new CronProblem(`step of range should be a positive number: ${text}`);
  const values: number[] = [];
  for (let value = start; value <= end; value += step) values.push(value);
  return { values, any: any && step === 1 };
}

function parseField(text: string, bounds: Bounds): CronField {
  const ranges = text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => parseRange(part, bounds));
  return { values: new Set(ranges.flatMap(({ values }) => values)), any: ranges.some(({ any }) => any) };
}

function parse(text: string): CronSchedule {
  if (text === "") throw new CronProblem("empty spec string");
  const withoutZone = text.replace(/^(TZ|CRON_TZ)=\S+ */, "");
  if (withoutZone.startsWith("@every ")) {
    const duration = withoutZone.slice("@every ".length);
    const intervalMs = parseDuration(duration);
    if (intervalMs === undefined) throw new CronProblem(`failed to parse duration ${withoutZone}: time: invalid duration ${JSON.stringify(duration)}`);
    return { kind: "every", intervalMs: Math.max(1000, Math.floor(intervalMs / 1000) * 1000) };
  }
  const described = DESCRIPTORS[withoutZone];
  if (withoutZone.startsWith("@") && described === undefined) throw new CronProblem(`unrecognized descriptor: ${withoutZone}`);
  const fields = (described ?? withoutZone).split(/\s+/).filter((field) => field !== "");
  if (fields.length !== 5) throw new CronProblem(`expected exactly 5 fields, found ${fields.length}: [${fields.join(" ")}]`);
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  return {
    kind: "fields",
    minute: parseField(minute, MINUTE),
    hour: parseField(hour, HOUR),
    day: parseField(day, DAY),
    month: parseField(month, MONTH),
    weekday: parseField(weekday, WEEKDAY),
  };
}

export function parseCronSchedule(text: string): CronResult {
  try {
    return { ok: true, schedule: parse(text) };
  } catch (error) {
    if (error instanceof CronProblem) return { ok: false, problem: error.message };
    throw error;
  }
}
