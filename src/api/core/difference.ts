// What differs between two values, a line for each field: for errors that forbid a change.
import { sameValue } from "../immutable.ts";

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function collect(path: string, old: unknown, value: unknown, lines: string[]): void {
  if (sameValue(old, value)) return;
  if (isObject(old) && isObject(value)) {
    for (const key of new Set([...Object.keys(old), ...Object.keys(value)])) collect(path === "" ? key : `${path}.${key}`, old[key], value[key], lines);
  } else if (Array.isArray(old) && Array.isArray(value) && old.length === value.length) {
    for (const [position, item] of old.entries()) collect(`${path}[${position}]`, item, value[position], lines);
  } else {
    if (old !== undefined) lines.push(`- ${path}: ${JSON.stringify(old)}`);
    if (value !== undefined) lines.push(`+ ${path}: ${JSON.stringify(value)}`);
  }
}

/** `- field: old` and `+ field: new` lines. */
export function describeDifference(old: unknown, value: unknown): string {
  const lines: string[] = [];
  collect("", old, value, lines);
  return lines.join("\n");
}
