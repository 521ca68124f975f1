// Credentials on disk, in upstream's layout (https://kubernetes.io/docs/setup/best-practices/certificates/#certificate-paths):
// `pki/ca.crt`, `pki/apiserver.key` and so on, and the kubeconfigs beside `pki/`. Private files have mode 0600; every file is
// replaced in one step.
import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, realpath, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Env } from "../base/index.ts";
import { createKubeconfig, KubeconfigError, kubeconfigText, mergeKubeconfig, parseKubeconfig, removeFromKubeconfig } from "./kubeconfig.ts";
import { decodeBase64 } from "./pem.ts";
import { type CertificatePair, createPki, type LeafName, type Pki, type PkiOptions } from "./pki.ts";

export interface PkiFolderOptions extends PkiOptions {
  /** Holds `pki/` and the kubeconfigs: upstream's /etc/kubernetes. */
  readonly folder: string;
  /** What the kubeconfigs name: `https://host:port`. */
  readonly server: string;
  readonly clusterName: string;
}

/** Pairs that stand in `pki/` under these names. */
const PAIR_FILES = {
  ca: "ca",
  frontProxyCa: "front-proxy-ca",
  apiServer: "apiserver",
  apiServerKubeletClient: "apiserver-kubelet-client",
  frontProxyClient: "front-proxy-client",
  kubeletServing: "kubelet",
} as const satisfies Partial<Record<keyof Pki, string>>;
/** Pairs that stand in kubeconfigs only, and the users' names there. */
const KUBECONFIG_FILES = {
  admin: ["admin.conf", "kubernetes-admin"],
  controllerManager: ["controller-manager.conf", "system:kube-controller-manager"],
  scheduler: ["scheduler.conf", "system:kube-scheduler"],
  kubeletClient: ["kubelet.conf", "system:node"],
} as const satisfies Partial<Record<LeafName, readonly [string, string]>>;

/** Reads what is in the folder, makes and replaces what is missing, broken or about to end, and writes that back. */
export async function ensurePki(env: Env, options: PkiFolderOptions): Promise<Pki> {
  const existing = await readPki(options.folder);
  const pki = await createPki(env, options, existing);
  await mkdir(join(options.folder, "pki"), { recursive: true, mode: 0o700 });
  await Promise.all([...pairWrites(options, pki, existing), ...kubeconfigWrites(options, pki)]);
  return pki;
}

async function readPki(folder: string): Promise<Partial<Pki>> {
  const found: Record<string, unknown> = {};
  const pairs = Object.entries(PAIR_FILES).map(async ([name, file]) => {
    const [certificate, key] = await Promise.all([readIfThere(join(folder, "pki", `${file}.crt`)), readIfThere(join(folder, "pki", `${file}.key`))]);
    if (certificate !== undefined && key !== undefined) found[name] = { certificate, key };
  });
  const embedded = Object.entries(KUBECONFIG_FILES).map(async ([name, [file]]) => {
    const pair = await readEmbeddedPair(join(folder, file));
    if (pair !== undefined) found[name] = pair;
  });
  const [privateKey, publicKey] = await Promise.all([
    readIfThere(join(folder, "pki", "sa.key")),
    readIfThere(join(folder, "pki", "sa.pub")),
    ...pairs,
    ...embedded,
  ]);
  if (privateKey !== undefined && publicKey !== undefined) found["serviceAccount"] = { privateKey, publicKey };
  return found as Partial<Pki>;
}

async function readEmbeddedPair(file: string): Promise<CertificatePair | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  try {
    const user = parseKubeconfig(text).users[0]?.user;
    const [certificate, key] = [user?.["client-certificate-data"], user?.["client-key-data"]];
    if (certificate === undefined || key === undefined) return undefined;
    const decoder = new TextDecoder();
    return { certificate: decoder.decode(decodeBase64(certificate)), key: decoder.decode(decodeBase64(key)) };
  } catch {
    // A file that cannot be understood is made anew.
    return undefined;
  }
}

function pairWrites(options: PkiFolderOptions, pki: Pki, existing: Partial<Pki>): Promise<void>[] {
  const path = (name: string) => join(options.folder, "pki", name);
  const writes: Promise<void>[] = [];
  for (const [name, file] of Object.entries(PAIR_FILES) as [keyof typeof PAIR_FILES, string][]) {
    const { certificate, key } = pki[name];
    if (existing[name]?.certificate === certificate) continue;
    writes.push(replaceFile(path(`${file}.key`), key, 0o600), replaceFile(path(`${file}.crt`), certificate, 0o644));
  }
  if (existing.serviceAccount === undefined) {
    writes.push(replaceFile(path("sa.key"), pki.serviceAccount.privateKey, 0o600), replaceFile(path("sa.pub"), pki.serviceAccount.publicKey, 0o644));
  }
  return writes;
}

function kubeconfigWrites(options: PkiFolderOptions, pki: Pki): Promise<void>[] {
  return (Object.entries(KUBECONFIG_FILES) as [keyof typeof KUBECONFIG_FILES, readonly [string, string]][]).map(async ([name, [file, user]]) => {
    const userName = name === "kubeletClient" ? `${user}:${options.nodeName}` : user;
    const { clusterName, server } = options;
    const text = kubeconfigText(createKubeconfig({ clusterName, server, certificateAuthority: pki.ca.certificate, userName, credentials: pki[name] }));
    const path = join(options.folder, file);
    if ((await readIfThere(path)) !== text) await replaceFile(path, text, 0o600);
  });
}

const LOCK_ATTEMPTS = 20;
const LOCK_PAUSE_MS = 100;

/** Adds the current context of a kubeconfig to the user's file under `contextName`; made when it is missing. */
export async function mergeKubeconfigFile(file: string, text: string, contextName: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await changeUserFile(file, (current) => mergeKubeconfig(current, parseKubeconfig(text), contextName));
}

/** Takes the context, its cluster and its user out again. */
export async function removeFromKubeconfigFile(file: string, contextName: string): Promise<void> {
  if ((await readIfThere(file)) === undefined) return;
  await changeUserFile(file, (current) => removeFromKubeconfig(current, contextName));
}

/** Under the lock that kubectl takes as well: `FILE.lock`. */
async function changeUserFile(file: string, change: (text: string) => string | undefined): Promise<void> {
  // A link stays a link: what it points at is replaced.
  const target = await realpath(file).catch(() => file);
  const lock = `${file}.lock`;
  await takeLock(lock);
  try {
    const changed = change((await readIfThere(target)) ?? "");
    if (changed !== undefined) await replaceFile(target, changed, 0o600);
  } catch (error) {
    if (error instanceof KubeconfigError) throw new KubeconfigError(`${file} was left as it is: ${error.message}`);
    throw error;
  } finally {
    await rm(lock, { force: true });
  }
}

async function takeLock(lock: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await (await open(lock, "wx", 0o600)).close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (attempt === LOCK_ATTEMPTS)
        throw new KubeconfigError(`${lock} exists: another program is changing the kubeconfig, or was stopped while it did; remove the lock in that case`);
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
    }
  }
}

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** In one step: a reader sees the old text or the new one. */
export async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // The umask may have taken bits away.
    await chmod(temporary, mode);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
