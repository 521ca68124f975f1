// Kubeconfig files (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/): making one, and adding
// one's context to a file that others use too.
import { type Document, isMap, isScalar, isSeq, parse, parseDocument, stringify, type YAMLSeq } from "yaml";
import { encodeBase64 } from "./pem.ts";
import type { CertificatePair } from "./pki.ts";

export interface Kubeconfig {
  readonly apiVersion: "v1";
  readonly kind: "Config";
  readonly clusters: readonly { readonly name: string; readonly cluster: { readonly server: string; readonly "certificate-authority-data"?: string } }[];
  readonly users: readonly { readonly name: string; readonly user: KubeconfigUser }[];
  readonly contexts: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string; readonly namespace?: string } }[];
  readonly "current-context": string;
  readonly preferences: Readonly<Record<string, never>>;
}

export interface KubeconfigUser {
  readonly "client-certificate-data"?: string;
  readonly "client-key-data"?: string;
  readonly token?: string;
}

export interface KubeconfigOptions {
  readonly clusterName: string;
  /** `https://host:port`. */
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
  readonly userName: string;
  readonly credentials: CertificatePair | { readonly token: string };
  /** Default: `user@cluster`, as kubeadm names it. */
  readonly contextName?: string;
}

export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

export function createKubeconfig(options: KubeconfigOptions): Kubeconfig {
  const { clusterName, userName, credentials } = options;
  const name = options.contextName ?? `${userName}@${clusterName}`;
  const base64 = (text: string) => encodeBase64(new TextEncoder().encode(text));
  const user: KubeconfigUser =
    "token" in credentials
      ? { token: credentials.token }
      : { "client-certificate-data": base64(credentials.certificate), "client-key-data": base64(credentials.key) };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: clusterName, cluster: { server: options.server, "certificate-authority-data": base64(options.certificateAuthority) } }],
    users: [{ name: userName, user }],
    contexts: [{ name, context: { cluster: clusterName, user: userName } }],
    "current-context": name,
    preferences: {},
  };
}

/** YAML, with the keys unfolded as kubectl writes them. */
export function kubeconfigText(kubeconfig: Kubeconfig): string {
  return stringify(kubeconfig, { lineWidth: 0 });
}

/** @throws KubeconfigError when the text is no kubeconfig. */
export function parseKubeconfig(text: string): Kubeconfig {
  const value: unknown = parse(text);
  if (typeof value !== "object" || value === null || (value as { kind?: unknown }).kind !== "Config")
    throw new KubeconfigError("the text is not a kubeconfig (kind: Config)");
  const { clusters, users, contexts, "current-context": current } = value as Partial<Kubeconfig>;
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: clusters ?? [],
    users: users ?? [],
    contexts: contexts ?? [],
    "current-context": current ?? "",
    preferences: {},
  };
}

/**
 * Adds the current context of `added` to the user's kubeconfig under `name`, with its cluster and user under the same name, and
 * makes it the current one. Everything else in `text`, comments too, stays as it is.
 * @throws KubeconfigError when `text` cannot be understood: it must not be overwritten then.
 */
export function mergeKubeconfig(text: string, added: Kubeconfig, name: string): string {
  const context = added.contexts.find((entry) => entry.name === added["current-context"]);
  const cluster = added.clusters.find((entry) => entry.name === context?.context.cluster);
  const user = added.users.find((entry) => entry.name === context?.context.user);
  if (context === undefined || cluster === undefined || user === undefined)
    throw new KubeconfigError("the kubeconfig to add names no complete current context");
  const document = parseUserFile(text);
  if (!document.has("apiVersion")) document.set("apiVersion", "v1");
  if (!document.has("kind")) document.set("kind", "Config");
  setEntry(document, "clusters", name, { name, cluster: cluster.cluster });
  setEntry(document, "contexts", name, { name, context: { ...context.context, cluster: name, user: name } });
  setEntry(document, "users", name, { name, user: user.user });
  document.set("current-context", name);
  return document.toString({ lineWidth: 0 });
}

/** Takes out what `mergeKubeconfig` put in. Undefined when nothing of it is there. */
export function removeFromKubeconfig(text: string, name: string): string | undefined {
  const document = parseUserFile(text);
  let changed = false;
  for (const list of ["clusters", "contexts", "users"]) {
    const entries = document.get(list);
    if (!isSeq(entries)) continue;
    const index = indexOfName(entries, name);
    if (index < 0) continue;
    entries.delete(index);
    changed = true;
  }
  if (document.get("current-context") === name) {
    document.set("current-context", "");
    changed = true;
  }
  return changed ? document.toString({ lineWidth: 0 }) : undefined;
}

function parseUserFile(text: string): Document {
  const document = parseDocument(text);
  const error = document.errors[0];
  if (error !== undefined) throw new KubeconfigError(`not valid YAML: ${error.message}`);
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (!isMap(document.contents)) throw new KubeconfigError("not a kubeconfig: the file must be a mapping");
  return document;
}

function setEntry(document: Document, list: string, name: string, entry: unknown): void {
  const entries = document.get(list);
  if (entries === undefined || entries === null || (isScalar(entries) && entries.value === null)) {
    document.set(list, document.createNode([entry]));
    return;
  }
  if (!isSeq(entries)) throw new KubeconfigError(`not a kubeconfig: ${list} must be a list`);
  const index = indexOfName(entries, name);
  if (index < 0) entries.add(document.createNode(entry));
  else entries.set(index, document.createNode(entry));
  // A list written as [] must not stay on one line.
  entries.flow = false;
}

function indexOfName(entries: YAMLSeq, name: string): number {
  return entries.items.findIndex((item) => isMap(item) && item.get("name") === name);
}
