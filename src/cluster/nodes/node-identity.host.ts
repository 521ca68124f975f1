// Who a node's process is: its certificates on the node's disk, asked for where they are missing or about to end
// (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/). A joining node knows three things: where the API
// server is, the authority to believe, and a bootstrap token; they come in `bootstrap-kubelet.conf`.
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { StatusError } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { Client, HttpsClient } from "../../client/index.host.ts";
import { replaceFile } from "../../kubeadm/index.host.ts";
import {
  type CertificatePair,
  createKubeconfig,
  isStillGood,
  kubeconfigText,
  type LeafContents,
  nodeClientContents,
  nodeServingContents,
  readCertificate,
  requestNodeClientCertificate,
  requestNodeServingCertificate,
} from "../../kubeadm/index.ts";
import { type ClusterAccess, clientWith, readAccessFile } from "../kubeconfig-client.host.ts";
import { type NodeRecord, pathsOnDisk } from "./node-record.ts";

export interface NodeIdentity {
  readonly client: HttpsClient;
  readonly serving: CertificatePair;
  readonly certificateAuthority: string;
  /** False when one of the certificates is about to end: a process that starts anew asks for others. */
  isStillGood(): Promise<boolean>;
}

const CLUSTER_NAME = "kubets";
const RETRY_MS = 200;
/** The server is not there yet, or does not know the token yet. */
const WORTH_WAITING: ReadonlySet<string> = new Set(["ServiceUnavailable", "Unauthorized", "Forbidden", "Timeout", "TooManyRequests"]);

/** Resolves once the cluster has given the node what it needs. */
export async function establishIdentity(env: Env, record: NodeRecord, disk: string): Promise<NodeIdentity> {
  const access = await nodeAccess(env, record, disk);
  const client = clientWith(env, access);
  const contents = nodeServingContents(record.name, record.addresses);
  const serving = await servingCertificate(env, record, { disk, client, access, contents });
  const authority = readCertificate(access.certificateAuthority);
  return {
    client,
    serving,
    certificateAuthority: access.certificateAuthority,
    isStillGood: async () =>
      (await isStillGood(env, pairOf(access), nodeClientContents(record.name), authority)) && (await isStillGood(env, serving, contents, authority)),
  };
}

/** Whether the node on that disk can meet the API server without being introduced. */
export async function isIntroduced(env: Env, record: NodeRecord, disk: string, authority: string): Promise<boolean> {
  const file = pathsOnDisk(disk).kubeconfig;
  if (!existsSync(file)) return false;
  return isStillGood(env, pairOf(await readAccessFile(file)), nodeClientContents(record.name), readCertificate(authority));
}

async function nodeAccess(env: Env, { name, server }: NodeRecord, disk: string): Promise<ClusterAccess> {
  const { kubeconfig, bootstrapKubeconfig } = pathsOnDisk(disk);
  const own = existsSync(kubeconfig) ? { ...(await readAccessFile(kubeconfig)), server } : undefined;
  if (own !== undefined && (await isStillGood(env, pairOf(own), nodeClientContents(name), readCertificate(own.certificateAuthority)))) return own;
  // While its certificate holds, a node renews it as itself.
  const hasEnded = own === undefined || readCertificate(pairOf(own).certificate).notAfterMs <= env.clock.now();
  const introduction = hasEnded ? { ...(await readAccessFile(bootstrapKubeconfig)), server } : own;
  const client = clientWith(env, introduction);
  try {
    const credentials = await patiently(env, () => requestNodeClientCertificate(env, client, name));
    const { certificateAuthority } = introduction;
    const text = kubeconfigText(createKubeconfig({ clusterName: CLUSTER_NAME, server, certificateAuthority, userName: `system:node:${name}`, credentials }));
    await replaceFile(kubeconfig, text, 0o600);
    return { server, certificateAuthority, credentials };
  } finally {
    client.close();
  }
}

interface ServingParts {
  readonly disk: string;
  readonly client: Client;
  readonly access: ClusterAccess;
  readonly contents: LeafContents;
}

async function servingCertificate(env: Env, { name, addresses }: NodeRecord, { disk, client, access, contents }: ServingParts): Promise<CertificatePair> {
  const folder = join(disk, "pki");
  const [certificateFile, keyFile] = [join(folder, "kubelet.crt"), join(folder, "kubelet.key")];
  if (existsSync(certificateFile) && existsSync(keyFile)) {
    const [certificate, key] = await Promise.all([readFile(certificateFile, "utf8"), readFile(keyFile, "utf8")]);
    if (await isStillGood(env, { certificate, key }, contents, readCertificate(access.certificateAuthority))) return { certificate, key };
  }
  const made = await patiently(env, () => requestNodeServingCertificate(env, client, name, addresses));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await replaceFile(keyFile, made.key, 0o600);
  await replaceFile(certificateFile, made.certificate, 0o644);
  return made;
}

function pairOf({ credentials }: ClusterAccess): CertificatePair {
  return "token" in credentials ? { certificate: "", key: "" } : credentials;
}

async function patiently<T>(env: Env, ask: () => Promise<T>): Promise<T> {
  const log = env.log.child("identity");
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StatusError) || !WORTH_WAITING.has(error.reason)) throw error;
      if (attempt % 50 === 10) log.warn("the API server does not take this node in yet", { error: error.message });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
