// The user's kubeconfig file: the cluster's context is added at start and taken away at delete; all else stays as it is.
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { ClusterPaths } from "../cluster/data-folder.ts";
import { mergeKubeconfigFile, removeFromKubeconfigFile } from "../kubeadm/index.host.ts";

const CONTEXT = "kubets";

/** As kubectl chooses it: the first file of $KUBECONFIG, else ~/.kube/config. */
function userFile(): string {
  const [first = ""] = (process.env["KUBECONFIG"] ?? "").split(delimiter);
  return first === "" ? join(homedir(), ".kube", "config") : first;
}

export async function addUserContext(paths: ClusterPaths): Promise<{ file: string; context: string }> {
  const file = userFile();
  await mergeKubeconfigFile(file, await readFile(paths.adminKubeconfig, "utf8"), CONTEXT);
  return { file, context: CONTEXT };
}

export async function removeUserContext(): Promise<void> {
  await removeFromKubeconfigFile(userFile(), CONTEXT);
}
