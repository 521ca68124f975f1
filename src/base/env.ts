// The outside world as every component sees it: time, randomness, log, metrics. It is the first argument of every
// constructor, so that production code runs unchanged on virtual time (decision 0002).

/** A pending timer. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. It may jump; never measure a duration with it. */
  now(): number;
  /** Milliseconds since an arbitrary start, never going back. */
  monotonic(): number;
  /** Calls `action` once after `delayMs`. A timer does not keep the process alive. */
  setTimeout(action: () => void, delayMs: number): Timer;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Fresh bytes; cryptographically strong in production. */
  bytes(length: number): Uint8Array;
  /** An independent stream; the same name from the same parent gives the same draws. */
  fork(name: string): Random;
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that names the component in every line. */
  child(component: string): Logger;
}

/** Never changed once a metric was given them: who counts often keeps them. */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(amount?: number, labels?: Labels): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
  add(amount: number, labels?: Labels): void;
}
export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

/** Values and what they are of. */
export type Observations = Iterable<readonly [value: number, labels?: Labels]>;

/** A registry of metrics; asking twice for one name gives the same metric. */
export interface Metrics {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  histogram(name: string, help: string, buckets?: readonly number[]): Histogram;
  /** Values that are looked up only when somebody asks. Returns what ends it. */
  observed(of: { readonly name: string; readonly type: "counter" | "gauge"; readonly help: string }, observe: () => Observations): () => void;
  /** Prometheus text format 0.0.4. */
  render(): string;
}

export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}
