// The Node authorizer (https://kubernetes.io/docs/reference/access-authn-authz/node/): what a kubelet may do. Secrets, config maps,
// claims and volumes it may read only when a pod bound to its node names them; nodes, leases and slices only its own; for the rest
// the rules of the ClusterRole `system:node` count. What a request's body says is left to the NodeRestriction admission plugin.
import { isStatus, type PolicyRule, parseFieldSelector } from "../../api/index.ts";
import { NODES_GROUP } from "../authentication/well-known-users.ts";
import type { UserInfo } from "../user.ts";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer } from "./authorizer.ts";
import type { NodeRelations } from "./node-relations.ts";
import { ruleAllows } from "./rbac-rules.ts";

const NODE_USER_PREFIX = "system:node:";
const NODE_LEASE_NAMESPACE = "kube-node-lease";

type Resource = NonNullable<AuthorizationAttributes["resource"]>;

interface NodeRequest {
  readonly node: string;
  readonly verb: string;
  readonly resource: Resource;
}

const ALLOW: AuthorizationDecision = { decision: "allow", reason: "" };

function noOpinion(reason = ""): AuthorizationDecision {
  return { decision: "noOpinion", reason };
}

/** The node that `user` is; "" for a node that says not which; undefined for anyone else. */
export function nodeNameOf(user: UserInfo): string | undefined {
  if (!user.groups.includes(NODES_GROUP) || !user.name.startsWith(NODE_USER_PREFIX)) return undefined;
  return user.name.slice(NODE_USER_PREFIX.length);
}

export class NodeAuthorizer implements Authorizer {
  private readonly relations: NodeRelations;
  private readonly rules: readonly PolicyRule[];
  constructor(relations: NodeRelations, rules: readonly PolicyRule[]) {
    this.relations = relations;
    this.rules = rules;
  }

  authorize(attributes: AuthorizationAttributes): AuthorizationDecision {
    const { user, verb, resource } = attributes;
    const node = nodeNameOf(user);
    if (node === undefined) return noOpinion();
    if (node === "") return noOpinion(`unknown node for user ${JSON.stringify(user.name)}`);
    const specific = resource === undefined ? undefined : this.authorizeSpecific({ node, verb, resource });
    if (specific !== undefined) return specific;
    return this.rules.some((rule) => ruleAllows(rule, attributes)) ? ALLOW : noOpinion();
  }

  /** Resources of which a node has only its part; undefined for the others. */
  private authorizeSpecific(request: NodeRequest): AuthorizationDecision | undefined {
    const { node, resource } = request;
    const { namespace, name } = resource;
    const { relations } = this;
    switch (`${resource.group}/${resource.resource}`) {
      case "/secrets":
        return readNamespaced(request, () => relations.hasSecret(node, namespace, name));
      case "/configmaps":
        return readNamespaced(request, () => relations.hasConfigMap(node, namespace, name));
      case "/persistentvolumeclaims":
        return claims(request, () => relations.hasClaim(node, namespace, name));
      case "/persistentvolumes":
        return getOnly(request, () => relations.hasVolume(node, name));
      case "resource.k8s.io/resourceclaims":
        return getOnly(request, () => relations.hasResourceClaim(node, namespace, name));
      case "storage.k8s.io/volumeattachments":
        return getOnly(request, () => relations.hasVolumeAttachment(node, name));
      case "/serviceaccounts":
        return serviceAccounts(request, () => relations.hasServiceAccount(node, namespace, name));
      case "coordination.k8s.io/leases":
        return lease(request);
      case "storage.k8s.io/csinodes":
        return csiNode(request);
      case "resource.k8s.io/resourceslices":
        return resourceSlice(request, () => relations.hasResourceSlice(node, name));
      case "/nodes":
        return ownNode(request);
      case "/pods":
        return boundPod(request, () => relations.hasPod(node, namespace, name));
      default:
        return undefined;
    }
  }
}

/** Reads that a relation to the node allows. */
function related({ node, resource }: NodeRequest, isRelated: () => boolean): AuthorizationDecision {
  if (resource.name === "") return noOpinion("No Object name found");
  return isRelated() ? ALLOW : noOpinion(`no relationship found between node '${node}' and this object`);
}

function readNamespaced(request: NodeRequest, isRelated: () => boolean): AuthorizationDecision {
  const { verb, resource } = request;
  if (!["get", "list", "watch"].includes(verb)) return noOpinion("can only read resources of this type");
  if (resource.subresource !== "") return noOpinion("cannot read subresource");
  if (resource.namespace === "") return noOpinion("can only read namespaced object of this type");
  return related(request, isRelated);
}

