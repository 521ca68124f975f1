// What Endpoints and EndpointSlices have in common: which pods stand behind a service, with which ports, and what wakes the two
// controllers (https://kubernetes.io/docs/concepts/services-networking/service/).
import { isPodReady, isPodTerminal, isRestartableInit, type Pod, pods, type Service, type ServicePort, selectorFromLabels, services } from "../api/index.ts";
import { type Caches, type Wake, wake } from "./controller.ts";
import { canonicalJson } from "./pod-template.ts";

/** False for services whose endpoints somebody else keeps: those without a selector, and mere names. */
export function hasManagedEndpoints({ spec }: Service): boolean {
  return spec.type !== "ExternalName" && spec.selector !== undefined && spec.selector !== null;
}

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === undefined || spec.clusterIP === "" || spec.clusterIP === "None";
}

/** Pods that the service's selector picks. An empty selector picks all. */
export function podsBehind(caches: Caches, service: Service): Pod[] {
  const selector = selectorFromLabels(service.spec.selector);
  return caches
    .of(pods)
    .inNamespace(service.metadata.namespace ?? "")
    .filter(({ metadata }) => selector.matches(metadata.labels));
}

/** A pod counts as soon as it has an address and until it ended; while it goes away only where that is asked for. */
export function belongsToEndpoints(pod: Pod, includeTerminating: boolean): boolean {
  if (isPodTerminal(pod) || addressesOf(pod).length === 0) return false;
  return includeTerminating || pod.metadata.deletionTimestamp === undefined;
}

/** All addresses of the pod, the first one first. */
export function addressesOf(pod: Pod): readonly string[] {
  const { podIP = "", podIPs = [] } = pod.status ?? {};
  const addresses = podIPs.flatMap(({ ip }) => (ip === undefined || ip === "" ? [] : [ip]));
  return addresses.length > 0 ? addresses : podIP === "" ? [] : [podIP];
}

/** The container's port that a port of the service leads to; undefined when the pod has none of that name. */
export function targetPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  const protocol = port.protocol ?? "TCP";
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isRestartableInit)];
  const found = containers.flatMap(({ ports = [] }) => ports).find((candidate) => candidate.name === target && (candidate.protocol ?? "TCP") === protocol);
  return found?.containerPort;
}

/** The pod's own name under a headless service's name. */
export function hostnameBehind(pod: Pod, service: Service): string | undefined {
  const { hostname = "", subdomain } = pod.spec;
  return hostname !== "" && subdomain === service.metadata.name ? hostname : undefined;
}

/** Wakes the services that pick the pod, for changes that endpoints show. */
export function wakeServicesOfPod(): Wake {
  return wake(
    pods,
    (pod, caches) =>
      caches
        .of(services)
        .inNamespace(pod.metadata.namespace ?? "")
        .filter((service) => hasManagedEndpoints(service) && selectorFromLabels(service.spec.selector).matches(pod.metadata.labels))
        .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
    (pod, old) => seenByEndpoints(pod) !== seenByEndpoints(old),
  );
}

function seenByEndpoints(pod: Pod): string {
  const { metadata, spec } = pod;
  return canonicalJson([
    metadata.labels ?? {},
    metadata.deletionTimestamp !== undefined,
    addressesOf(pod),
    isPodReady(pod),
    isPodTerminal(pod),
    spec.nodeName ?? "",
    spec.hostname ?? "",
    spec.subdomain ?? "",
  ]);
}
