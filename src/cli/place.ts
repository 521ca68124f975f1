// Which cluster a command speaks of.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { daemonState } from "../cluster/daemon.host.ts";
import type { DaemonState } from "../cluster/daemon-messages.ts";
import { type ClusterPaths, clusterPaths, defaultDataDir } from "../cluster/data-folder.ts";
import { UserError } from "./progress.ts";

export interface PlaceFlags {
  readonly dataDir?: string;
}

/** The data folder that was named, else the machine's for root and one's own for others. */
export function placeOf(flags: PlaceFlags): ClusterPaths {
  return clusterPaths(resolve(flags.dataDir ?? (process.getuid?.() === 0 ? defaultDataDir : `${homedir()}/.local/share/kubets`)));
}

/** The cluster, which must exist. */
export function existingPlace(flags: PlaceFlags): ClusterPaths {
  const paths = placeOf(flags);
  if (!existsSync(paths.options)) throw new UserError(`there is no cluster in ${paths.data}; "kubets start" makes one`, 3);
  return paths;
}

/** The cluster and its state; it must run. */
export async function runningPlace(flags: PlaceFlags): Promise<{ paths: ClusterPaths; state: DaemonState }> {
  const paths = existingPlace(flags);
  const state = await daemonState(paths);
  if (state === undefined) throw new UserError(`the cluster in ${paths.data} is not running; "kubets start" starts it`, 3);
  return { paths, state };
}
