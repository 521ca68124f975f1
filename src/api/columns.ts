// The columns that tables share, and how their cells are written (what `kubectl get` prints; the names and order of columns are upstream's).
import { humanDuration, parseTime } from "../base/index.ts";
import type { Column } from "./kind.ts";
import type { KubeObject } from "./object.ts";

/** The first column of nearly every table. */
export function nameColumn<T extends KubeObject>(): Column<T> {
  return { name: "Name", type: "string", format: "name", description: "The object's name, unique in its namespace.", value: (object) => object.metadata.name };
}

/** The time since creation. */
export function ageColumn<T extends KubeObject>(priority: 0 | 1 = 0): Column<T> {
  return {
    name: "Age",
    type: "string",
    priority,
    description: "The time since the server created the object.",
    value: (object, now) => ageText(object.metadata.creationTimestamp, now),
  };
}

/** The creation time itself: what kinds without a printer of their own show. */
export function createdAtColumn<T extends KubeObject>(): Column<T> {
  return {
    name: "Created At",
    type: "date",
    description: "The time at which the server created the object.",
    value: (object) => object.metadata.creationTimestamp ?? null,
  };
}

/** How long ago `time` was, in at most two units; `<unknown>` without a time. */
export function ageText(time: string | null | undefined, now: number): string {
  const then = parseTime(time);
  return then === undefined ? "<unknown>" : humanDuration(now - then);
}

/** The first three of `items`, and how many more there are; `<unset>` when there are none. */
export function firstItemsText(items: readonly string[]): string {
  const text = items.slice(0, 3).join(",");
  if (items.length > 3) return `${text} + ${items.length - 3} more...`;
  return text === "" ? "<unset>" : text;
}
