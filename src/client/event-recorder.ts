// Tells users what a component did to an object: core/v1 Events, counted instead of repeated, limited per object, written in
// the background. Reporting never fails and never waits (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/).
import { type Event, events, isStatus, type JsonValue, type KubeObject, type ObjectReference, StatusError } from "../api/index.ts";
import { type Env, formatMicroTime, formatTime, type Logger } from "../base/index.ts";
import { delay } from "./backoff.ts";
import type { Client } from "./client.ts";
import { type CorrelatedEvent, EventCorrelator, type ReportedEvent } from "./event-correlator.ts";

export interface EventRecorderOptions {
  /** The node, for components that run on one. */
  readonly host?: string;
  /**
   * `count`: first and last time and a count, as most components write. `series`: the time of the event, an action and a
   * series, as the scheduler and the proxy write.
   */
  readonly style?: "count" | "series";
}

export interface EventDetails {
  /** The part of the object, e.g. `spec.containers{web}`. */
  readonly fieldPath?: string;
  /** What was tried; needed in `series` style. */
  readonly action?: string;
  readonly related?: ObjectReference;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface EventRecorder {
  event(about: KubeObject | ObjectReference, type: "Normal" | "Warning", reason: string, message: string, details?: EventDetails): void;
  /** Resolves when all that was reported so far is written or given up. */
  flush(): Promise<void>;
  /** Reports nothing more and gives up what waits to be tried again. */
  stop(): void;
}

/** Reports that wait to be written; newer ones are dropped. */
const MAX_WAITING = 1000;
const ATTEMPTS = 12;
const RETRY_DELAY_MS = 10_000;
/** API failures that may pass. */
const PASSING = new Set(["ServiceUnavailable", "Timeout", "ServerTimeout", "TooManyRequests", "InternalError"]);
const MAX_NAME = 253;

interface Report {
  readonly event: ReportedEvent;
  readonly details: EventDetails;
}

export function createEventRecorder(env: Env, client: Client, component: string, options: EventRecorderOptions = {}): EventRecorder {
  return new BackgroundRecorder(env, client, component, options);
}

/** A reference to an object, as events carry it. */
export function objectReference(object: KubeObject): ObjectReference {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    kind: object.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    ...(uid === undefined ? {} : { uid }),
    apiVersion: object.apiVersion,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** Events of one millisecond are told apart by the nanoseconds of their names. */
const SEQUENCES = 1_000_000;

class BackgroundRecorder implements EventRecorder {
  private readonly correlator = new EventCorrelator();
  private readonly log: Logger;
  private readonly waiting: Report[] = [];
  private readonly abort = new AbortController();
  private writing: Promise<void> | undefined;
  /** Recorders begin at different numbers: two that report about one object at one moment must not give one name. */
  private sequence: number;

  constructor(
    private readonly env: Env,
    private readonly client: Client,
    private readonly component: string,
    private readonly options: EventRecorderOptions,
  ) {
    this.log = env.log.child("events");
    this.sequence = Math.floor(env.random.fork(`events ${component}`).next() * SEQUENCES);
  }

  event(about: KubeObject | ObjectReference, type: "Normal" | "Warning", reason: string, message: string, details: EventDetails = {}): void {
    if (this.abort.signal.aborted) return;
    if (this.waiting.length >= MAX_WAITING) {
      this.log.warn("too many events wait to be written; dropped one", { reason, message });
      return;
    }
    const reference = "metadata" in about ? objectReference(about) : about;
    const involvedObject = details.fieldPath === undefined ? reference : { ...reference, fieldPath: details.fieldPath };
    this.waiting.push({ event: { involvedObject, type, reason, message, atMs: this.env.clock.now() }, details });
    this.writing ??= this.write();
  }

  async flush(): Promise<void> {
    await this.writing;
  }

  stop(): void {
    this.abort.abort();
    this.waiting.length = 0;
  }

  private async write(): Promise<void> {
    // Reporters go on before the first request is made.
    await Promise.resolve();
    for (let report = this.waiting.shift(); report !== undefined; report = this.waiting.shift()) await this.writeOne(report);
    this.writing = undefined;
  }

  private async writeOne(report: Report): Promise<void> {
    const correlated = this.correlator.correlate(report.event);
    if (correlated.outcome === "drop") return;
    for (let attempt = 1; !this.abort.signal.aborted; attempt++) {
      try {
        await this.send(report, correlated);
        return;
      } catch (error) {
        const passing = !(error instanceof StatusError) || PASSING.has(error.reason);
        if (!passing || attempt === ATTEMPTS) {
          // An event in a namespace that goes away, or past a quota, is nobody's loss.
          this.log.debug("event refused", { reason: report.event.reason, error });
          this.correlator.forget(correlated.key);
          return;
        }
        await delay(this.env, attempt === 1 ? RETRY_DELAY_MS * this.env.random.next() : RETRY_DELAY_MS, this.abort.signal);
      }
    }
  }

  private async send(report: Report, correlated: Exclude<CorrelatedEvent, { outcome: "drop" }>): Promise<void> {
    const { event } = report;
    const namespace = event.involvedObject.namespace ?? "default";
    if (correlated.outcome === "count") {
      const body: JsonValue =
        this.options.style === "series"
          ? { message: correlated.message, series: { count: correlated.count, lastObservedTime: formatMicroTime(event.atMs) } }
          : { message: correlated.message, count: correlated.count, lastTimestamp: formatTime(event.atMs) };
      try {
        await this.client.patch(events, { namespace, name: correlated.name }, { type: "merge", body });
        return;
      } catch (error) {
        // Events live for an hour only.
        if (!isStatus(error, "NotFound")) throw error;
      }
    }
    const created = await this.client.create(events, this.compose(report, correlated.message, namespace));
    this.correlator.stored(correlated.key, created.metadata.name);
  }

  private compose({ event, details }: Report, message: string, namespace: string): Event {
    const host = this.options.host ?? "";
    const reportingInstance = this.options.style === "series" && host === "" ? this.component : host;
    const shared = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: this.eventName(event), namespace, ...(details.annotations === undefined ? {} : { annotations: details.annotations }) },
      involvedObject: event.involvedObject,
      type: event.type,
      reason: event.reason,
      message,
      reportingComponent: this.component,
      reportingInstance,
      ...(details.related === undefined ? {} : { related: details.related }),
    } as const;
    if (this.options.style === "series") return { ...shared, action: details.action ?? event.reason, eventTime: formatMicroTime(event.atMs) };
    const time = formatTime(event.atMs);
    return { ...shared, source: { component: this.component, ...(host === "" ? {} : { host }) }, firstTimestamp: time, lastTimestamp: time, count: 1 };
  }

  /** `<name>.<nanoseconds in hexadecimal>`; the count of reports keeps names of one millisecond apart. */
  private eventName(event: ReportedEvent): string {
    this.sequence = (this.sequence + 1) % SEQUENCES;
    const nanoseconds = BigInt(Math.floor(event.atMs)) * 1_000_000n + BigInt(this.sequence);
    const suffix = `.${nanoseconds.toString(16)}`;
    return `${(event.involvedObject.name ?? "unknown").slice(0, MAX_NAME - suffix.length)}${suffix}`;
  }
}
