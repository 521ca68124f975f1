// Where objects lie in the store: the layout that Kubernetes gave its data in etcd, so that etcdctl and backups find what
// they expect. Built-in kinds lie under `/registry/<resource>/`, a few under older names; custom resources and the kinds
// of the extension and aggregation APIs under `/registry/<group>/<resource>/`.
import type { Kind } from "../../api/index.ts";
import type { Key } from "../../store/index.ts";

/** The kinds whose place is older than their name. */
const HISTORICAL_PLACES: Readonly<Record<string, string>> = {
  "/replicationcontrollers": "controllers",
  "/endpoints": "services/endpoints",
  "/nodes": "minions",
  "/services": "services/specs",
  "networking.k8s.io/ingresses": "ingress",
};
const GROUPS_WITH_FOLDER: ReadonlySet<string> = new Set(["apiextensions.k8s.io", "apiregistration.k8s.io"]);

/** The folder of all objects of `kind`, ending in a slash. */
export function resourcePrefix(kind: Kind): Key {
  const place = HISTORICAL_PLACES[`${kind.group}/${kind.resource}`];
  if (place !== undefined) return `/registry/${place}/`;
  return kind.custom !== undefined || GROUPS_WITH_FOLDER.has(kind.group) ? `/registry/${kind.group}/${kind.resource}/` : `/registry/${kind.resource}/`;
}

/** The folder of one namespace's objects; of all objects when `namespace` is "". */
export function namespacePrefix(prefix: Key, namespace: string): Key {
  return namespace === "" ? prefix : `${prefix}${binaryString(namespace)}/`;
}

/** `namespace` is "" for cluster-scoped kinds. */
export function objectKeyIn(prefix: Key, namespace: string, name: string): Key {
  return namespacePrefix(prefix, namespace) + binaryString(name);
}

const encoder = new TextEncoder();

/** Text as the store's keys hold it: one code unit per UTF-8 byte. */
export function binaryString(text: string): Key {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is meant
  return /^[\x00-\x7f]*$/.test(text) ? text : String.fromCharCode(...encoder.encode(text));
}
