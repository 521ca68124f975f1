// What a service is given when it is written: cluster addresses, node ports, IP families
// (https://kubernetes.io/docs/concepts/services-networking/service/). The pools live in memory; the services themselves are their
// record, read at the start.
//
// Invariants: what is given to one service is given to no other; a write that fails gives everything back; what a service
// no longer uses is free again as soon as the write is stored.
import { type FieldError, FieldPath, internalServerError, invalid, invalidError, type KubeObject, type Service, services } from "../../api/index.ts";
import type { Env, Mutable } from "../../base/index.ts";
import type { PreparedWrite, WriteHook } from "../storage/write-context.ts";
import { AddressPool, type AddressSources, canonicalAddress, type IpFamily } from "./address-pool.ts";
import { isPreferenceKept, settleFamilies } from "./families.ts";
import { serviceAddresses } from "./ip-address-keeper.ts";
import { NumberPool } from "./pools.ts";

export interface ServiceAllocationOptions {
  readonly addresses: AddressSources;
  readonly nodePorts: readonly [number, number];
}

type MutableService = Mutable<Service>;

const SPEC = FieldPath.root("spec");

export class ServiceAllocation implements WriteHook {
  readonly #addresses: AddressPool;
  readonly #ports: NumberPool;

  constructor(env: Env, { addresses, nodePorts }: ServiceAllocationOptions) {
    const random = env.random.fork("service-allocation");
    this.#addresses = new AddressPool(random, addresses);
    this.#ports = new NumberPool(random, nodePorts[0], nodePorts[1]);
  }

  /** Notes what the services have that are there already. */
  load(existing: readonly Service[]): void {
    for (const service of existing) {
      for (const address of serviceAddresses(service)) this.#addresses.note(address);
      for (const port of portsOf(service)) this.#ports.take(port);
    }
  }

