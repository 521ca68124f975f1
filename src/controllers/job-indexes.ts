// Completion indexes of jobs: as sets, as the text `0,2-4` that the status holds, and on pods
// (https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode).
import { annotations, type Job, type Pod, parseIndexes } from "../api/index.ts";

/** Indexes of the text that are below `completions`; what cannot be read counts as none. */
export function readIndexes(text: string | undefined, completions: number): Set<number> {
  const parsed = parseIndexes(text ?? "", completions);
  const indexes = new Set<number>();
  if (parsed.ok) for (const [first, last] of parsed.intervals) for (let index = first; index <= last; index++) indexes.add(index);
  return indexes;
}

/** In order, runs of three and more as `first-last`, of two as `first,last`. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    const [first, last] = [sorted[start], sorted[end]];
    parts.push(start === end ? `${first}` : end === start + 1 ? `${first},${last}` : `${first}-${last}`);
    start = end + 1;
  }
  return parts.join(",");
}

/** The pod's index, if it has one that the job knows. */
export function indexOf(pod: Pod, completions: number): number | undefined {
  const text = pod.metadata.annotations?.[annotations.jobCompletionIndex] ?? "";
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  return Number(text) < completions ? Number(text) : undefined;
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === "Indexed";
}
