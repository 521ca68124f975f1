// What is kept of an answer: what two servers must have in common. Whatever differs from run to run is replaced by a word in angle brackets.
import type { Json } from "./cases/cases.ts";

export interface Answer {
  readonly status: number;
  readonly warnings?: readonly string[];
  /** JSON, or text. */
  readonly body: unknown;
}

export interface RawAnswer {
  readonly status: number;
  readonly warnings: readonly string[];
  readonly text: string;
}

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
/** Field names whose values a server chooses. */
const CHOSEN = new Set([
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "deletionTimestamp",
  "continue",
  "remainingItemCount",
  "nodePort",
  "healthCheckNodePort",
  "serverAddress",
]);

export function answerOf({ status, warnings, text }: RawAnswer): Answer {
  const body = bodyOf(text);
  const told = warnings.map((text) => normaliseText(text.replace(NOTICE, ""))).filter((text) => text !== "");
  return { status, ...(told.length === 0 ? {} : { warnings: told }), body: normalise(body, "") };
}

/** What is stored but not yet built says so in a warning, which upstream has no reason for. */
const NOTICE = /(?:, )?299 - "kubets stores this [^"]*"/;

function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return text;
  }
}

function normalise(value: unknown, key: string): unknown {
  if (typeof value === "string") return CHOSEN.has(key) && value !== "" ? `<${key}>` : normaliseText(value);
  if (typeof value === "number") return CHOSEN.has(key) ? `<${key}>` : value;
  if (Array.isArray(value) && value.some(isOfMetrics))
    return normalise(
      value.filter((item) => !isOfMetrics(item)),
      key,
    );
  if (UNORDERED.has(key) && Array.isArray(value))
    return value
      .map((item) => JSON.stringify(normalise(item, "")))
      .sort()
      .map((text) => JSON.parse(text) as unknown);
  // Upstream checks some changes twice, and lists what it found twice.
  if (key === "causes" && Array.isArray(value)) return [...new Set(value.map((cause) => JSON.stringify(normalise(cause, ""))))].map((text) => JSON.parse(text));
  if (Array.isArray(value)) return value.map((item) => (key === "cells" && typeof item === "string" && AGE.test(item) ? "<age>" : normalise(item, key)));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(told(value as Json))
    .filter(([name, field]) => !isProse(name, value as Json) && !isNothing(field) && !UNTOLD.has(name))
    .map(([name, field]) => [name, normalise(field, name)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A patch that is refused is repeated in full, in the order of its server's fields. */
function told(object: Json): Json {
  const { field, message } = object;
  return field === "patch" && typeof message === "string" ? { ...object, message: message.replace(REPEATED, "Invalid value: <patch>:") } : object;
}

/** Our API server serves the group that upstream leaves to metrics-server. */
function isOfMetrics(item: unknown): boolean {
  if (typeof item === "string") return item.startsWith("/apis/metrics.k8s.io");
  const { name, metadata } = (item ?? {}) as { readonly name?: string; readonly metadata?: { readonly name?: string } };
  return name === "metrics.k8s.io" || metadata?.name === "metrics.k8s.io";
}

/** Upstream writes some fields that are not set as null; to every client that is the same as leaving them out. */
function isNothing(field: unknown): boolean {
  return field === null || (Array.isArray(field) && field.length === 0);
}

/** A fingerprint in discovery that is optional, and that no client of ours is known to read. */
const UNTOLD = new Set(["storageVersionHash"]);

/** What a table's columns mean is told in the server's own words. */
function isProse(name: string, object: Json): boolean {
  return name === "description" && "format" in object && "priority" in object;
}

/** Rules come in the order in which upstream's cache happens to hold them, and managers by time, which stands still in our test. */
const UNORDERED: ReadonlySet<string> = new Set(["nonResourceRules", "resourceRules", "managedFields"]);

const AGE = /^\d+[smhdy](?:\d+[smhd])?$/;

export function normaliseText(text: string): string {
  return text
    .replace(UID, "<uid>")
    .replace(TIME, "<time>")
    .replace(/(kube-api-access-|Bad_|gen-)[bcdfghjklmnpqrstvwxz2456789]{5}/g, "$1<random>")
    .replace(GO_VALUE, "$1 value: <object>: ")
    .replace(GO_TYPE, "of type <type>")
    .replace(/in record \(\d+\)/, "in record (<resourceVersion>)")
    .replace(STORAGE_ERROR, "")
    .replace(GO_USER, "requested <user> without")
    .replace(PATCHED, "patch: Invalid value: <patch>:")
    .replace(POD_DIFFERENCE, "$1 <difference>")
    .replace(/10\.96\.\d+\.\d+/g, (address) => (FIXED_ADDRESSES.has(address) ? address : "<service-ip>"));
}

/** Upstream prints its own structures here, with the names and empty fields that they have in Go. */
const GO_VALUE = /(Invalid|Unsupported|Duplicate) value: (?:\{.*?\}|\[\{.*?\}\]): (?=[a-z])/g;
const GO_TYPE = /of type (?:struct \{.*\} \([0-9a-f]+\)|[\w.[\]{} ]+)$/;
/** What somebody would be without the name that he left out. */
const GO_USER = /requested (?:&user\.DefaultInfo\{.*\}|\[.*\]) without/;
/** What upstream's store calls the failure, with the key it has there. */
const STORAGE_ERROR = /StorageError: invalid object, Code: 4, Key: [^,]*, ResourceVersion: 0, AdditionalErrorMsg: /g;
/** The patch as Go prints it. */
const PATCHED = /patch: Invalid value: "(?:[^"\\]|\\.)*":/;
const REPEATED = /^Invalid value: "(?:[^"\\]|\\.)*":/;
/** Upstream tells a forbidden change as a difference of two Go structures. */
const POD_DIFFERENCE = /((?:pod updates may not change fields other than|is immutable after creation)[^\n]*)\n[\s\S]*$/;

/** Addresses that the cases ask for themselves. */
const FIXED_ADDRESSES = new Set(["10.96.0.0", "10.96.0.1", "10.96.0.77", "10.96.0.78"]);

/** A recording as text: a line for each case, so that a change is seen as one. */
export function recordingText(recording: ReadonlyMap<string, Answer>): string {
  const lines = [...recording].map(([name, answer]) => `${JSON.stringify(name)}: ${JSON.stringify(answer)}`);
  return `{\n${lines.join(",\n")}\n}\n`;
}
