// Ranges of keys: half-open intervals [start, end) over binary strings.
import type { Key } from "./store.ts";

/** Above every key: keys hold only code units up to 255. */
export const AFTER_ALL_KEYS = "\u0100";

export interface KeyRange {
  readonly start: Key;
  /** Exclusive. */
  readonly end: Key;
}

/** The interval that a request's `key` and `end` mean: no end is the key alone, `"\0"` is everything from the key. */
export function keyRange(key: Key, end: Key | undefined): KeyRange {
  if (end === undefined || end === "") return { start: key, end: `${key}\0` };
  return { start: key, end: end === "\0" ? AFTER_ALL_KEYS : end };
}

/** The `end` under which a range holds every key that begins with `prefix`. */
export function prefixEnd(prefix: Key): Key {
  for (let index = prefix.length - 1; index >= 0; index--) {
    const unit = prefix.charCodeAt(index);
    if (unit < 0xff) return prefix.slice(0, index) + String.fromCharCode(unit + 1);
  }
  return "\0";
}

export function overlaps(left: KeyRange, right: KeyRange): boolean {
  return left.start < right.end && right.start < left.end;
}

/** Whether every code unit is a byte. */
export function isBinaryKey(key: Key): boolean {
  for (let index = 0; index < key.length; index++) if (key.charCodeAt(index) > 0xff) return false;
  return true;
}
