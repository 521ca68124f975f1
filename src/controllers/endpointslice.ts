// Keeps the EndpointSlices of each service with a selector: its pods with ports and conditions, at most a hundred to a slice
// (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/).
//
// Invariants: an endpoint stays in its slice while it can, so that a change touches few slices; a service without pods keeps
// one empty slice, which tells readers that it was looked at.
import {
  type DiscoveryEndpointPort,
  type Endpoint,
  type EndpointSlice,
  endpointSlices,
  ipFamilyOf,
  isPodReady,
  type Node,
  nodeLabels,
  nodes,
  objectKey,
  type Pod,
  type Service,
  serviceLabels,
  services,
} from "../api/index.ts";
import { type Action, create, nothing, type Plan, remove, update } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { controllerReference } from "./owner.ts";
import { canonicalJson } from "./pod-template.ts";
import { addressesOf, belongsToEndpoints, hasManagedEndpoints, hostnameBehind, isHeadless, podsBehind, targetPort, wakeServicesOfPod } from "./service-pods.ts";

const CONTROLLER_NAME = "endpointslice-controller.k8s.io";
const MAX_ENDPOINTS = 100;
const BY_SERVICE = "service";
const DISTRIBUTIONS = new Set(["PreferSameZone", "PreferClose", "PreferSameNode"]);

export interface ObservedEndpointSlices {
  readonly service: Service;
  readonly pods: readonly Pod[];
  /** The slices that this controller keeps for the service. */
  readonly slices: readonly EndpointSlice[];
  readonly node: (name: string) => Node | undefined;
}

/** Endpoints that have the same ports. */
interface Group {
  readonly ports: readonly DiscoveryEndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

/** A slice as it is to become. */
interface Draft {
  readonly original: EndpointSlice | undefined;
  ports: readonly DiscoveryEndpointPort[];
  endpoints: readonly Endpoint[];
}

export function planEndpointSlices(observed: ObservedEndpointSlices): Plan {
  const { service, slices } = observed;
  if (!hasManagedEndpoints(service) || service.metadata.deletionTimestamp !== undefined) return nothing;
  const families = addressFamilies(service);
  const actions: Action[] = slices.filter(({ addressType }) => !families.includes(addressType)).map((slice) => remove(endpointSlices, slice));
  for (const family of families) {
    const existing = slices.filter(({ addressType, metadata }) => addressType === family && metadata.deletionTimestamp === undefined);
    actions.push(...planFamily(service, family, groupsOf(observed, family), existing));
  }
  return { actions };
}

export function addressFamilies({ spec }: Service): readonly string[] {
  if (spec.ipFamilies !== undefined && spec.ipFamilies.length > 0) return spec.ipFamilies;
  const { clusterIP = "" } = spec;
  return clusterIP === "" || clusterIP === "None" ? ["IPv4", "IPv6"] : [ipFamilyOf(clusterIP)];
}

function groupsOf({ service, pods, node }: ObservedEndpointSlices, family: string): Group[] {
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    if (!belongsToEndpoints(pod, true)) continue;
    const addresses = addressesOf(pod).filter((address) => ipFamilyOf(address) === family);
    if (addresses.length === 0) continue;
    const ports = portsOf(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: new Map<string, Endpoint>() };
    group.endpoints.set(pod.metadata.uid ?? "", endpointFor(service, pod, addresses, node(pod.spec.nodeName ?? "")));
    groups.set(key, group);
  }
  return [...groups.values()];
}

