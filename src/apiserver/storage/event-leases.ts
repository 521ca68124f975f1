// Events live for an hour. A lease per event would make the store keep thousands of them, so events of about the same
// time share one: a lease serves a minute's or a thousand objects' worth, whichever ends first, and lives that minute longer.

import type { Kind } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { Store } from "../../store/index.ts";

const EVENT_TTL_SECONDS = 3600;
const REUSE_SECONDS = 60;
const MAX_OBJECTS = 1000;

export class EventLeases {
  #current: { readonly id: Promise<number>; readonly expiresMs: number; objects: number } | undefined;

  constructor(
    private readonly env: Env,
    private readonly store: Store,
  ) {}

  /** The lease that a new or changed object of this stored kind hangs on; 0 for kinds that stay. */
  async leaseFor(kind: Kind): Promise<number> {
    if (kind.resource !== "events") return 0;
    const now = this.env.clock.monotonic();
    if (this.#current === undefined || this.#current.expiresMs <= now || this.#current.objects >= MAX_OBJECTS) {
      const id = this.store.grantLease(0, EVENT_TTL_SECONDS + REUSE_SECONDS).then((lease) => lease.id);
      this.#current = { id, expiresMs: now + REUSE_SECONDS * 1000, objects: 0 };
    }
    this.#current.objects++;
    try {
      return await this.#current.id;
    } catch (error) {
      this.#current = undefined;
      throw error;
    }
  }
}
