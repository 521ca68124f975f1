// The roles and bindings that every cluster has, put right at start-up
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings).
//
// Invariants: what is missing is added, what an administrator added stays; an object annotated
// `rbac.authorization.kubernetes.io/autoupdate: "false"` is left alone. Aggregated roles carry their rules from the start.
import {
  type ClusterRole,
  type ClusterRoleBinding,
  clusterRoleBindings,
  clusterRoles,
  isStatus,
  type Kind,
  type KubeObject,
  labelSelectorMatches,
  type PolicyRule,
  type RbacSubject,
  type Role,
  type RoleBinding,
  type RoleRef,
  roleBindings,
  roles,
  sameValue,
} from "../../api/index.ts";
import type { Client } from "../../client/index.ts";
import facts from "./generated/bootstrap-policy.json" with { type: "json" };
import { uncoveredRules } from "./rbac-rules.ts";

const AUTO_UPDATE_ANNOTATION = "rbac.authorization.kubernetes.io/autoupdate";

interface PolicyObject extends KubeObject {
  readonly rules?: readonly PolicyRule[] | null;
  readonly aggregationRule?: ClusterRole["aggregationRule"];
  readonly roleRef?: RoleRef;
  readonly subjects?: readonly RbacSubject[] | null;
}

const AGGREGATE_TO = "rbac.authorization.k8s.io/aggregate-to-";

/** Who may view things may see what they use: the role that comes with upstream's metrics-server. */
const metricsReader: PolicyObject = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: {
    name: "system:aggregated-metrics-reader",
    labels: Object.fromEntries(["admin", "edit", "view"].map((role) => [`${AGGREGATE_TO}${role}`, "true"])),
  },
  rules: [{ apiGroups: ["metrics.k8s.io"], resources: ["pods", "nodes"], verbs: ["get", "list", "watch"] }],
};

/** The objects of one kind, as they should be. */
export function bootstrapObjects(kindName: string): readonly PolicyObject[] {
  const objects = [...(facts as unknown as readonly PolicyObject[]), metricsReader].filter(({ kind }) => kind === kindName);
  return objects.map((object) => (object.aggregationRule === undefined ? object : { ...object, rules: aggregatedRules(object, objects) }));
}

/** The rules of a default ClusterRole, by its name. */
export function bootstrapClusterRoleRules(name: string): readonly PolicyRule[] {
  return bootstrapObjects("ClusterRole").find(({ metadata }) => metadata.name === name)?.rules ?? [];
}

/** Rules of all roles that `role` selects by label, each once; selected roles may themselves be aggregated. */
function aggregatedRules(role: PolicyObject, all: readonly PolicyObject[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    for (const other of all) {
      if (other === role || !labelSelectorMatches(selector, other.metadata.labels)) continue;
      const added = other.aggregationRule === undefined ? (other.rules ?? []) : aggregatedRules(other, all);
      for (const rule of added) rules.set(JSON.stringify(rule), rule);
    }
  }
  return [...rules.values()];
}

/** Makes the bootstrap policy true. The namespaces `kube-system` and `kube-public` must be there. */
export async function reconcileBootstrapPolicy(client: Client): Promise<void> {
  await Promise.all([
    reconcileKind<ClusterRole>(client, clusterRoles, completeRole),
    reconcileKind<ClusterRoleBinding>(client, clusterRoleBindings, completeBinding),
    reconcileKind<Role>(client, roles, completeRole),
    reconcileKind<RoleBinding>(client, roleBindings, completeBinding),
  ]);
}

/** What `existing` should become; undefined when it is right; "recreate" when no update can make it so. */
type Completion = (existing: PolicyObject, wanted: PolicyObject) => PolicyObject | undefined | "recreate";

async function reconcileKind<T extends KubeObject>(client: Client, kind: Kind<T>, complete: Completion): Promise<void> {
  const { items } = await client.list(kind);
  const existing = new Map(items.map((object) => [identity(object), object]));
  await Promise.all(
    bootstrapObjects(kind.kind).map(async (wanted) => {
      const found = existing.get(identity(wanted)) as PolicyObject | undefined;
      const object = withoutNulls(wanted) as unknown as T;
      if (found === undefined) return createUnlessThere(client, kind, object);
      if (found.metadata.annotations?.[AUTO_UPDATE_ANNOTATION] === "false") return;
      const completed = complete(found, wanted);
      if (completed === "recreate") {
        const { name, namespace } = found.metadata;
        await client.delete(kind, { name, namespace });
        await client.create(kind, object);
      } else if (completed !== undefined) await client.update(kind, withoutNulls(completed) as unknown as T);
    }),
  );
}

/** Another server of the same cluster may be as far as we are. */
async function createUnlessThere<T extends KubeObject>(client: Client, kind: Kind<T>, object: T): Promise<void> {
  try {
    await client.create(kind, object);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

function identity({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function withoutNulls(object: PolicyObject): PolicyObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null)) as unknown as PolicyObject;
}

/** `existing` with the labels and annotations that `wanted` has; its own values win. */
function completeMetadata(existing: PolicyObject, wanted: PolicyObject): PolicyObject {
  const labels = { ...wanted.metadata.labels, ...existing.metadata.labels };
  const annotations = { ...wanted.metadata.annotations, ...existing.metadata.annotations };
  return { ...existing, metadata: { ...existing.metadata, labels, annotations } };
}

function completeRole(existing: PolicyObject, wanted: PolicyObject): PolicyObject | undefined {
  let completed = completeMetadata(existing, wanted);
  if (wanted.aggregationRule !== undefined) {
    const selectors = existing.aggregationRule?.clusterRoleSelectors ?? [];
    const missing = (wanted.aggregationRule.clusterRoleSelectors ?? []).filter((selector) => !selectors.some((known) => sameValue(known, selector)));
    completed = { ...completed, aggregationRule: { clusterRoleSelectors: [...selectors, ...missing] } };
  } else {
    completed = { ...completed, rules: [...(existing.rules ?? []), ...uncoveredRules(existing.rules ?? [], wanted.rules ?? [])] };
  }
  return sameValue(completed, existing) ? undefined : completed;
}

function completeBinding(existing: PolicyObject, wanted: PolicyObject): PolicyObject | undefined | "recreate" {
  if (!sameValue(existing.roleRef, wanted.roleRef)) return "recreate";
  const subjects = existing.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !subjects.some((known) => sameValue(known, subject)));
  const completed = { ...completeMetadata(existing, wanted), subjects: [...subjects, ...missing] };
  return sameValue(completed, existing) ? undefined : completed;
}
