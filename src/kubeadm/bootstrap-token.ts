// Bootstrap tokens, with which a machine that is to be a node introduces itself, and what the cluster lets their bearers do
// (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/; the bindings are those of `kubeadm init`).
import { type ClusterRoleBinding, clusterRoleBindings, isStatus, type Secret, secrets } from "../api/index.ts";
import { type Env, formatTime } from "../base/index.ts";
import type { Client } from "../client/index.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;
const NAMESPACE = "kube-system";
const GROUP = "system:bootstrappers:kubeadm:default-node-token";
const NODES = "system:nodes";
const SIGNING = "system:certificates.k8s.io:certificatesigningrequests";

/** By name of the binding: the role, and the group that gets it. */
const BINDINGS: Readonly<Record<string, readonly [role: string, group: string]>> = {
  "kubeadm:kubelet-bootstrap": ["system:node-bootstrapper", GROUP],
  "kubeadm:node-autoapprove-bootstrap": [`${SIGNING}:nodeclient`, GROUP],
  "kubeadm:node-autoapprove-certificate-rotation": [`${SIGNING}:selfnodeclient`, NODES],
  // The nodes of this program are their own service proxies.
  "kubets:node-proxier": ["system:node-proxier", NODES],
};

/** `abcdef.0123456789abcdef`. */
export function newBootstrapToken(env: Env): string {
  const text = [...env.random.bytes(ID_LENGTH + SECRET_LENGTH)].map((byte) => LETTERS[byte % LETTERS.length]).join("");
  return `${text.slice(0, ID_LENGTH)}.${text.slice(ID_LENGTH)}`;
}

/** Makes the token known to the cluster, which forgets it after `lifetimeMs`. */
export async function publishBootstrapToken(env: Env, client: Client, token: string, { lifetimeMs, description }: TokenOptions): Promise<void> {
  const [id = "", secret = ""] = token.split(".");
  await client.create(secrets, {
    apiVersion: secrets.apiVersion,
    kind: secrets.kind,
    metadata: { name: secretName(id), namespace: NAMESPACE },
    type: "bootstrap.kubernetes.io/token",
    stringData: {
      description,
      "token-id": id,
      "token-secret": secret,
      expiration: formatTime(env.clock.now() + lifetimeMs),
      "usage-bootstrap-authentication": "true",
      "auth-extra-groups": GROUP,
    },
  } satisfies Secret);
}

export interface TokenOptions {
  readonly lifetimeMs: number;
  readonly description: string;
}

/** Nothing happens to one that is gone. */
export async function withdrawBootstrapToken(client: Client, token: string): Promise<void> {
  const [id = ""] = token.split(".");
  await client.delete(secrets, { namespace: NAMESPACE, name: secretName(id) }).catch((error: unknown) => {
    if (!isStatus(error, "NotFound")) throw error;
  });
}

function secretName(id: string): string {
  return `bootstrap-token-${id}`;
}

/** Lets bearers of tokens become nodes, and nodes renew their certificates and be service proxies. What is there stays as it is. */
export async function allowNodesToJoin(client: Client): Promise<void> {
  await Promise.all(
    Object.entries(BINDINGS).map(([name, [role, group]]) =>
      client.create(clusterRoleBindings, binding(name, role, group)).catch((error: unknown) => {
        if (!isStatus(error, "AlreadyExists")) throw error;
      }),
    ),
  );
}

function binding(name: string, role: string, group: string): ClusterRoleBinding {
  return {
    apiVersion: clusterRoleBindings.apiVersion,
    kind: clusterRoleBindings.kind,
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group }],
  };
}
