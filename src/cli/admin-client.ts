// The administrator's client of a running cluster, from the kubeconfig in its data folder.
import { createSystemEnv } from "../base/index.host.ts";
import type { Client } from "../client/index.host.ts";
import type { ClusterPaths } from "../cluster/data-folder.ts";
import { clientWith, readAccessFile } from "../cluster/kubeconfig-client.host.ts";

export async function adminClient(paths: ClusterPaths): Promise<{ client: Client; close: () => void }> {
  const client = clientWith(createSystemEnv({ logLevel: "error" }), await readAccessFile(paths.adminKubeconfig));
  return { client, close: () => client.close() };
}
