// Storage that works without further ado: the default class `local-path`, whose volumes are directories on the nodes, made and removed
// by the nodes' kubelets on the provisioner's word (docs/decisions/0008-node-directories-as-volumes.md).
import {
  annotations,
  type ClusterRole,
  type ClusterRoleBinding,
  type ConfigMap,
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  type Node,
  type StorageClass,
  storageClasses,
} from "../api/index.ts";
import type { NodeConnector } from "../apiserver/index.ts";
import type { Env } from "../base/index.ts";
import type { Client } from "../client/index.ts";
import { LOCAL_PATH_PROVISIONER, type NodeDirectories } from "../controllers/index.ts";
import { createUnlessThere, isThere } from "./create-unless-there.ts";

const NAMESPACE = "kube-system";
const CLASS_NAME = "local-path";
const ROLE = "local-path-provisioner-role";
const SERVICE_ACCOUNT = "local-path-provisioner-service-account";
/** Tells that the class was made once: a user who deleted it since does not want it back. */
const MARKER = "local-path-config";
const ANSWER_MS = 60_000;

/** Grants the provisioner its rights and, the first time, makes its class the default. */
export async function installLocalPath(client: Client): Promise<void> {
  await Promise.all([createUnlessThere(client, clusterRoles, role), createUnlessThere(client, clusterRoleBindings, binding)]);
  const marker: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: MARKER, namespace: NAMESPACE },
    data: { storageClass: CLASS_NAME, about: "While this object exists, the storage class is left as it is, deleted or not." },
  };
  if (await isThere(client, configMaps, marker)) return;
  // In this order: whoever dies in between makes the class at the next start.
  await createUnlessThere(client, storageClasses, storageClass);
  await createUnlessThere(client, configMaps, marker);
}

const storageClass: StorageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: CLASS_NAME, annotations: { [annotations.defaultStorageClass]: "true" } },
  provisioner: LOCAL_PATH_PROVISIONER,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
};

const read = ["get", "list", "watch"];
const role: ClusterRole = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: ROLE },
  rules: [
    { apiGroups: [""], resources: ["nodes"], verbs: read },
    { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: [...read, "update"] },
    { apiGroups: [""], resources: ["persistentvolumes"], verbs: [...read, "create", "update", "delete"] },
    { apiGroups: ["storage.k8s.io"], resources: ["storageclasses"], verbs: read },
    { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
  ],
};
const binding: ClusterRoleBinding = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "local-path-provisioner-bind" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ROLE },
  subjects: [{ kind: "ServiceAccount", name: SERVICE_ACCOUNT, namespace: NAMESPACE }],
};

/** The nodes' directories, through their kubelets. */
export function createNodeDirectories({ clock }: Env, connector: NodeConnector): NodeDirectories {
  const ask = async (node: Node, method: "PUT" | "DELETE", name: string): Promise<string> => {
    const target = `/volumeDirectories/${encodeURIComponent(name)}`;
    const late = new AbortController();
    const timer = clock.setTimeout(() => late.abort(), ANSWER_MS);
    try {
      const response = await connector.kubelet(node).request({ method, target, headers: {}, abort: late.signal });
      const text = await new Response(response.body).text();
      if (response.status !== 200) throw new Error(`the kubelet of node ${node.metadata.name} answers ${response.status}: ${text.trim()}`);
      return text;
    } finally {
      timer.cancel();
    }
  };
  return {
    make: async (node, name) => (JSON.parse(await ask(node, "PUT", name)) as { path: string }).path,
    remove: async (node, name) => {
      await ask(node, "DELETE", name);
    },
  };
}
