// Mirrors Endpoints that somebody else keeps, behind a service without a selector, into EndpointSlices, which is what the proxy and the
// DNS read (https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors).
//
// Invariants: one slice for each address family of each set of ports; what must not be mirrored has no slices of ours. Endpoints
// with the skip-mirror label, or that carry a leader election, are left alone.
import {
  annotations,
  type DiscoveryEndpointPort,
  type Endpoint,
  type EndpointAddress,
  type EndpointPort,
  type EndpointSlice,
  type Endpoints,
  endpointSlices,
  endpoints,
  formatIp,
  parseIp,
  type Service,
  serviceLabels,
  services,
} from "../api/index.ts";
import { type Action, create, note, nothing, type Plan, remove, update } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { controllerReference } from "./owner.ts";
import { canonicalJson } from "./pod-template.ts";

const CONTROLLER_NAME = "endpointslicemirroring-controller.k8s.io";
const LEADER_ELECTION = "control-plane.alpha.kubernetes.io/leader";
const MAX_ADDRESSES = 1000;
const INDEX = "mirrored-service";
/** Speak of the Endpoints object alone. */
const OWN_ANNOTATIONS: readonly string[] = [annotations.endpointsLastChangeTriggerTime, annotations.lastApplied];

export interface ObservedMirror {
  readonly endpoints: Endpoints | undefined;
  readonly service: Service | undefined;
  /** The slices that mirror them now. */
  readonly slices: readonly EndpointSlice[];
}

function mayMirror({ metadata }: Endpoints): boolean {
  return metadata.labels?.[serviceLabels.skipMirror] !== "true" && metadata.annotations?.[LEADER_ELECTION] === undefined;
}

function isWithoutSelector({ spec }: Service): boolean {
  return spec.selector === undefined || spec.selector === null;
}

export function planMirror({ endpoints: source, service, slices }: ObservedMirror): Plan {
  if (source === undefined || service === undefined || !mayMirror(source) || !isWithoutSelector(service))
    return slices.length === 0 ? nothing : { actions: slices.map((slice) => remove(endpointSlices, slice)) };
  const { groups, invalid, surplus } = groupsOf(source);
  const spare = new Set(slices);
  const drafts = groups.map((group) => {
    const original = slices.find((slice) => spare.has(slice) && groupKey(slice.addressType, slice.ports ?? []) === group.key);
    if (original !== undefined) spare.delete(original);
    return { group, original };
  });
  const writes = drafts.flatMap(({ group, original }) => {
    // What would be deleted serves for what would be made; a slice's family never changes.
    const recycled = original ?? [...spare].find(({ addressType }) => addressType === group.family);
    if (recycled !== undefined) spare.delete(recycled);
    return write(source, group, recycled);
  });
  const actions = [...writes, ...[...spare].map((slice) => remove(endpointSlices, slice))];
  return actions.length === 0 ? nothing : { actions: [...skippedNotes(source, invalid, surplus), ...actions] };
}

function skippedNotes(source: Endpoints, invalid: number, surplus: number): Action[] {
  const notes: Action[] = [];
  if (invalid > 0) notes.push(note(source, "Warning", "InvalidIPAddress", `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`));
  if (surplus > 0) {
    const text = `A max of ${MAX_ADDRESSES} addresses can be mirrored to EndpointSlices per Endpoints subset. ${surplus} addresses were skipped`;
    notes.push(note(source, "Warning", "TooManyAddressesToMirror", text));
  }
  return notes;
}

interface Group {
  readonly key: string;
  readonly family: "IPv4" | "IPv6";
  readonly ports: readonly DiscoveryEndpointPort[];
  readonly endpoints: Endpoint[];
}

function groupsOf(source: Endpoints): { readonly groups: readonly Group[]; readonly invalid: number; readonly surplus: number } {
  const groups = new Map<string, Group>();
  let invalid = 0;
  let surplus = 0;
  for (const { ports, members } of repack(source)) {
    let room = MAX_ADDRESSES;
    for (const { address, ready } of members) {
      const ip = parseIp(address.ip);
      if (ip === undefined) invalid++;
      else if (room === 0) surplus++;
      else {
        room--;
        const family = ip.family === 4 ? "IPv4" : "IPv6";
        const key = groupKey(family, ports);
        const group: Group = groups.get(key) ?? { key, family, ports, endpoints: [] };
        group.endpoints.push(endpointOf(address, formatIp(ip), ready));
        groups.set(key, group);
      }
    }
  }
  return { groups: [...groups.values()], invalid, surplus };
}

