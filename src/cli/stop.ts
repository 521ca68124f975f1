// `kubets stop` and `kubets delete`
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { endDaemon } from "../cluster/daemon.host.ts";
import type { ClusterPaths } from "../cluster/data-folder.ts";
import { releaseMachine } from "../cluster/machine-claim.host.ts";
import type { ClusterOptions } from "../cluster/options.ts";
import { removeUserContext } from "./kubeconfig-file.ts";
import { existingPlace, type PlaceFlags, placeOf } from "./place.ts";
import { createProgress, type Progress } from "./progress.ts";

const DAEMON_GRACE_MS = 15_000;

/** The node halts: kubets and every container end, all that is stored stays. */
export async function stop(flags: PlaceFlags): Promise<void> {
  const paths = existingPlace(flags);
  const progress = createProgress();
  await halt(paths, progress);
  console.log('Stopped. "kubets start" starts it again, "kubets delete" removes it.');
}

export async function deleteCluster(flags: PlaceFlags): Promise<void> {
  const paths = placeOf(flags);
  const progress = createProgress();
  if (!existsSync(paths.data) && !existsSync(paths.run)) {
    console.log(`There is no cluster in ${paths.data}.`);
    return;
  }
  await halt(paths, progress);
  if (await usesContainers(paths)) {
    const { removeNode } = await import("../cluster/clean-up.host.ts");
    await removeNode(paths);
  }
  await rm(paths.run, { recursive: true, force: true });
  await removeFolder(paths.data);
  await removeUserContext();
  progress.step(`${paths.data} is removed.`);
  console.log("Deleted.");
}

/** A folder that a disk is mounted on is emptied and stays. */
async function removeFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) await rm(join(folder, name), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EBUSY") throw error;
  });
}

async function halt(paths: ClusterPaths, progress: Progress): Promise<void> {
  if (await endDaemon(paths, DAEMON_GRACE_MS)) progress.step("kubets has ended.");
  if (!(await usesContainers(paths))) return;
  const { stopNode } = await import("../cluster/clean-up.host.ts");
  await stopNode(paths);
  await releaseMachine(paths);
  progress.step("All containers have ended.");
}

async function usesContainers(paths: ClusterPaths): Promise<boolean> {
  if (!existsSync(paths.options)) return existsSync(paths.containerdRoot);
  return (JSON.parse(await readFile(paths.options, "utf8")) as ClusterOptions).runtime === "containerd";
}
