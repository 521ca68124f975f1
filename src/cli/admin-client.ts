// The administrator's client of a running cluster, from the kubeconfig in its data folder.
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { createSystemEnv } from "../base/index.host.ts";
import { assert } from "../base/index.ts";
import { type Client, createHttpsClient } from "../client/index.host.ts";
import type { ClusterPaths } from "../cluster/data-folder.ts";

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string; readonly "certificate-authority-data": string } }[];
  readonly users: readonly { readonly user: { readonly "client-certificate-data": string; readonly "client-key-data": string } }[];
}

export async function adminClient(paths: ClusterPaths): Promise<{ client: Client; close: () => void }> {
  const kubeconfig = parse(await readFile(paths.adminKubeconfig, "utf8")) as Kubeconfig;
  const cluster = kubeconfig.clusters[0]?.cluster;
  const user = kubeconfig.users[0]?.user;
  assert(cluster !== undefined && user !== undefined, `${paths.adminKubeconfig} names a cluster and a user`);
  const client = createHttpsClient(createSystemEnv({ logLevel: "error" }), {
    server: cluster.server,
    caPem: decoded(cluster["certificate-authority-data"]),
    clientCertPem: decoded(user["client-certificate-data"]),
    clientKeyPem: decoded(user["client-key-data"]),
  });
  return { client, close: () => client.close() };
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
