// Which endpoints of a service port may be used, and by which traffic: a pure function of the service and its endpoint slices
// (https://kubernetes.io/docs/reference/networking/virtual-ips/). Ready endpoints are used; when there are none, those that
// still serve while they terminate.
import type { Endpoint, EndpointSlice, ServicePort } from "../api/index.ts";
import type { Family } from "./family.ts";

export interface Backend {
  readonly ip: string;
  readonly port: number;
  readonly isLocal: boolean;
}

export interface PortBackends {
  /** For traffic that may go to any node. */
  readonly cluster: readonly Backend[];
  /** On this node alone. */
  readonly local: readonly Backend[];
  /** False: nobody answers, callers are refused at once. */
  readonly hasAny: boolean;
}

/** The node that the traffic starts from. */
export interface NodeFacts {
  readonly nodeName: string;
  /** The node's `topology.kubernetes.io/zone`. */
  readonly zone?: string;
}

interface Candidate extends Backend {
  readonly ready: boolean;
  readonly servingTerminating: boolean;
  readonly forZones: readonly string[];
  readonly forNodes: readonly string[];
}

export function portBackends(port: ServicePort, slices: readonly EndpointSlice[], node: NodeFacts & { readonly family: Family }): PortBackends {
  const candidates = collect(
    port,
    slices.filter(({ addressType }) => addressType === node.family.name),
    node.nodeName,
  );
  const ready = candidates.filter((candidate) => candidate.ready);
  const cluster = ready.length > 0 ? nearest(ready, node) : candidates.filter((candidate) => candidate.servingTerminating);
  const localReady = ready.filter(({ isLocal }) => isLocal);
  const local = localReady.length > 0 ? localReady : candidates.filter((candidate) => candidate.isLocal && candidate.servingTerminating);
  const backend = ({ ip, port: backendPort, isLocal }: Candidate): Backend => ({ ip, port: backendPort, isLocal });
  return { cluster: cluster.map(backend), local: local.map(backend), hasAny: cluster.length + local.length > 0 };
}

/** Ordered by address, each address and port once: two slices may list an endpoint while it moves from one to the other. */
function collect(port: ServicePort, slices: readonly EndpointSlice[], nodeName: string): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    for (const slicePort of slice.ports ?? []) {
      if ((slicePort.name ?? "") !== (port.name ?? "") || (slicePort.protocol ?? "TCP") !== (port.protocol ?? "TCP")) continue;
      if (slicePort.port === undefined) continue;
      for (const endpoint of slice.endpoints ?? []) {
        const candidate = candidateOf(endpoint, slicePort.port, nodeName);
        if (candidate === undefined) continue;
        const key = `${candidate.ip}:${candidate.port}`;
        if (found.get(key)?.ready !== true) found.set(key, candidate);
      }
    }
  }
  return [...found].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, candidate]) => candidate);
}

function candidateOf(endpoint: Endpoint, port: number, nodeName: string): Candidate | undefined {
  const [ip] = endpoint.addresses;
  if (ip === undefined) return undefined;
  // What a slice does not say means: ready, serving, not terminating.
  const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
  return {
    ip,
    port,
    isLocal: endpoint.nodeName === nodeName,
    ready,
    servingTerminating: serving && terminating,
    forZones: (endpoint.hints?.forZones ?? []).map(({ name }) => name),
    forNodes: (endpoint.hints?.forNodes ?? []).map(({ name }) => name),
  };
}

/** Follows hints, those for nodes first, when every endpoint has some and one of them is for us: else an endpoint could get no traffic at all. */
function nearest(ready: readonly Candidate[], { nodeName, zone }: NodeFacts): readonly Candidate[] {
  if (ready.every(({ forNodes }) => forNodes.length > 0)) {
    const here = ready.filter(({ forNodes }) => forNodes.includes(nodeName));
    if (here.length > 0) return here;
  }
  if (zone !== undefined && ready.every(({ forZones }) => forZones.length > 0)) {
    const here = ready.filter(({ forZones }) => forZones.includes(zone));
    if (here.length > 0) return here;
  }
  return ready;
}

/** The addresses of this node's endpoints that are ready, over all ports: what a load balancer's health check counts. */
export function localReadyCount(slices: readonly EndpointSlice[], { nodeName }: NodeFacts): number {
  const here = slices.flatMap(({ endpoints = [] }) => endpoints.filter((endpoint) => endpoint.nodeName === nodeName && endpoint.conditions?.ready !== false));
  return new Set(here.map(({ addresses }) => addresses[0])).size;
}