function portsOf(service: Service, pod: Pod): DiscoveryEndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const target = targetPort(pod, port);
    if (target === undefined) return [];
    const { name = "", protocol = "TCP", appProtocol } = port;
    return [{ name, port: target, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function portsKey(ports: readonly DiscoveryEndpointPort[]): string {
  return ports
    .map(({ name = "", port, protocol, appProtocol = "" }) => `${name}|${port}|${protocol}|${appProtocol}`)
    .sort()
    .join(",");
}

function endpointFor(service: Service, pod: Pod, addresses: readonly string[], node: Node | undefined): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { namespace, name, uid } = pod.metadata;
  const zone = node?.metadata.labels?.[nodeLabels.zone];
  const hostname = hostnameBehind(pod, service);
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: "Pod", namespace, name, uid },
    ...(pod.spec.nodeName === undefined || pod.spec.nodeName === "" ? {} : { nodeName: pod.spec.nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(ready ? hintsFor(service, pod.spec.nodeName, zone) : {}),
  };
}

/** Who should use a ready endpoint: those of its zone, or of its node (KEP-3015, KEP-4444). */
function hintsFor({ spec }: Service, nodeName = "", zone: string | undefined): Pick<Endpoint, "hints"> {
  const { trafficDistribution = "" } = spec;
  if (!DISTRIBUTIONS.has(trafficDistribution)) return {};
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
  const forNodes = trafficDistribution === "PreferSameNode" && nodeName !== "" ? { forNodes: [{ name: nodeName }] } : {};
  const hints = { ...forZones, ...forNodes };
  return Object.keys(hints).length === 0 ? {} : { hints };
}

function planFamily(service: Service, family: string, groups: readonly Group[], existing: readonly EndpointSlice[]): Action[] {
  const free = new Set(existing);
  const drafts: Draft[] = [];
  for (const group of groups) {
    const own = existing.filter((slice) => portsKey(slice.ports ?? []) === portsKey(group.ports));
    drafts.push(...fill(group, own));
    for (const slice of own) free.delete(slice);
  }
  // A service without endpoints keeps an empty slice.
  if (groups.length === 0) drafts.push({ original: undefined, ports: [], endpoints: [] });
  const kept = drafts.filter(({ original, endpoints }) => endpoints.length > 0 || original === undefined);
  for (const { original, endpoints } of drafts) if (original !== undefined && endpoints.length === 0) free.add(original);
  // What would be deleted serves for what would be made.
  const spare = [...free];
  const final = kept.map((draft): Draft => (draft.original === undefined ? { ...draft, original: spare.shift() } : draft));
  return [...final.flatMap((draft) => write(service, family, draft)), ...spare.map((slice) => remove(endpointSlices, slice))];
}

/** Leaves endpoints where they are, drops what is gone, fills new ones into slices with room, then into new slices. */
function fill({ ports, endpoints }: Group, own: readonly EndpointSlice[]): Draft[] {
  const missing = new Map(endpoints);
  const drafts = own.map((original): Draft => {
    const stay = (original.endpoints ?? []).flatMap(({ targetRef }) => {
      const uid = targetRef?.uid ?? "";
      const wanted = missing.get(uid);
      missing.delete(uid);
      return wanted === undefined ? [] : [wanted];
    });
    return { original, ports, endpoints: stay };
  });
  const rest = [...missing.values()];
  for (const draft of drafts) {
    const room = MAX_ENDPOINTS - draft.endpoints.length;
    // An emptied slice is not kept alive for new ones unless they need it.
    if (room > 0 && rest.length > 0) draft.endpoints = [...draft.endpoints, ...rest.splice(0, room)];
  }
  while (rest.length > 0) drafts.push({ original: undefined, ports, endpoints: rest.splice(0, MAX_ENDPOINTS) });
  return drafts;
}

function write(service: Service, family: string, { original, ports, endpoints }: Draft): Action[] {
  const labels = labelsFor(service);
  if (original === undefined) {
    const { name, namespace } = service.metadata;
    const metadata = { name: "", generateName: `${name}-`, namespace, labels, ownerReferences: [controllerReference(service)] };
    return [create(endpointSlices, { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata, addressType: family, endpoints, ports })];
  }
  const same =
    canonicalJson(original.metadata.labels ?? {}) === canonicalJson(labels) &&
    canonicalJson(original.endpoints ?? []) === canonicalJson(endpoints) &&
    portsKey(original.ports ?? []) === portsKey(ports);
  return same ? [] : [update(endpointSlices, { ...original, metadata: { ...original.metadata, labels }, endpoints, ports })];
}

function labelsFor(service: Service): Record<string, string> {
  const { [serviceLabels.headless]: _, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    ...(isHeadless(service) ? { [serviceLabels.headless]: "" } : {}),
    [serviceLabels.serviceName]: service.metadata.name,
    [serviceLabels.managedBy]: CONTROLLER_NAME,
  };
}

function serviceOf({ metadata }: EndpointSlice): string[] {
  const name = metadata.labels?.[serviceLabels.serviceName];
  return name === undefined || metadata.labels?.[serviceLabels.managedBy] !== CONTROLLER_NAME ? [] : [`${metadata.namespace}/${name}`];
}

export const endpointSliceController: Controller = controller<Service, ObservedEndpointSlices>("endpoint-slice", {
  for: services,
  wakes: [
    wake(endpointSlices, serviceOf),
    wakeServicesOfPod(),
    // A node that moved to another zone, which is rare: its endpoints tell their zone.
    wake(
      nodes,
      (_node, caches) => caches.of(services).list().map(objectKey),
      (node, old) => node.metadata.labels?.[nodeLabels.zone] !== old.metadata.labels?.[nodeLabels.zone],
    ),
  ],
  index: (caches) => caches.of(endpointSlices).addIndex(BY_SERVICE, serviceOf),
  observe: (key, caches) => {
    const service = caches.of(services).get(key);
    if (service === undefined) return undefined;
    const slices = caches.of(endpointSlices).byIndex(BY_SERVICE, key);
    return { service, slices, pods: podsBehind(caches, service), node: (name) => caches.of(nodes).get(name) };
  },
  plan: planEndpointSlices,
});