function getOnly(request: NodeRequest, isRelated: () => boolean): AuthorizationDecision {
  if (request.verb !== "get") return noOpinion("can only get individual resources of this type");
  if (request.resource.subresource !== "") return noOpinion("cannot get subresource");
  return related(request, isRelated);
}

function claims(request: NodeRequest, isRelated: () => boolean): AuthorizationDecision {
  if (request.resource.subresource !== "status") return getOnly(request, isRelated);
  if (request.verb !== "update" && request.verb !== "patch") return noOpinion("can only get/update/patch this type");
  return related(request, isRelated);
}

function serviceAccounts(request: NodeRequest, isRelated: () => boolean): AuthorizationDecision {
  const { node, verb, resource } = request;
  if (verb === "get" && resource.subresource === "") return readNamespaced(request, isRelated);
  if (verb !== "create" || resource.name === "") return noOpinion("can only create tokens for individual service accounts");
  if (resource.subresource !== "token") return noOpinion("can only create token subresource of serviceaccount");
  return isRelated() ? ALLOW : noOpinion(`no relationship found between node '${node}' and this object`);
}

const OWN_OBJECT_VERBS = ["get", "create", "update", "patch", "delete"];

function lease({ node, verb, resource }: NodeRequest): AuthorizationDecision {
  if (!OWN_OBJECT_VERBS.includes(verb)) return noOpinion("can only get, create, update, patch, or delete a node lease");
  if (resource.namespace !== NODE_LEASE_NAMESPACE) return noOpinion(`can only access leases in the "${NODE_LEASE_NAMESPACE}" system namespace`);
  if (verb !== "create" && resource.name !== node) return noOpinion("can only access node lease with the same name as the requesting node");
  return ALLOW;
}

function csiNode({ node, verb, resource }: NodeRequest): AuthorizationDecision {
  if (!OWN_OBJECT_VERBS.includes(verb)) return noOpinion("can only get, create, update, patch, or delete a CSINode");
  if (resource.subresource !== "") return noOpinion("cannot authorize CSINode subresources");
  if (verb !== "create" && resource.name !== node) return noOpinion("can only access CSINode with the same name as the requesting node");
  return ALLOW;
}

function resourceSlice(request: NodeRequest, isRelated: () => boolean): AuthorizationDecision {
  const { node, verb, resource } = request;
  if (resource.subresource !== "") return noOpinion("cannot authorize ResourceSlice subresources");
  switch (verb) {
    case "create":
      return ALLOW;
    case "get":
    case "update":
    case "patch":
    case "delete":
      return related(request, isRelated);
    case "watch":
    case "list":
    case "deletecollection":
      return selectsNode(resource, node) ? ALLOW : noOpinion("can only list/watch/deletecollection resourceslices with nodeName field selector");
    default:
      return noOpinion("only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection");
  }
}

/** Compared by name, so that a kubelet can look for its Node before there is one. */
function ownNode({ node, verb, resource }: NodeRequest): AuthorizationDecision {
  const { name, subresource } = resource;
  const isWrite = verb === "update" || verb === "patch";
  if (subresource === "status") return isWrite ? ALLOW : noOpinion();
  if (subresource !== "") return noOpinion();
  if (isWrite || verb === "create") return ALLOW;
  if (verb !== "get" && verb !== "list" && verb !== "watch") return noOpinion();
  if (name === node) return ALLOW;
  return noOpinion(`node '${node}' cannot read ${name === "" ? "all nodes" : `'${name}'`}, only its own Node object`);
}

function boundPod(request: NodeRequest, isRelated: () => boolean): AuthorizationDecision {
  const { node, verb, resource } = request;
  if (resource.subresource === "status") return verb === "update" || verb === "patch" ? ALLOW : noOpinion();
  if (resource.subresource === "eviction") return verb === "create" ? ALLOW : noOpinion();
  if (resource.subresource !== "") return noOpinion();
  switch (verb) {
    case "get":
      return related(request, isRelated);
    case "list":
    case "watch":
      if (selectsNode(resource, node)) return ALLOW;
      return resource.name === "" ? noOpinion("can only list/watch pods with spec.nodeName field selector") : related(request, isRelated);
    case "create":
    case "delete":
      return ALLOW;
    default:
      return noOpinion();
  }
}

function selectsNode({ fieldSelector = "" }: Resource, node: string): boolean {
  try {
    return parseFieldSelector(fieldSelector).exactValue("spec.nodeName") === node;
  } catch (error) {
    if (isStatus(error, "BadRequest")) return false;
    throw error;
  }
}
