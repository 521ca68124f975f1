// A broken invariant stops the component that found it; the supervisor restarts it and says so.

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws when `condition` does not hold. `message` states the invariant. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${message}`);
}

/** For the branch that the types rule out. */
export function unreachable(value: never, what: string): never {
  throw new AssertionError(`invariant broken: unexpected ${what} ${JSON.stringify(value)}`);
}

/** `value`, which must be there. `what` names it in the error. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionError(`invariant broken: no ${what}`);
  return value;
}
