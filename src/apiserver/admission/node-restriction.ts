// NodeRestriction (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction): a kubelet writes only its own
// Node, Lease, CSINode and slices, only the status of pods bound to it, and asks for tokens only of these. Together with the Node
// authorizer it keeps the loss of one node from being the loss of the cluster.
import {
  type CertificateSigningRequest,
  certificateRequestSubject,
  certificateSigningRequests,
  csiDrivers,
  csiNodes,
  forbiddenNodeLabels,
  leases,
  type Node,
  nodes,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
  type ResourceSlice,
  resourceSlices,
  sameValue,
  serviceAccounts,
  type TokenRequest,
} from "../../api/index.ts";
import type { Client } from "../../client/index.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import { nodeNameOf } from "../authorization/node.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, isAbout, requestedName } from "./denial.ts";
import { mirrorPodProblem } from "./mirror-pod.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";

const NODE_LEASE_NAMESPACE = "kube-node-lease";
const NODE_SIGNERS = ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];

export interface NodeRestrictionOptions {
  readonly objects: ObjectReader;
  readonly client: Client;
  readonly authorizer: Authorizer;
}

export function nodeRestriction(options: NodeRestrictionOptions): AdmissionPlugin {
  return {
    name: "NodeRestriction",
    async mutate(request) {
      const node = nodeNameOf(request.user);
      if (node === undefined) return;
      if (node === "") throw denied(request, `could not determine node from user ${JSON.stringify(request.user.name)}`);
      const { subresource } = request;
      if (isAbout(request, pods, subresource)) await admitPod(options, request, node);
      else if (isAbout(request, nodes, subresource)) admitNode(request, node);
      else if (isAbout(request, persistentVolumeClaims, subresource)) admitClaim(request, node);
      else if (isAbout(request, serviceAccounts, "token")) await admitToken(options, request, node);
      else if (isAbout(request, leases)) admitLease(request, node);
      else if (isAbout(request, csiNodes)) admitNamedAlike(request, node, "CSINode");
      else if (isAbout(request, resourceSlices)) admitSlice(request, node);
      else if (isAbout(request, certificateSigningRequests)) admitCertificateRequest(request, node);
    },
  };
}

/** Throws NotFound. */
async function findPod({ objects, client }: NodeRestrictionOptions, namespace: string, name: string): Promise<Pod> {
  return objects.get(pods, namespace, name) ?? client.get(pods, { namespace, name });
}

