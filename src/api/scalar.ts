// Scalars brought to their one form: what stands in the store and goes over the wire.
import { parseQuantity, QuantityError } from "../base/index.ts";
import type { ScalarType } from "./schema.ts";

export type ScalarOutcome =
  | { readonly ok: true; readonly value: unknown }
  /** Of another JSON type; `goType` is the type that Kubernetes names in its answer. */
  | { readonly ok: false; readonly reason: "type"; readonly goType: string }
  /** Of the right JSON type, but not of the right form. */
  | { readonly ok: false; readonly reason: "form"; readonly message: string };

const GO_TYPES: Readonly<Record<ScalarType, string>> = {
  string: "string",
  int32: "int32",
  int64: "int64",
  double: "float64",
  boolean: "bool",
  bytes: "[]uint8",
  quantity: "resource.Quantity",
  intOrString: "intstr.IntOrString",
  time: "string",
  microTime: "string",
};

/** The name of a scalar type in Kubernetes' answers. */
export function goTypeOf(type: ScalarType): string {
  return GO_TYPES[type];
}

/** Checks and normalizes one scalar. Times are cut to the precision of their type and brought to UTC. */
export function normalizeScalar(type: ScalarType, value: unknown): ScalarOutcome {
  switch (type) {
    case "string":
      return typeof value === "string" ? accepted(value) : wrongType(type);
    case "boolean":
      return typeof value === "boolean" ? accepted(value) : wrongType(type);
    case "double":
      return typeof value === "number" || typeof value === "bigint" ? accepted(Number(value)) : wrongType(type);
    case "int32":
      return typeof value === "number" && Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31 ? accepted(value) : wrongType(type);
    case "int64":
      return normalizeInt64(value);
    case "intOrString":
      return typeof value === "string" || (typeof value === "number" && Number.isInteger(value)) ? accepted(value) : wrongType(type);
    case "bytes":
      return normalizeBytes(value);
    case "quantity":
      return normalizeQuantity(value);
    case "time":
    case "microTime":
      return normalizeTime(type, value);
  }
}

function accepted(value: unknown): ScalarOutcome {
  return { ok: true, value };
}
function wrongType(type: ScalarType): ScalarOutcome {
  return { ok: false, reason: "type", goType: GO_TYPES[type] };
}

function normalizeInt64(value: unknown): ScalarOutcome {
  if (typeof value === "bigint") return value >= -(2n ** 63n) && value < 2n ** 63n ? accepted(Number(value)) : wrongType("int64");
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 2 ** 63 ? accepted(value) : wrongType("int64");
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function normalizeBytes(value: unknown): ScalarOutcome {
  if (typeof value !== "string") return wrongType("bytes");
  const text = value.includes("\n") || value.includes("\r") ? value.replaceAll(/[\r\n]/g, "") : value;
  if (BASE64.test(text)) return accepted(text);
  const wellFormed = /^[A-Za-z0-9+/]*/.exec(text)?.[0].length ?? 0;
  // What ends too early is wrong from its last group of four on.
  const at = wellFormed === text.length ? wellFormed - (wellFormed % 4) : wellFormed;
  return { ok: false, reason: "form", message: `illegal base64 data at input byte ${at}` };
}

function normalizeQuantity(value: unknown): ScalarOutcome {
  if (typeof value !== "string" && typeof value !== "number") return wrongType("quantity");
  try {
    return accepted(parseQuantity(String(value).trim()).toString());
  } catch (error) {
    if (error instanceof QuantityError) return { ok: false, reason: "form", message: error.message };
    throw error;
  }
}

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/;

function normalizeTime(type: "time" | "microTime", value: unknown): ScalarOutcome {
  if (typeof value !== "string") return wrongType(type);
  const match = RFC3339.exec(value);
  const fraction = match?.[7] ?? "";
  const seconds = match === null ? Number.NaN : Date.parse(`${value.slice(0, 19)}${match[8]}`);
  // Microseconds are written in full.
  const isWhole = type === "time" || fraction.length === MICROSECOND_DIGITS;
  if (match === null || Number.isNaN(seconds) || !sameDay(match) || !isWhole) {
    const layout = type === "time" ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00";
    const why = whyNoTime(value, type);
    return { ok: false, reason: "form", message: `parsing time ${JSON.stringify(value)} as ${JSON.stringify(layout)}: ${why}` };
  }
  const utc = new Date(seconds).toISOString().slice(0, 19);
  return accepted(type === "time" ? `${utc}Z` : `${utc}.${fraction.slice(0, 6).padEnd(6, "0")}Z`);
}

const MICROSECOND_DIGITS = 6;
/** The parts of a time in their order, as the layout writes them. */
const TIME_PARTS: readonly (readonly [layout: string, pattern: RegExp])[] = [
  ["2006", /^\d{4}/],
  ["-", /^-/],
  ["01", /^\d{2}/],
  ["-", /^-/],
  ["02", /^\d{2}/],
  ["T", /^T/],
  ["15", /^\d{2}/],
  [":", /^:/],
  ["04", /^\d{2}/],
  [":", /^:/],
  ["05", /^\d{2}/],
];

/** Names the first part that cannot be read, as Go does. */
function whyNoTime(text: string, type: "time" | "microTime"): string {
  let rest = text;
  const parts = [
    ...TIME_PARTS,
    type === "time" ? (["", /^(?:[.,]\d+)?/] as const) : ([".000000", /^[.,]\d{6}/] as const),
    ["Z07:00", /^(?:Z|[+-]\d{2}:\d{2})/] as const,
  ];
  for (const [layout, pattern] of parts) {
    const found = pattern.exec(rest)?.[0];
    if (found === undefined) return `cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(layout)}`;
    rest = rest.slice(found.length);
  }
  return rest === "" ? "day out of range" : `extra text: ${JSON.stringify(rest)}`;
}

/** `Date` reads the 31st of a shorter month as a day of the next. */
function sameDay([, year, month, day]: RegExpExecArray): boolean {
  return Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate() && Number(day) > 0;
}
