// The strings extension of CEL, version 2 (https://pkg.go.dev/github.com/google/cel-go/ext#Strings), and Kubernetes' regular
// expressions (https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-regex-library). Positions count code points.
import { formatText } from "./format-text.ts";
import { type Library, library, overload } from "./functions.ts";
import { findPattern } from "./regex.ts";
import { CelError, type Value } from "./values.ts";

/** Unicode's property, which JavaScript's \s is a little more than. */
const WHITE_SPACE = /^\p{White_Space}+|\p{White_Space}+$/gu;
const ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

function outOfRange(position: bigint): CelError {
  return new CelError(`index out of range: ${position}`);
}
function charAt(text: string, position: bigint): string {
  const characters = [...text];
  if (position < 0n || position > BigInt(characters.length)) throw outOfRange(position);
  return characters[Number(position)] ?? "";
}
function matchesAt(characters: readonly string[], part: readonly string[], at: number): boolean {
  return part.every((character, offset) => characters[at + offset] === character);
}
function indexOf(text: string, part: string, from: bigint): bigint {
  const [characters, wanted] = [[...text], [...part]];
  if (from < 0n || from > BigInt(characters.length)) {
    if (from > 0n && part === "") return BigInt(characters.length);
    throw outOfRange(from);
  }
  for (let at = Number(from); at + wanted.length <= characters.length; at++) if (matchesAt(characters, wanted, at)) return BigInt(at);
  return -1n;
}
function lastIndexOf(text: string, part: string, from: bigint | undefined): bigint {
  const [characters, wanted] = [[...text], [...part]];
  if (from !== undefined && (from < 0n || from >= BigInt(characters.length))) {
    if (characters.length > 0 || from !== 0n) throw outOfRange(from);
  }
  const start = Math.min(characters.length - wanted.length, Number(from ?? characters.length));
  for (let at = start; at >= 0; at--) if (matchesAt(characters, wanted, at)) return BigInt(at);
  return -1n;
}
function substring(text: string, start: bigint, end: bigint | undefined): string {
  const characters = [...text];
  const last = end ?? BigInt(characters.length);
  if (start < 0n || start > BigInt(characters.length)) throw outOfRange(start);
  if (last < 0n || last > BigInt(characters.length)) throw outOfRange(last);
  if (start > last) throw new CelError(`invalid substring range. start: ${start}, end: ${last}`);
  return characters.slice(Number(start), Number(last)).join("");
}
/** At most `limit` times, always when negative. */
function replace(text: string, from: string, to: string, limit: bigint): string {
  const pieces = from === "" ? ["", ...text] : text.split(from);
  const gaps = from === "" ? pieces.length : pieces.length - 1;
  const replaced = limit < 0n ? gaps : Math.min(gaps, Number(limit));
  if (from === "") return [...text, ""].map((character, at) => (at < replaced ? to : "") + character).join("");
  return pieces.map((piece, at) => (at === 0 ? "" : at <= replaced ? to : from) + piece).join("");
}
function split(text: string, separator: string, limit: bigint): string[] {
  if (limit === 0n) return [];
  const pieces = separator === "" ? [...text] : text.split(separator);
  if (limit < 0n || BigInt(pieces.length) <= limit) return pieces;
  const kept = Number(limit) - 1;
  return [...pieces.slice(0, kept), pieces.slice(kept).join(separator)];
}
/** Only ASCII letters change. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
function upperAscii(text: string): string {
  return text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
}
function quote(text: string): string {
  return `"${[...text.replace(/\p{Surrogate}/gu, "\ufffd")].map((character) => ESCAPES[character] ?? character).join("")}"`;
}

export const strings: Library = library({
  charAt: [overload("string_char_at_int", "string.(int) string", (text, at) => charAt(text as string, at as bigint))],
  indexOf: [
    overload("string_index_of_string", "string.(string) int", (text, part) => indexOf(text as string, part as string, 0n)),
    overload("string_index_of_string_int", "string.(string, int) int", (text, part, from) => indexOf(text as string, part as string, from as bigint)),
  ],
  lastIndexOf: [
    overload("string_last_index_of_string", "string.(string) int", (text, part) => lastIndexOf(text as string, part as string, undefined)),
    overload("string_last_index_of_string_int", "string.(string, int) int", (text, part, from) => lastIndexOf(text as string, part as string, from as bigint)),
  ],
  lowerAscii: [overload("string_lower_ascii", "string.() string", (text) => lowerAscii(text as string))],
  upperAscii: [overload("string_upper_ascii", "string.() string", (text) => upperAscii(text as string))],
  replace: [
    overload("string_replace_string_string", "string.(string, string) string", (text, from, to) => replace(text as string, from as string, to as string, -1n)),
    overload("string_replace_string_string_int", "string.(string, string, int) string", (text, from, to, limit) =>
      replace(text as string, from as string, to as string, limit as bigint),
    ),
  ],
  split: [
    overload("string_split_string", "string.(string) list(string)", (text, separator) => split(text as string, separator as string, -1n)),
    overload("string_split_string_int", "string.(string, int) list(string)", (text, separator, limit) =>
      split(text as string, separator as string, limit as bigint),
    ),
  ],
  substring: [
    overload("string_substring_int", "string.(int) string", (text, start) => substring(text as string, start as bigint, undefined)),
    overload("string_substring_int_int", "string.(int, int) string", (text, start, end) => substring(text as string, start as bigint, end as bigint)),
  ],
  trim: [overload("string_trim", "string.() string", (text) => (text as string).replace(WHITE_SPACE, ""))],
  join: [
    overload("list_join", "list(string).() string", (list) => join(list as Value[], "")),
    overload("list_join_string", "list(string).(string) string", (list, separator) => join(list as Value[], separator as string)),
  ],
  format: [overload("string_format", "string.(list(dyn)) string", (text, args) => formatText(text as string, args as Value[]))],
  "strings.quote": [overload("strings_quote", "(string) string", (text) => quote(text as string))],
});

function join(list: readonly Value[], separator: string): string {
  if (list.some((item) => typeof item !== "string")) throw new CelError("no such overload");
  return list.join(separator);
}

export const regex: Library = library({
  find: [overload("string_find_string", "string.(string) string", (text, pattern) => findPattern(text as string, pattern as string, 1)[0] ?? "")],
  findAll: [
    overload("string_find_all_string", "string.(string) list(string)", (text, pattern) => findPattern(text as string, pattern as string, -1)),
    overload("string_find_all_string_int", "string.(string, int) list(string)", (text, pattern, limit) =>
      findPattern(text as string, pattern as string, Number(limit as bigint)),
    ),
  ],
});