  prepare(object: Mutable<KubeObject>, oldObject: KubeObject | undefined): PreparedWrite {
    const service = object as MutableService;
    const old = oldObject as Service | undefined;
    if (old !== undefined) keepAllocated(service, old);
    normalizeAddresses(service, old);
    const draft = new Draft(this.#addresses, this.#ports, old);
    try {
      const errors = settleFamilies(service, old, this.#addresses.families);
      if (errors.length > 0) throw refused(service, errors);
      if (needsClusterIP(service) && !isPreferenceKept(service, old)) draft.giveAddresses(service);
      if (service.spec.type === "NodePort" || service.spec.type === "LoadBalancer") draft.giveNodePorts(service);
      if (needsHealthCheckNodePort(service)) draft.giveHealthCheckPort(service);
    } catch (error) {
      draft.rollback();
      throw error;
    }
    return { rollback: () => draft.rollback(), commit: () => this.#releaseUnused(old, service) };
  }

  deleted(object: KubeObject): void {
    const service = object as Service;
    for (const address of serviceAddresses(service)) this.#addresses.release(address);
    for (const port of portsOf(service)) this.#ports.release(port);
  }

  #releaseUnused(old: Service | undefined, service: Service): void {
    if (old === undefined) return;
    const addresses = new Set(serviceAddresses(service));
    const ports = new Set(portsOf(service));
    for (const address of serviceAddresses(old)) if (!addresses.has(address)) this.#addresses.release(address);
    for (const port of portsOf(old)) if (!ports.has(port)) this.#ports.release(port);
  }
}

/** What one write takes out of the pools beyond what the service had. */
class Draft {
  readonly #takenAddresses: string[] = [];
  readonly #takenPorts: number[] = [];
  readonly #ownAddresses: ReadonlySet<string>;
  readonly #ownPorts: ReadonlySet<number>;

  constructor(
    private readonly addresses: AddressPool,
    private readonly ports: NumberPool,
    old: Service | undefined,
  ) {
    this.#ownAddresses = new Set(old === undefined ? [] : serviceAddresses(old));
    this.#ownPorts = new Set(old === undefined ? [] : portsOf(old));
  }

  rollback(): void {
    for (const address of this.#takenAddresses) this.addresses.release(address);
    for (const port of this.#takenPorts) this.ports.release(port);
    this.#takenAddresses.length = 0;
    this.#takenPorts.length = 0;
  }

  /** One of each of the service's families. */
  giveAddresses(service: MutableService): void {
    const { spec } = service;
    if (spec.clusterIP === "None") return;
    const asked = spec.clusterIPs ?? [];
    const given = (spec.ipFamilies ?? []).map((family, position) => this.#giveAddress(service, asked[position] ?? "", family as IpFamily));
    spec.clusterIPs = given;
    spec.clusterIP = given[0];
  }

  #giveAddress(service: Service, asked: string, family: IpFamily): string {
    if (asked !== "" && this.#ownAddresses.has(canonicalAddress(asked))) return asked;
    const address = asked === "" ? this.addresses.draw(family) : asked;
    if (address === undefined) throw internalServerError(`failed to allocate a serviceIP for Service "${service.metadata.name}": range is full`);
    const why = asked === "" ? undefined : this.addresses.take(asked);
    if (why !== undefined) throw refused(service, [invalid(SPEC.child("clusterIPs"), service.spec.clusterIPs ?? [], `failed to allocate IP ${asked}: ${why}`)]);
    this.#takenAddresses.push(canonicalAddress(address));
    return address;
  }

  giveNodePorts(service: MutableService): void {
    const { ports = [] } = service.spec;
    /** Protocols of one port share their node port: node port → protocols. */
    const shared = new Map<number, Set<string>>();
    const note = (nodePort: number, protocol: string): void => void shared.set(nodePort, (shared.get(nodePort) ?? new Set()).add(protocol));
    for (const [position, port] of ports.entries()) {
      if (!port.nodePort) continue;
      if (shared.get(port.nodePort)?.has(port.protocol ?? "TCP") === false || this.#ownPorts.has(port.nodePort)) note(port.nodePort, port.protocol ?? "TCP");
      else {
        this.#takePort(service, port.nodePort, SPEC.child("ports").index(position).child("nodePort"));
        note(port.nodePort, port.protocol ?? "TCP");
      }
    }
    // A load balancer may do without, and still ask for some.
    if (!needsNodePort(service)) return;
    for (const port of ports) {
      if (port.nodePort) continue;
      const sibling = ports.find((other) => other.port === port.port && other.nodePort && shared.get(other.nodePort)?.has(port.protocol ?? "TCP") === false);
      port.nodePort = sibling?.nodePort ?? this.#drawPort();
      note(port.nodePort, port.protocol ?? "TCP");
    }
  }

  giveHealthCheckPort(service: MutableService): void {
    const path = SPEC.child("healthCheckNodePort");
    const asked = service.spec.healthCheckNodePort ?? 0;
    if (asked === 0) service.spec.healthCheckNodePort = this.#drawPort();
    else if (!this.#ownPorts.has(asked)) this.#takePort(service, asked, path);
  }

  #takePort(service: Service, port: number, path: FieldPath): void {
    if (!this.ports.contains(port)) {
      const range = `${this.ports.first}-${this.ports.last}`;
      throw refused(service, [invalid(path, port, `provided port is not in the valid range. The range of valid ports is ${range}`)]);
    }
    if (!this.ports.take(port)) throw refused(service, [invalid(path, port, "provided port is already allocated")]);
    this.#takenPorts.push(port);
  }

  #drawPort(): number {
    const drawn = this.ports.draw();
    if (drawn === undefined) throw internalServerError(`failed to allocate a nodePort: range is full`);
    this.#takenPorts.push(drawn);
    return drawn;
  }
}

function refused(service: Service, errors: readonly FieldError[]) {
  return invalidError(services, service.metadata.name, errors);
}

function needsClusterIP({ spec }: Service): boolean {
  return spec.type !== "ExternalName";
}
function needsNodePort({ spec }: Service): boolean {
  return spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
}
function needsHealthCheckNodePort({ spec }: Service): boolean {
  return spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
}

function portsOf({ spec }: Service): number[] {
  return [...(spec.ports ?? []).map(({ nodePort = 0 }) => nodePort), spec.healthCheckNodePort ?? 0].filter((port) => port !== 0);
}

/** `clusterIP` and the first of `clusterIPs` are one; who changes the one alone means both. */
function normalizeAddresses({ spec }: MutableService, old: Service | undefined): void {
  const listed = spec.clusterIPs ?? [];
  if (old === undefined) {
    if (spec.clusterIP && listed.length === 0) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const isListKept = JSON.stringify(listed) === JSON.stringify(old.spec.clusterIPs ?? []);
  if (!isListKept || (spec.clusterIP ?? "") === (old.spec.clusterIP ?? "")) return;
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
  else delete spec.clusterIPs;
}

/** What was given and is not mentioned stays. */
function keepAllocated(service: MutableService, old: Service): void {
  const { spec } = service;
  if (needsClusterIP(service) && needsClusterIP(old)) {
    if (!spec.clusterIP && old.spec.clusterIP !== undefined) spec.clusterIP = old.spec.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && old.spec.clusterIPs !== undefined) spec.clusterIPs = [...old.spec.clusterIPs];
  }
  if (needsNodePort(service) && needsNodePort(old)) {
    const mentioned = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const before = (old.spec.ports ?? []).find(({ name }) => name === port.name)?.nodePort;
      if (before !== undefined && !mentioned.has(before)) port.nodePort = before;
    }
  }
  if (needsHealthCheckNodePort(service) && needsHealthCheckNodePort(old) && !spec.healthCheckNodePort) {
    spec.healthCheckNodePort = old.spec.healthCheckNodePort;
  }
}
