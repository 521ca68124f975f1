// Decides what becomes of an event that a component reports: a new Event, one more count on a known one, a share in a
// combined one, or nothing. Pure but for its memory, which holds the 4096 most recent keys. Numbers as client-go's correlator
// (https://pkg.go.dev/k8s.io/client-go/tools/record#EventCorrelator).
import type { ObjectReference } from "../api/index.ts";

/** What was reported, before it has a name. */
export interface ReportedEvent {
  readonly involvedObject: ObjectReference;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
}

export type CorrelatedEvent =
  | { readonly outcome: "drop" }
  | { readonly outcome: "create"; readonly key: string; readonly message: string }
  | { readonly outcome: "count"; readonly key: string; readonly message: string; readonly count: number; readonly firstAtMs: number; readonly name: string };

const MEMORY_SIZE = 4096;
/** More different messages than this in ten minutes become one combined event. */
const MAX_SIMILAR = 10;
const SIMILAR_WINDOW_MS = 600_000;
/** Events about one object from one component: 25 at once, then one in five minutes. */
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}
interface Known {
  count: number;
  readonly firstAtMs: number;
  name: string | undefined;
}
interface Bucket {
  tokens: number;
  lastMs: number;
}

export class EventCorrelator {
  private readonly similar = new RecentMap<Similar>(MEMORY_SIZE);
  private readonly known = new RecentMap<Known>(MEMORY_SIZE);
  private readonly buckets = new RecentMap<Bucket>(MEMORY_SIZE);

  correlate(event: ReportedEvent): CorrelatedEvent {
    const { involvedObject: object } = event;
    const objectText = [object.kind, object.namespace, object.name, object.uid, object.apiVersion].join("/");
    const { message, key } = this.aggregate(event, `${objectText}|${object.fieldPath ?? ""}|${event.type}|${event.reason}`);
    const known = this.known.get(key);
    if (known !== undefined) known.count++;
    else this.known.set(key, { count: 1, firstAtMs: event.atMs, name: undefined });
    if (!this.allowed(objectText, event.atMs)) return { outcome: "drop" };
    if (known?.name === undefined) return { outcome: "create", key, message };
    return { outcome: "count", key, message, count: known.count, firstAtMs: known.firstAtMs, name: known.name };
  }

  /** Tells under which name the event of `key` was stored. */
  stored(key: string, name: string): void {
    const known = this.known.get(key);
    if (known !== undefined) known.name = name;
  }

  /** The stored event is gone: the next one is created afresh, its count starting over. */
  forget(key: string): void {
    this.known.delete(key);
  }

  private aggregate(event: ReportedEvent, group: string): { message: string; key: string } {
    const recent = this.similar.get(group);
    const similar = recent !== undefined && event.atMs - recent.lastMs <= SIMILAR_WINDOW_MS ? recent : { messages: new Set<string>(), lastMs: event.atMs };
    similar.lastMs = event.atMs;
    if (similar.messages.size < MAX_SIMILAR || similar.messages.has(event.message)) {
      similar.messages.add(event.message);
      this.similar.set(group, similar);
      return { message: event.message, key: `${group}|${event.message}` };
    }
    this.similar.set(group, similar);
    return { message: `(combined from similar events): ${event.message}`, key: group };
  }

  private allowed(objectText: string, nowMs: number): boolean {
    const bucket = this.buckets.get(objectText) ?? { tokens: SPAM_BURST, lastMs: nowMs };
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + (nowMs - bucket.lastMs) / SPAM_REFILL_MS);
    bucket.lastMs = nowMs;
    this.buckets.set(objectText, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

/** Forgets what was not used for longest when it is full. */
class RecentMap<V> {
  private readonly entries = new Map<string, V>();
  constructor(private readonly limit: number) {}

  get(key: string): V | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }
  set(key: string, value: V): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.limit) return;
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }
  delete(key: string): void {
    this.entries.delete(key);
  }
}
