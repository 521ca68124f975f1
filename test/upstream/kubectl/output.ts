// What is kept of kubectl's output: what it must have in common for two servers. Whatever differs from run to run is replaced by a word
// in angle brackets, and descriptions of fields are left out: they are told in the server's own words.
import { normaliseText } from "../answer.ts";

export interface Output {
  readonly code: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

export function outputOf(line: string, { code, stdout, stderr }: { readonly code: number; readonly stdout: string; readonly stderr: string }): Output {
  const printed = line.startsWith("kubectl explain ") ? withoutProse(stdout) : stdout;
  return { code, stdout: linesOf(printed), stderr: linesOf(stderr) };
}

function linesOf(text: string): string[] {
  const lines = normaliseOutput(text).split("\n");
  return (lines.at(-1) === "" ? lines.slice(0, -1) : lines).filter((line) => !OF_METRICS.test(line));
}

/** Our API server serves the group that upstream leaves to metrics-server. */
const OF_METRICS = /\bmetrics\.k8s\.io\b|\baggregated-metrics-reader\b/;

function normaliseOutput(text: string): string {
  const ages = /\b(?:AGE|LAST SEEN)\b/.test(text) ? text.replace(AGE, "$1<age>") : text;
  return normaliseText(ages)
    .replace(LONG_TIME, "<time>")
    .replace(FILE_TIME, "<time>")
    .replace(LOG_PREFIX, "$1<time>")
    .replace(/\/tmp\/\S*?(?=[/.](?:v1|apps|[a-z]+\.)|\s|$)/g, "<file>")
    .replace(/https:\/\/127\.0\.0\.1:\d+/g, "https://<server>")
    .replace(/(resourceVersion"?: "|Resource Version: +)\d+/g, "$1<resourceVersion>")
    .replace(/\b3[0-2]\d{3}\b/g, (port) => (port === FIXED_PORT ? port : "<node-port>"))
    .replace(/(\S) {2,}/g, "$1  ")
    .replace(/ +$/gm, "");
}

const AGE = /((?:^|\s))(?:\d+[smhdy])+(?=\s|$)/gm;
const LONG_TIME = /[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g;
const FILE_TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}/g;
/** Of kubectl's own log: level, time and process. */
const LOG_PREFIX = /^([WEI])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+/gm;
/** The one that a command asks for. */
const FIXED_PORT = "30123";

/** `explain` keeps its headings, names, types and what a field may be. */
function withoutProse(text: string): string {
  return text
    .split("\n")
    .filter((line) => /^(?:GROUP|KIND|VERSION|FIELD)\b|\t</.test(line))
    .join("\n");
}

/** A recording as text: a line for each line, so that a change is seen as one. */
export function outputsText(outputs: ReadonlyMap<string, Output>): string {
  return `${JSON.stringify(Object.fromEntries(outputs), undefined, 1)}\n`;
}
