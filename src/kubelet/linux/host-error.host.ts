// Node's file system errors as the host port's.
import { HostError } from "../host.ts";

const REASONS: Readonly<Record<string, HostError["reason"]>> = {
  ENOENT: "notFound",
  EEXIST: "exists",
  ENOTDIR: "notDirectory",
  EACCES: "denied",
  EPERM: "denied",
  EBUSY: "busy",
};

export function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

export function toHostError(error: unknown): HostError {
  if (error instanceof HostError) return error;
  return new HostError(REASONS[codeOf(error)] ?? "other", error instanceof Error ? error.message : String(error));
}

/** `work`, with its errors turned into `HostError`. */
export async function hostCall<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toHostError(error);
  }
}

/** `work`, or undefined when what it looks for is not there. */
export async function ifPresent<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw toHostError(error);
  }
}
