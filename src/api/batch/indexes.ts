// Sets of completion indexes as jobs write them: `0,2-4`, in order, without overlap.

export type IndexesResult =
  | { readonly ok: true; readonly count: number; readonly intervals: readonly (readonly [number, number])[] }
  | { readonly ok: false; readonly problem: string };

function parseIndex(text: string, completions: number): number | string {
  if (!/^[+-]?[0-9]+$/.test(text)) return `cannot convert string to integer for index: ${JSON.stringify(text)}`;
  const index = Number(text);
  return index >= completions ? `too large index: ${JSON.stringify(text)}` : index;
}

/** The empty text is the empty set. */
export function parseIndexes(text: string, completions: number): IndexesResult {
  const intervals: (readonly [number, number])[] = [];
  let count = 0;
  for (const part of text === "" ? [] : text.split(",")) {
    const ends = part.split("-");
    if (ends.length > 2)
      return {
        ok: false,
        problem: `the fragment ${JSON.stringify(part)} violates the requirement that an index interval can have at most two parts separated by '-'`,
      };
    const first = parseIndex(ends[0] ?? "", completions);
    if (typeof first === "string") return { ok: false, problem: first };
    const previous = intervals[intervals.length - 1]?.[1];
    if (previous !== undefined && previous >= first) return { ok: false, problem: `non-increasing order, previous: ${previous}, current: ${first}` };
    const last = ends[1] === undefined ? first : parseIndex(ends[1], completions);
    if (typeof last === "string") return { ok: false, problem: last };
    if (ends[1] !== undefined && first >= last) return { ok: false, problem: `non-increasing order, previous: ${first}, current: ${last}` };
    intervals.push([first, last]);
    count += last - first + 1;
  }
  return { ok: true, count, intervals };
}
