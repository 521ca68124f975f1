// The cluster's own load balancer: every node answers for a service of type LoadBalancer on the service's ports, and the
// service's status names the addresses of those that do (https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer).
//
// Invariants: an address stands in the status only while its node answers for the service (the node's proxy says so; nodes
// without a proxy answer for the oldest service of each port); services of another `loadBalancerClass` are not touched.
import {
  type EndpointSlice,
  endpointSlices,
  ipFamilyOf,
  isNodeReady,
  type LoadBalancerIngress,
  loadBalancersOf,
  type Node,
  nodeLabels,
  nodes,
  objectKey,
  type Service,
  sameValue,
  serviceLabels,
  servicePortNames,
  services,
  wantsOwnLoadBalancer,
} from "../api/index.ts";
import { type Action, note, nothing, type Plan, updateStatus } from "./action.ts";
import { type Caches, type Controller, controller, wake } from "./controller.ts";
import { canonicalJson } from "./pod-template.ts";

const SLICES_OF = "slices-of-service";
const TO_BE_DELETED_TAINT = "ToBeDeletedByClusterAutoscaler";

export interface ObservedLoadBalancer {
  readonly service: Service;
  readonly nodes: readonly Node[];
  readonly slices: readonly EndpointSlice[];
  /** Ports, as `TCP/80`, that older services want. */
  readonly taken: ReadonlySet<string>;
}

export function planLoadBalancer(observed: ObservedLoadBalancer): Plan {
  const { service } = observed;
  if (!wantsOwnLoadBalancer(service)) return nothing;
  const before = service.status?.loadBalancer?.ingress ?? [];
  const after = ingressOf(observed);
  if (canonicalJson(before) === canonicalJson(after)) return nothing;
  const loadBalancer = after.length === 0 ? {} : { ingress: after };
  const actions: Action[] = [updateStatus(services, { ...service, status: { ...service.status, loadBalancer } })];
  if (before.length === 0) actions.push(note(service, "Normal", "EnsuredLoadBalancer", "Ensured load balancer"));
  if (after.length === 0) actions.push(note(service, "Warning", "UnAvailableLoadBalancer", "There are no available nodes for LoadBalancer"));
  return { actions };
}

/** Addresses of the nodes that answer, in the order of the nodes' names and the service's families. */
function ingressOf({ service, nodes: all, slices, taken }: ObservedLoadBalancer): LoadBalancerIngress[] {
  const ports = servicePortNames(service);
  const isLocalOnly = service.spec.externalTrafficPolicy === "Local";
  const withEndpoints = new Set(
    slices.flatMap(({ endpoints = [] }) => endpoints.filter(({ conditions }) => conditions?.ready !== false).map(({ nodeName }) => nodeName)),
  );
  const answering = all.filter((node) => {
    const answersFor = loadBalancersOf(node);
    const answers = answersFor === undefined ? ports.every((name) => !taken.has(name)) : answersFor.has(objectKey(service));
    return isEligible(node) && answers && (!isLocalOnly || withEndpoints.has(node.metadata.name));
  });
  const ordered = answering.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  // Addresses for the outside come first where nodes have some.
  for (const type of ["ExternalIP", "InternalIP"]) {
    const addresses = ordered.flatMap((node) => addressesOf(node, type, service.spec.ipFamilies ?? ["IPv4"]));
    if (addresses.length > 0) return addresses.map((ip) => ({ ip, ipMode: "VIP" }));
  }
  return [];
}

function isEligible(node: Node): boolean {
  const { metadata, spec } = node;
  const isExcluded =
    metadata.labels?.[nodeLabels.excludeFromLoadBalancers] !== undefined || spec.taints?.some(({ key }) => key === TO_BE_DELETED_TAINT) === true;
  return isNodeReady(node) && metadata.deletionTimestamp === undefined && !isExcluded;
}

function addressesOf({ status }: Node, wanted: string, families: readonly string[]): string[] {
  const ofType = (status?.addresses ?? []).filter(({ type }) => type === wanted).map(({ address }) => address);
  return families.flatMap((family) => ofType.filter((address) => ipFamilyOf(address) === family));
}

/** What decides whether and where a node answers. */
function seenByLoadBalancer(node: Node): string {
  return canonicalJson([isEligible(node), node.status?.addresses ?? [], loadBalancersOf(node) === undefined, [...(loadBalancersOf(node) ?? [])]]);
}

function portsOfOlder(service: Service, caches: Caches): Set<string> {
  const age = ({ metadata }: Service): string => `${metadata.creationTimestamp ?? ""} ${metadata.namespace}/${metadata.name}`;
  const older = caches
    .of(services)
    .list()
    .filter((other) => wantsOwnLoadBalancer(other) && age(other) < age(service));
  return new Set(older.flatMap(servicePortNames));
}

function serviceOf({ metadata }: EndpointSlice): string[] {
  const name = metadata.labels?.[serviceLabels.serviceName];
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}

const balanced = (caches: Caches): string[] => caches.of(services).list().filter(wantsOwnLoadBalancer).map(objectKey);

export const serviceLoadBalancerController: Controller = controller<Service, ObservedLoadBalancer>("service-lb", {
  for: services,
  // One at a time: of two services that want one port, the second must see what the first got.
  workers: 1,
  wakes: [
    wake(
      nodes,
      (_node, caches) => balanced(caches),
      (node, old) => seenByLoadBalancer(node) !== seenByLoadBalancer(old),
    ),
    // Ports that one service lets go may be what another waits for. What its status says is no matter to others.
    wake(
      services,
      (service, caches) => (service.spec.type === "LoadBalancer" ? balanced(caches) : []),
      (service, old) => !sameValue(service.spec, old.spec),
    ),
    wake(endpointSlices, (slice, caches) => serviceOf(slice).filter((key) => caches.of(services).get(key)?.spec.externalTrafficPolicy === "Local")),
  ],
  index: (caches) => caches.of(endpointSlices).addIndex(SLICES_OF, (slice) => serviceOf(slice)),
  observe: (key, caches) => {
    const service = caches.of(services).get(key);
    if (service === undefined || !wantsOwnLoadBalancer(service)) return undefined;
    const slices = caches.of(endpointSlices).byIndex(SLICES_OF, key);
    return { service, nodes: caches.of(nodes).list(), slices, taken: portsOfOlder(service, caches) };
  },
  plan: planLoadBalancer,
});