async function admitPod(options: NodeRestrictionOptions, request: AdmissionRequest, node: string): Promise<void> {
  const { operation, namespace, name, subresource } = request;
  const checkBound = async (action: string): Promise<void> => {
    const pod = await findPod(options, namespace, name);
    if (pod.spec.nodeName !== node) throw denied(request, `node "${node}" can only ${action} pods with spec.nodeName set to itself`);
  };
  if (subresource === "status") return admitPodStatus(request, node);
  if (subresource === "eviction") {
    if (operation !== "CREATE") throw denied(request, `unexpected operation ${operation}`);
    return checkBound("evict");
  }
  if (subresource !== "") throw denied(request, `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
  if (operation === "DELETE") return checkBound("delete");
  if (operation !== "CREATE") throw denied(request, `unexpected operation "${operation}", node "${node}" can only create and delete mirror pods`);
  const own = options.objects.get(nodes, "", node) ?? (await options.client.get(nodes, { name: node }));
  const problem = mirrorPodProblem(request.object as unknown as Pod, own);
  if (problem !== undefined) throw denied(request, problem);
}

function admitPodStatus(request: AdmissionRequest, node: string): void {
  if (request.operation !== "UPDATE") throw denied(request, `unexpected operation "${request.operation}"`);
  const pod = request.object as unknown as Pod;
  const old = request.oldObject as Pod;
  const claims = ({ status }: Pod): unknown => status?.resourceClaimStatuses;
  const extendedClaim = ({ status }: Pod): unknown => status?.extendedResourceClaimStatus;
  if (old.spec.nodeName !== node) throw denied(request, `node "${node}" can only update pod status for pods with spec.nodeName set to itself`);
  if (!sameValue(pod.metadata.labels, old.metadata.labels)) throw denied(request, `node "${node}" cannot update labels through pod status`);
  if (!sameValue(claims(pod), claims(old))) throw denied(request, `node "${node}" cannot update resource claim statues`);
  if (!sameValue(extendedClaim(pod), extendedClaim(old))) throw denied(request, `node "${node}" cannot update extended resource claim status`);
}

function admitNode(request: AdmissionRequest, node: string): void {
  const name = requestedName(request);
  if (name !== node) throw denied(request, `node "${node}" is not allowed to modify node "${name}"`);
  const { operation } = request;
  if (operation !== "CREATE" && operation !== "UPDATE") return;
  const { metadata, spec } = request.object as unknown as Node;
  const old = operation === "UPDATE" ? (request.oldObject as Node) : undefined;
  if (spec?.configSource !== undefined && !sameValue(spec.configSource, old?.spec?.configSource)) {
    const creating = `is not allowed to create pods with a non-nil configSource`;
    throw denied(request, `node "${node}" ${old === undefined ? creating : "is not allowed to update configSource to a new non-nil configSource"}`);
  }
  if (old !== undefined && !sameValue(spec?.taints, old.spec?.taints)) throw denied(request, `node "${node}" is not allowed to modify taints`);
  if (old !== undefined && !sameValue(metadata.ownerReferences, old.metadata.ownerReferences)) {
    throw denied(request, `node "${node}" is not allowed to modify ownerReferences`);
  }
  const labels = forbiddenNodeLabels(metadata.labels, old?.metadata.labels).join(", ");
  if (labels === "") return;
  throw denied(
    request,
    old === undefined ? `node "${node}" is not allowed to set the following labels: ${labels}` : `is not allowed to modify labels: ${labels}`,
  );
}

/** Through `status` a kubelet tells how far the expansion of a volume is, and nothing else. */
function admitClaim(request: AdmissionRequest, node: string): void {
  if (request.subresource !== "status") throw denied(request, "may only update PVC status");
  if (request.operation !== "UPDATE") throw denied(request, `unexpected operation "${request.operation}"`);
  const rest = ({ metadata, status, ...others }: PersistentVolumeClaim): unknown => {
    const { resourceVersion: _version, managedFields: _fields, ...kept } = metadata;
    const { capacity: _capacity, conditions: _conditions, allocatedResourceStatuses: _statuses, allocatedResources: _allocated, ...fixed } = status ?? {};
    return { ...others, metadata: kept, status: fixed };
  };
  if (sameValue(rest(request.object as unknown as PersistentVolumeClaim), rest(request.oldObject as PersistentVolumeClaim))) return;
  throw denied(request, `node "${node}" is not allowed to update fields other than status.quantity and status.conditions`);
}

async function admitToken(options: NodeRestrictionOptions, request: AdmissionRequest, node: string): Promise<void> {
  if (request.operation !== "CREATE") return;
  const { spec } = request.object as unknown as TokenRequest;
  const bound = spec?.boundObjectRef;
  if (bound?.apiVersion !== "v1" || bound.kind !== "Pod" || !bound.name) throw denied(request, "node requested token not bound to a pod");
  if (!bound.uid) throw denied(request, "node requested token with a pod binding without a uid");
  const pod = await findPod(options, request.namespace, bound.name);
  if (pod.metadata.uid !== bound.uid) {
    const why = `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw denied(request, why);
  }
  if (pod.spec.nodeName !== node) throw denied(request, "node requested token bound to a pod scheduled on a different node");
  const audiences = spec.audiences ?? [];
  if (audiences.length > 1) throw denied(request, "node may only request 0 or 1 audiences");
  const [audience = ""] = audiences;
  if (podUsesAudience(options.objects, pod, audience) || mayRequestAudience(options.authorizer, request, audience)) return;
  throw denied(request, `audience "${audience}" not found in pod spec volume, ${request.user.name} is not authorized to request tokens for this audience`);
}

function podUsesAudience(objects: ObjectReader, { spec }: Pod, audience: string): boolean {
  const driverUses = (driver: string): boolean =>
    objects.get(csiDrivers, "", driver)?.spec.tokenRequests?.some((token) => token.audience === audience) ?? false;
  return (spec.volumes ?? []).some(
    ({ projected, csi }) =>
      (projected?.sources ?? []).some(({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? "") === audience) ||
      (csi !== undefined && driverUses(csi.driver)),
  );
}

function mayRequestAudience(authorizer: Authorizer, { user, namespace, name }: AdmissionRequest, audience: string): boolean {
  const resource = { group: "", version: "v1", resource: audience, subresource: "", namespace, name };
  return authorizer.authorize({ user, verb: "request-serviceaccounts-token-audience", path: "", resource }).decision === "allow";
}

function admitLease(request: AdmissionRequest, node: string): void {
  if (request.namespace !== NODE_LEASE_NAMESPACE) throw denied(request, `can only access leases in the "${NODE_LEASE_NAMESPACE}" system namespace`);
  admitNamedAlike(request, node, "node lease");
}

function admitNamedAlike(request: AdmissionRequest, node: string, what: string): void {
  if (requestedName(request) !== node) throw denied(request, `can only access ${what} with the same name as the requesting node`);
}

function admitSlice(request: AdmissionRequest, node: string): void {
  const { operation } = request;
  if (operation !== "CREATE" && operation !== "DELETE") return;
  const slice = (operation === "CREATE" ? request.object : request.oldObject) as ResourceSlice | undefined;
  if (slice?.spec.nodeName !== node) throw denied(request, `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`);
}

function admitCertificateRequest(request: AdmissionRequest, node: string): void {
  if (request.operation !== "CREATE") return;
  const { spec } = request.object as unknown as CertificateSigningRequest;
  if (!NODE_SIGNERS.includes(spec.signerName)) return;
  const subject = certificateRequestSubject(spec.request);
  if (subject === undefined) throw denied(request, "unable to parse csr: PEM block type must be CERTIFICATE REQUEST");
  if (subject.commonName !== `system:node:${node}`) throw denied(request, `can only create a node CSR with CN=system:node:${node}`);
}
