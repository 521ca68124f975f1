// What the tests of the store share: requests in few words, and a sink that remembers what it was told.
import type { VirtualClock } from "../base/index.ts";
import type { KeyValue, Operation, Store, TxnRequest, WatchEvent } from "./store.ts";

export interface StoreUnderTest {
  readonly store: Store;
  readonly clock: VirtualClock;
  cleanUp(): Promise<void>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (value: Uint8Array): string => decoder.decode(value);

export const put = (key: string, value: string, more: Partial<Extract<Operation, { type: "put" }>> = {}): Operation => ({
  type: "put",
  key,
  value: bytes(value),
  ...more,
});
export const always = (...success: Operation[]): TxnRequest => ({ compare: [], success, failure: [] });

/** What of a pair a test compares. */
export const shown = (kv: KeyValue) => ({
  key: kv.key,
  value: text(kv.value),
  create: kv.createRevision,
  mod: kv.modRevision,
  version: kv.version,
  lease: kv.lease,
});

/** A sink that remembers, and lets a test wait for what comes. */
export function recordingSink() {
  const seen: string[] = [];
  let wake: () => void = () => undefined;
  const describeEvent = ({ type, kv, prevKv }: WatchEvent) =>
    `${type} ${kv.key}=${text(kv.value)}@${kv.modRevision}${prevKv === undefined ? "" : ` was ${text(prevKv.value)}`}`;
  return {
    seen,
    events(events: readonly WatchEvent[], revision: number): void {
      seen.push(...(events.length === 0 ? [`progress ${revision}`] : events.map(describeEvent)));
      wake();
    },
    closed(reason: string, compactRevision?: number): void {
      seen.push(compactRevision === undefined ? `closed ${reason}` : `closed ${reason} ${compactRevision}`);
      wake();
    },
    async count(count: number): Promise<string[]> {
      while (seen.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return seen;
    },
  };
}