function endpointOf({ hostname = "", nodeName, targetRef }: EndpointAddress, ip: string, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === "" ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

interface Member {
  readonly address: EndpointAddress;
  readonly ready: boolean;
}

/** Subsets may be written in many ways; here ports with the very same addresses stand together, whoever wrote them apart. */
function repack({ subsets = [] }: Endpoints): { readonly ports: readonly DiscoveryEndpointPort[]; readonly members: readonly Member[] }[] {
  const byPort = new Map<string, { readonly port: EndpointPort | undefined; readonly members: Map<string, Member> }>();
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    for (const port of ports.length === 0 ? [undefined] : ports) {
      const key = canonicalJson(port ?? {});
      const entry = byPort.get(key) ?? { port, members: new Map<string, Member>() };
      for (const address of addresses) if (!entry.members.has(memberKey(address))) entry.members.set(memberKey(address), { address, ready: true });
      for (const address of notReadyAddresses) entry.members.set(memberKey(address), { address, ready: false });
      byPort.set(key, entry);
    }
  }
  const packed = new Map<string, { readonly ports: DiscoveryEndpointPort[]; readonly members: readonly Member[] }>();
  for (const { port, members } of byPort.values()) {
    const key = [...members]
      .map(([name, { ready }]) => `${name}/${ready}`)
      .sort()
      .join();
    const entry = packed.get(key) ?? { ports: [], members: [...members.values()].sort((a, b) => Number(b.ready) - Number(a.ready)) };
    if (port !== undefined) entry.ports.push(slicePort(port));
    packed.set(key, entry);
  }
  return [...packed.values()];
}

function memberKey({ ip, targetRef }: EndpointAddress): string {
  return `${ip}/${targetRef?.uid ?? ""}`;
}

function slicePort({ name = "", port, protocol = "TCP", appProtocol }: EndpointPort): DiscoveryEndpointPort {
  return { name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function groupKey(family: string, ports: readonly DiscoveryEndpointPort[]): string {
  const texts = ports.map(({ name = "", port, protocol = "TCP", appProtocol = "" }) => [name, port, protocol, appProtocol].join("|"));
  return `${family}:${texts.sort().join()}`;
}

function write(source: Endpoints, group: Group, original: EndpointSlice | undefined): Action[] {
  const { name, namespace } = source.metadata;
  const own = {
    labels: { ...source.metadata.labels, [serviceLabels.serviceName]: name, [serviceLabels.managedBy]: CONTROLLER_NAME },
    annotations: Object.fromEntries(Object.entries(source.metadata.annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.includes(key))),
    ownerReferences: [controllerReference({ ...source, apiVersion: endpoints.apiVersion, kind: endpoints.kind })],
  };
  const { family: addressType, ports } = group;
  if (original === undefined) {
    if (source.metadata.deletionTimestamp !== undefined) return [];
    const metadata = { name: "", generateName: `${name}-`, namespace, ...own };
    return [
      create(endpointSlices, { apiVersion: endpointSlices.apiVersion, kind: endpointSlices.kind, metadata, addressType, endpoints: group.endpoints, ports }),
    ];
  }
  const { labels = {}, annotations: known = {}, ownerReferences = [] } = original.metadata;
  const same =
    canonicalJson({ labels, annotations: known, ownerReferences }) === canonicalJson(own) &&
    groupKey(addressType, original.ports ?? []) === group.key &&
    canonicalJson(original.endpoints ?? []) === canonicalJson(group.endpoints);
  return same ? [] : [update(endpointSlices, { ...original, metadata: { ...original.metadata, ...own }, endpoints: group.endpoints, ports })];
}

function mirrored({ metadata }: EndpointSlice): string[] {
  const name = metadata.labels?.[serviceLabels.serviceName];
  return name === undefined || metadata.labels?.[serviceLabels.managedBy] !== CONTROLLER_NAME ? [] : [`${metadata.namespace}/${name}`];
}

export const endpointSliceMirroringController: Controller = controller<Endpoints, ObservedMirror>("endpoint-slice-mirroring", {
  for: endpoints,
  relevant: (object, old) => mayMirror(object) || mayMirror(old),
  wakes: [
    wake(
      services,
      ({ metadata }) => [`${metadata.namespace}/${metadata.name}`],
      (service, old) => isWithoutSelector(service) !== isWithoutSelector(old),
    ),
    wake(endpointSlices, mirrored),
  ],
  index: (caches) => caches.of(endpointSlices).addIndex(INDEX, mirrored),
  observe: (key, caches) => ({
    endpoints: caches.of(endpoints).get(key),
    service: caches.of(services).get(key),
    slices: caches.of(endpointSlices).byIndex(INDEX, key),
  }),
  plan: planMirror,
});
