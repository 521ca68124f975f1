// Keeps the Endpoints object of each service with a selector: addresses of its pods, ready and not ready, grouped by the ports
// they offer (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoints-v1/).
import {
  annotations,
  type EndpointAddress,
  type EndpointPort,
  type EndpointSubset,
  type Endpoints,
  endpoints,
  ipFamilyOf,
  isPodReady,
  type Pod,
  type Service,
  serviceLabels,
  services,
} from "../api/index.ts";
import { type Action, create, nothing, type Plan, remove, update } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { canonicalJson } from "./pod-template.ts";
import { addressesOf, belongsToEndpoints, hasManagedEndpoints, hostnameBehind, isHeadless, podsBehind, targetPort, wakeServicesOfPod } from "./service-pods.ts";

const MANAGED_BY = "endpoints.kubernetes.io/managed-by";
const CONTROLLER_NAME = "endpoint-controller";
const MAX_ADDRESSES = 1000;

export interface ObservedEndpoints {
  /** Absent: the service is gone. */
  readonly service: Service | undefined;
  readonly pods: readonly Pod[];
  readonly current: Endpoints | undefined;
}

export function planEndpoints({ service, pods, current }: ObservedEndpoints): Plan {
  if (service === undefined) {
    const ours = current !== undefined && current.metadata.labels?.[MANAGED_BY] === CONTROLLER_NAME;
    return ours ? { actions: [remove(endpoints, current)] } : nothing;
  }
  if (!hasManagedEndpoints(service)) return nothing;
  const all = subsetsOf(service, pods);
  const { subsets, truncated } = truncate(all);
  const labels = labelsFor(service);
  const over = annotations.endpointsOverCapacity;
  const sameLabels = canonicalJson(current?.metadata.labels ?? {}) === canonicalJson(labels);
  const sameCapacity = (current?.metadata.annotations?.[over] !== undefined) === truncated;
  if (current !== undefined && sameLabels && sameCapacity && canonicalJson(current.subsets ?? []) === canonicalJson(subsets)) return nothing;
  const { [over]: _, ...others } = current?.metadata.annotations ?? {};
  const wanted = truncated ? { ...others, [over]: "truncated" } : others;
  const { name, namespace } = service.metadata;
  const metadata = { ...(current?.metadata ?? { name, namespace }), labels, ...(Object.keys(wanted).length === 0 ? {} : { annotations: wanted }) };
  const changed: Endpoints = { apiVersion: "v1", kind: "Endpoints", metadata, subsets };
  return { actions: [write(service, changed, current === undefined)] };
}

function write(service: Service, changed: Endpoints, isNew: boolean): Action {
  const { namespace, name } = service.metadata;
  const failed = (error: Error) =>
    ({
      about: changed,
      type: "Warning",
      reason: isNew ? "FailedToCreateEndpoint" : "FailedToUpdateEndpoint",
      message: isNew
        ? `Failed to create endpoint for service ${namespace}/${name}: ${error.message}`
        : `Failed to update endpoint ${namespace}/${name}: ${error.message}`,
    }) as const;
  return isNew ? create(endpoints, changed, { failed }) : update(endpoints, changed, { failed });
}

function labelsFor(service: Service): Record<string, string> {
  const { [serviceLabels.headless]: _, ...labels } = service.metadata.labels ?? {};
  return { ...labels, ...(isHeadless(service) ? { [serviceLabels.headless]: "" } : {}), [MANAGED_BY]: CONTROLLER_NAME };
}

interface Member {
  readonly address: EndpointAddress;
  readonly ready: boolean;
}

