// What the eviction signals say now: how much there is of each scarce thing, and how much is free.
import type { KubeletHost } from "../host.ts";
import type { Signal } from "./thresholds.ts";

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}
/** A signal that cannot be read now is missing. */
export type Observations = ReadonlyMap<Signal, Observation>;

export interface ObservedPlaces {
  /** Where the runtime keeps images; absent: beside everything else. */
  readonly imageDirectory?: string;
}

/** Reads a handful of files. `failed` hears of each place that does not answer. */
export async function observeSignals(
  host: KubeletHost,
  { imageDirectory }: ObservedPlaces,
  failed: (what: string, error: unknown) => void,
): Promise<Observations> {
  const observations = new Map<Signal, Observation>();
  const attempt = async (what: string, read: () => Promise<void>): Promise<void> => {
    try {
      await read();
    } catch (error) {
      failed(what, error);
    }
  };
  await attempt("memory and processes", async () => {
    const [{ memoryBytes }, { memoryAvailableBytes, processes, maxProcesses }] = await Promise.all([host.facts(), host.headroom()]);
    observations.set("memory.available", { available: memoryAvailableBytes, capacity: memoryBytes });
    observations.set("pid.available", { available: maxProcesses - processes, capacity: maxProcesses });
  });
  const filesystem = async (prefix: "nodefs" | "imagefs", path?: string): Promise<void> => {
    const { availableBytes, capacityBytes, inodes, inodesFree } = await host.filesystemUsage(path);
    observations.set(`${prefix}.available`, { available: availableBytes, capacity: capacityBytes });
    // Some file systems make inodes as they need them, and tell of none.
    if (inodes > 0) observations.set(`${prefix}.inodesFree`, { available: inodesFree, capacity: inodes });
  };
  await attempt("the node's file system", () => filesystem("nodefs"));
  await attempt("the images' file system", () => filesystem("imagefs", imageDirectory));
  return observations;
}
