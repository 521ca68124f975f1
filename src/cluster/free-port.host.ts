// Ports of this machine that the cluster needs.

/** Says which port is taken, and what to do about it. */
export async function onFreePort<T>(port: number, forWhat: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw new Error(`port ${port} is taken, and it is needed for ${forWhat}`);
    throw error;
  }
}