/** Addresses that offer the same ports share a subset. */
function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const byPort = new Map<string, { port: EndpointPort | undefined; members: Member[] }>();
  const add = (port: EndpointPort | undefined, member: Member): void => {
    const key = port === undefined ? "" : canonicalJson(port);
    const entry = byPort.get(key) ?? { port, members: [] };
    entry.members.push(member);
    byPort.set(key, entry);
  };
  const { ports = [], publishNotReadyAddresses = false } = service.spec;
  for (const pod of pods) {
    const address = addressFor(service, pod);
    if (address === undefined || !belongsToEndpoints(pod, publishNotReadyAddresses)) continue;
    const member = { address, ready: publishNotReadyAddresses || isPodReady(pod) };
    if (ports.length === 0 && service.spec.clusterIP === "None") add(undefined, member);
    for (const { name = "", protocol = "TCP", appProtocol, ...port } of ports) {
      const target = targetPort(pod, { ...port, name, protocol });
      if (target === undefined) continue;
      add({ ...(name === "" ? {} : { name }), port: target, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }, member);
    }
  }
  return groupByMembers([...byPort.values()]);
}

function groupByMembers(entries: readonly { port: EndpointPort | undefined; members: Member[] }[]): EndpointSubset[] {
  const groups = new Map<string, { ports: EndpointPort[]; members: Member[] }>();
  for (const { port, members } of entries) {
    const sorted = [...members].sort(byAddress);
    const key = sorted.map(({ address, ready }) => `${address.ip}/${address.targetRef?.uid}/${ready}`).join(",");
    const group = groups.get(key) ?? { ports: [], members: sorted };
    if (port !== undefined) group.ports.push(port);
    groups.set(key, group);
  }
  const subsets = [...groups.values()].map(({ ports, members }): EndpointSubset => {
    const pick = (ready: boolean): EndpointAddress[] => members.filter((member) => member.ready === ready).map(({ address }) => address);
    const [addresses, notReadyAddresses] = [pick(true), pick(false)];
    return {
      ...(addresses.length === 0 ? {} : { addresses }),
      ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
      ...(ports.length === 0 ? {} : { ports: ports.sort((a, b) => compare(canonicalJson(a), canonicalJson(b))) }),
    };
  });
  return subsets.sort((a, b) => compare(canonicalJson(a), canonicalJson(b)));
}

function byAddress(a: Member, b: Member): number {
  return compare(a.address.ip, b.address.ip) || compare(a.address.targetRef?.uid ?? "", b.address.targetRef?.uid ?? "");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Of the service's first address family. */
function addressFor(service: Service, pod: Pod): EndpointAddress | undefined {
  const clusterIP = service.spec.clusterIP ?? "";
  const family = service.spec.ipFamilies?.[0] ?? (clusterIP === "" || clusterIP === "None" ? "IPv4" : ipFamilyOf(clusterIP));
  const ip = addressesOf(pod).find((address) => ipFamilyOf(address) === family);
  if (ip === undefined) return undefined;
  const { namespace, name, uid } = pod.metadata;
  const hostname = hostnameBehind(pod, service);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

/** At most a thousand addresses, the ready ones first. */
function truncate(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const count = (pick: "addresses" | "notReadyAddresses"): number => subsets.reduce((sum, subset) => sum + (subset[pick]?.length ?? 0), 0);
  if (count("addresses") + count("notReadyAddresses") <= MAX_ADDRESSES) return { subsets, truncated: false };
  let room = MAX_ADDRESSES;
  const take = (list: readonly EndpointAddress[] | undefined): readonly EndpointAddress[] | undefined => {
    const taken = list?.slice(0, room);
    room -= taken?.length ?? 0;
    return taken === undefined || taken.length === 0 ? undefined : taken;
  };
  const ready = subsets.map((subset) => ({ subset, addresses: take(subset.addresses) }));
  const shortened = ready.map(({ subset, addresses }) => ({ ...subset, addresses, notReadyAddresses: take(subset.notReadyAddresses) }));
  return { subsets: shortened.filter(({ addresses, notReadyAddresses }) => addresses !== undefined || notReadyAddresses !== undefined), truncated: true };
}

export const endpointsController: Controller = controller<Service, ObservedEndpoints>("endpoint", {
  for: services,
  wakes: [wake(endpoints, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]), wakeServicesOfPod()],
  observe: (key, caches) => {
    const service = caches.of(services).get(key);
    const current = caches.of(endpoints).get(key);
    if (service === undefined && current === undefined) return undefined;
    return { service, current, pods: service === undefined ? [] : podsBehind(caches, service) };
  },
  plan: planEndpoints,
});
