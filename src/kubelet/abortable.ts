// Waiting that ends early when it is no longer wanted; the work itself goes on unheard.

/** The result of `work`, or undefined as soon as `signal` aborts. A failure after that is nobody's. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return undefined;
  }
  let stopListening = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    const listener = (): void => resolve(undefined);
    signal.addEventListener("abort", listener);
    stopListening = () => signal.removeEventListener("abort", listener);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stopListening();
  }
}
