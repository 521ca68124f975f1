// Leases: a lifetime that keys share (https://etcd.io/docs/v3.6/learning/api/#lease-api). One timer, armed for the earliest
// end; extending a lease never touches it. The remaining time is not stored: a reopened store gives every lease its whole
// lifetime again.
import type { Clock, Timer } from "../base/index.ts";
import type { Key, Lease } from "./store.ts";

/** What a timer can hold. */
const MAX_DELAY_MS = 2 ** 31 - 1;
/** Pause before expired leases that could not be revoked are tried again. */
const RETRY_DELAY_MS = 1000;

interface LeaseState {
  readonly id: number;
  readonly ttlSeconds: number;
  /** On the monotonic clock. */
  endsAtMs: number;
  readonly keys: Set<Key>;
}

export class Leases {
  readonly #clock: Clock;
  readonly #revoke: (id: number) => Promise<void>;
  readonly #leases = new Map<number, LeaseState>();
  /** Which lease a key hangs on. */
  readonly #leaseOfKey = new Map<Key, number>();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /** `revoke` deletes the keys of an expired lease and the lease. */
  constructor(clock: Clock, revoke: (id: number) => Promise<void>) {
    this.#clock = clock;
    this.#revoke = revoke;
  }

  has(id: number): boolean {
    return this.#leases.has(id);
  }

  ids(): readonly number[] {
    return [...this.#leases.keys()].sort((left, right) => left - right);
  }

  add(id: number, ttlSeconds: number): void {
    const endsAtMs = this.#clock.monotonic() + ttlSeconds * 1000;
    this.#leases.set(id, { id, ttlSeconds, endsAtMs, keys: new Set() });
    this.#arm(endsAtMs);
  }

  /** Forgets the lease; its keys were deleted before. Returns its TTL. */
  remove(id: number): number {
    const lease = this.#leases.get(id);
    this.#leases.delete(id);
    return lease?.ttlSeconds ?? 0;
  }

  renew(id: number): number | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.endsAtMs <= this.#clock.monotonic()) return undefined;
    lease.endsAtMs = this.#clock.monotonic() + lease.ttlSeconds * 1000;
    return lease.ttlSeconds;
  }

  describe(id: number): Lease | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    const remainingSeconds = Math.max(0, Math.ceil((lease.endsAtMs - this.#clock.monotonic()) / 1000));
    return { id, grantedTtlSeconds: lease.ttlSeconds, remainingSeconds, keys: this.keys(id) };
  }

  /** In order. */
  keys(id: number): readonly Key[] {
    return [...(this.#leases.get(id)?.keys ?? [])].sort((left, right) => (left < right ? -1 : 1));
  }

  /** Hangs the key on the lease; 0 takes it off. */
  attach(key: Key, id: number): void {
    const before = this.#leaseOfKey.get(key);
    if (before === id) return;
    if (before !== undefined) this.#leases.get(before)?.keys.delete(key);
    const lease = id === 0 ? undefined : this.#leases.get(id);
    if (lease === undefined) {
      this.#leaseOfKey.delete(key);
      return;
    }
    lease.keys.add(key);
    this.#leaseOfKey.set(key, id);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #arm(atMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    this.stop();
    this.#timerAtMs = atMs;
    const delayMs = Math.min(MAX_DELAY_MS, Math.max(0, atMs - this.#clock.monotonic()));
    this.#timer = this.#clock.setTimeout(() => this.#expire(), delayMs);
  }

  #expire(): void {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const lease of [...this.#leases.values()]) {
      if (lease.endsAtMs > now) next = Math.min(next, lease.endsAtMs);
      else this.#revoke(lease.id).catch(() => this.#retry());
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }

  // The store reported the failure; here it only matters that the lease is still to be revoked.
  #retry(): void {
    this.#arm(this.#clock.monotonic() + RETRY_DELAY_MS);
  }
}
