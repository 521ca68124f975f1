// One cluster with real containers a machine: bridge, service rules and cgroups carry fixed names. The claim names the data folder
// whose containers may be running; it is given back when the node halts, not when kubets ends.
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import type { ClusterPaths } from "./data-folder.ts";

/** Gone after a reboot, like the containers. */
const CLAIM = "/run/kubets.claim";

export class ClaimError extends Error {
  override readonly name = "ClaimError";
}

/** Throws `ClaimError` when another cluster has the machine. Claiming again does nothing. */
export async function claimMachine(paths: ClusterPaths): Promise<void> {
  const owner = existsSync(CLAIM) ? (await readFile(CLAIM, "utf8")).trim() : undefined;
  if (owner !== undefined && owner !== paths.data && existsSync(owner))
    throw new ClaimError(`this machine already runs the cluster in ${owner}, and there can be one at a time; stop it first: kubets stop --data-dir ${owner}`);
  await writeFile(CLAIM, `${paths.data}\n`);
}

export async function releaseMachine(paths: ClusterPaths): Promise<void> {
  if (existsSync(CLAIM) && (await readFile(CLAIM, "utf8")).trim() === paths.data) await rm(CLAIM, { force: true });
}
