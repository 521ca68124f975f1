// Read-change-write in the face of other writers.
import { isStatus } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import { delay } from "./backoff.ts";

const ATTEMPTS = 5;
const DELAY_MS = 10;

/** Runs `attempt`, which must read afresh, until it does not end in a Conflict; five times at most. */
export async function retryOnConflict<R>(env: Pick<Env, "clock" | "random">, attempt: () => Promise<R>): Promise<R> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (count === ATTEMPTS || !isStatus(error, "Conflict")) throw error;
      await delay(env, DELAY_MS * (1 + 0.1 * env.random.next()));
    }
  }
}

/** `undefined` where the API says NotFound. */
export async function ignoreNotFound<R>(request: Promise<R>): Promise<R | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}
