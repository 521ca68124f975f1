// Clients out of kubeconfig files.
import { readFile } from "node:fs/promises";
import type { Env } from "../base/index.ts";
import { createHttpsClient, type HttpsClient } from "../client/index.host.ts";
import { KubeconfigError, parseKubeconfig } from "../kubeadm/index.ts";

/** What the current context names: the server, its authority, and the user's credentials. PEM. */
export interface ClusterAccess {
  readonly server: string;
  readonly certificateAuthority: string;
  readonly credentials: { readonly certificate: string; readonly key: string } | { readonly token: string };
}

/** Throws `KubeconfigError` when the text names no complete current context. */
export function readAccess(text: string): ClusterAccess {
  const { clusters, users, contexts, "current-context": current } = parseKubeconfig(text);
  const context = contexts.find(({ name }) => name === current)?.context;
  const cluster = clusters.find(({ name }) => name === context?.cluster)?.cluster;
  const user = users.find(({ name }) => name === context?.user)?.user;
  const [certificate, key, token] = [user?.["client-certificate-data"], user?.["client-key-data"], user?.token];
  const authority = cluster?.["certificate-authority-data"];
  if (cluster === undefined || authority === undefined) throw new KubeconfigError("the kubeconfig's current context names no cluster with its authority");
  const known = { server: cluster.server, certificateAuthority: decoded(authority) };
  if (certificate !== undefined && key !== undefined) return { ...known, credentials: { certificate: decoded(certificate), key: decoded(key) } };
  if (token === undefined) throw new KubeconfigError("the kubeconfig's current context names no user with a certificate or a token");
  return { ...known, credentials: { token } };
}

export async function readAccessFile(file: string): Promise<ClusterAccess> {
  return readAccess(await readFile(file, "utf8"));
}

export function clientWith(env: Env, { server, certificateAuthority, credentials }: ClusterAccess): HttpsClient {
  const own = "token" in credentials ? credentials : { clientCertPem: credentials.certificate, clientKeyPem: credentials.key };
  return createHttpsClient(env, { server, caPem: certificateAuthority, ...own });
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
