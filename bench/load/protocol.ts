// What a benchmark asks of the process that makes the load.
import type { Target } from "./http2.ts";
import type { RequestName, RequestOptions } from "./requests.ts";

export interface Operations {
  readonly requests: RequestName;
  /** So many at a time, each over a connection of its own. */
  readonly clients: number;
  /** Numbers of the objects; `to` is not among them. */
  readonly from: number;
  readonly to: number;
  readonly options?: RequestOptions;
}

export type LoadCommand =
  | { readonly type: "connect"; readonly target: Target }
  | { readonly type: "operate"; readonly operations: Operations }
  | { readonly type: "walk"; readonly path: string }
  | { readonly type: "get"; readonly path: string }
  /** With `additions`, only events of objects that are new to the watcher count. */
  | { readonly type: "watch"; readonly name: string; readonly path: string; readonly count: number; readonly additions: boolean }
  /** Resolves when a watch has seen so many events: from now on, or since it was opened. */
  | { readonly type: "events"; readonly name: string; readonly count: number; readonly since: "now" | "open" }
  | { readonly type: "seen"; readonly name: string }
  | { readonly type: "unwatch"; readonly name: string };

export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadResult extends Latencies {
  readonly seconds: number;
  readonly byteLength: number;
}

export function latenciesOf(latencies: Float64Array): Latencies {
  const sorted = latencies.toSorted();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
