// Instants and spans as CEL reads and writes them: RFC 3339 with nanoseconds, Go's `1h2m3.5s`, and the fields of an instant in a
// time zone (an IANA name or a fixed offset). Nanoseconds as bigint throughout.

const SECOND = 1_000_000_000n;
const UNITS: Readonly<Record<string, bigint>> = { ns: 1n, us: 1000n, µs: 1000n, μs: 1000n, ms: 1_000_000n, s: SECOND, m: 60n * SECOND, h: 3600n * SECOND };
/** 0001-01-01T00:00:00Z and the last nanosecond of the year 9999. */
export const FIRST_INSTANT = -62_135_596_800n * SECOND;
export const LAST_INSTANT = 253_402_300_800n * SECOND - 1n;
/** As Go counts a span: 64 bits of nanoseconds. */
export const LONGEST_SPAN = 2n ** 63n - 1n;

export function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** Undefined: no instant, or outside the years 1 to 9999. */
export function parseInstant(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day ?? 0);
  if (date.getUTCMonth() + 1 !== month || date.getUTCDate() !== day || (hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 59) return undefined;
  const fraction = BigInt((match[7] ?? "").padEnd(9, "0").slice(0, 9));
  const offset = (match[8] === "-" ? -1 : 1) * (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * 60;
  const seconds = BigInt(date.getTime() / 1000 + (hour ?? 0) * 3600 + (minute ?? 0) * 60 + (second ?? 0) - offset);
  const nanos = seconds * SECOND + fraction;
  return nanos < FIRST_INSTANT || nanos > LAST_INSTANT ? undefined : nanos;
}

export function formatInstant(nanos: bigint): string {
  const seconds = floorDivide(nanos, SECOND);
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19).padStart(19, "0");
  return `${text}${fractionOf(nanos - seconds * SECOND)}Z`;
}

/** `3600s`, `-1.5s`: the form `string()` gives a span. */
export function formatSeconds(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  return `${nanos < 0n ? "-" : ""}${size / SECOND}${fractionOf(size % SECOND)}s`;
}

function fractionOf(nanos: bigint): string {
  const digits = nanos.toString().padStart(9, "0").replace(/0+$/, "");
  return digits === "" ? "" : `.${digits}`;
}

/** Undefined: no span, or one too long. */
export function parseSpan(text: string): bigint | undefined {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text);
  if (match === null) return undefined;
  let nanos = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of (match[2] ?? "").matchAll(/(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const size = UNITS[unit] ?? 0n;
    nanos += BigInt(whole || "0") * size + (BigInt(fraction || "0") * size) / 10n ** BigInt(fraction.length);
  }
  return nanos > LONGEST_SPAN ? undefined : match[1] === "-" ? -nanos : nanos;
}

export interface ClockFields {
  readonly year: number;
  /** From 0. */
  readonly month: number;
  /** From 1. */
  readonly dayOfMonth: number;
  /** Sunday is 0. */
  readonly dayOfWeek: number;
  /** From 0. */
  readonly dayOfYear: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly milliseconds: number;
}

/** The instant as a clock in `zone` shows it (`UTC` when empty); undefined: no such zone. */
export function clockFields(nanos: bigint, zone: string): ClockFields | undefined {
  const seconds = Number(floorDivide(nanos, SECOND));
  const shift = zone === "" || zone === "UTC" ? 0 : zoneOffset(seconds, zone);
  if (shift === undefined) return undefined;
  const local = new Date((seconds + shift) * 1000);
  const start = new Date(0);
  start.setUTCFullYear(local.getUTCFullYear(), 0, 1);
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth(),
    dayOfMonth: local.getUTCDate(),
    dayOfWeek: local.getUTCDay(),
    dayOfYear: Math.floor((local.getTime() - start.getTime()) / 86_400_000),
    hours: local.getUTCHours(),
    minutes: local.getUTCMinutes(),
    seconds: local.getUTCSeconds(),
    milliseconds: Number((nanos - BigInt(seconds) * SECOND) / 1_000_000n),
  };
}

const zones = new Map<string, Intl.DateTimeFormat | undefined>();

/** Seconds that the zone is ahead of UTC at an instant. */
function zoneOffset(epochSeconds: number, zone: string): number | undefined {
  const fixed = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone);
  if (fixed !== null) return (fixed[1] === "-" ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * 60;
  const format = zoneFormat(zone);
  if (format === undefined) return undefined;
  const parts = new Map(format.formatToParts(new Date(epochSeconds * 1000)).map(({ type, value }) => [type, value]));
  const number = (name: Intl.DateTimeFormatPartTypes): number => Number(parts.get(name) ?? 0);
  const local = new Date(0);
  local.setUTCFullYear(parts.get("era") === "BC" ? 1 - number("year") : number("year"), number("month") - 1, number("day"));
  local.setUTCHours(number("hour"), number("minute"), number("second"));
  return local.getTime() / 1000 - epochSeconds;
}

function zoneFormat(zone: string): Intl.DateTimeFormat | undefined {
  if (zones.has(zone)) return zones.get(zone);
  let format: Intl.DateTimeFormat | undefined;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  if (zones.size > 1000) zones.clear();
  zones.set(zone, format);
  return format;
}
