// Load balancers of a node: which services it answers for on its own addresses, loopback included, as users of k3s know it. A
// port is held by listening on it, so that no program of the machine and no service loses what it has; the rules lead its
// packets past the listener. For which services a node answers is published, and the service-lb controller makes addresses of it.
//
// Invariants: a service is answered for on all its ports or on none; of services, who came first keeps what it has; a pod's
// host port, which the scheduler granted, comes before any of them; what nobody wants any more is let go at once.
import { objectKey, type Service, serviceLabels, servicePortNames, wantsOwnLoadBalancer } from "../api/index.ts";

/** The machine's side. */
export interface PortReserver {
  /** `name` such as `TCP/80`. Undefined: taken by another program. */
  reserve(name: string): Promise<{ release(): void } | undefined>;
}

/** How it went with one service: it has its ports, or somebody else has one of them. */
export type Holding = { readonly held: ReadonlySet<string> } | { readonly held: ReadonlySet<string>; readonly takenPort: string; readonly by: string };

interface Held {
  readonly owner: string;
  release(): void;
}

const NOTHING: Holding = { held: new Set() };

export class LoadBalancerPorts {
  readonly #held = new Map<string, Held>();
  /** Keys of the services that have all they want. */
  readonly #served = new Set<string>();
  readonly #waiting = new Set<string>();

  constructor(
    private readonly reserver: PortReserver,
    /** Ports of pods, as `TCP/80`. */
    private readonly isHostPort: (name: string) => boolean,
  ) {}

  /** Services that could not get what they want, and may now. */
  get waiting(): ReadonlySet<string> {
    return this.#waiting;
  }

  /** Keys of the services that the node answers for, in order. */
  published(): string[] {
    return [...this.#served].sort();
  }

  get heldCount(): number {
    return this.#held.size;
  }

  /** Brings what is held for a service to what it wants; `service` is undefined when it is gone. */
  async settle(key: string, service: Service | undefined): Promise<Holding> {
    const wanted = new Set(service === undefined || !isServedHere(service) ? [] : servicePortNames(service));
    this.#waiting.delete(key);
    for (const [name, { owner }] of this.#held) if (owner === key && !wanted.has(name)) this.#release(name);
    if (wanted.size === 0) {
      this.#served.delete(key);
      return NOTHING;
    }
    for (const name of wanted) {
      const taken = await this.#take(key, name);
      if (taken === undefined) continue;
      // All or nothing: half a service helps nobody.
      for (const [held, { owner }] of this.#held) if (owner === key) this.#release(held);
      this.#served.delete(key);
      this.#waiting.add(key);
      return { held: new Set(), takenPort: name, by: taken };
    }
    this.#served.add(key);
    return { held: wanted };
  }

  releaseAll(): void {
    for (const name of [...this.#held.keys()]) this.#release(name);
    this.#served.clear();
  }

  /** Undefined when it worked, else who has the port. */
  async #take(key: string, name: string): Promise<string | undefined> {
    if (this.isHostPort(name)) return "the host port of a pod";
    const held = this.#held.get(name);
    if (held !== undefined) return held.owner === key ? undefined : `service ${held.owner}`;
    const reserved = await this.reserver.reserve(name);
    if (reserved === undefined) return "another program of this machine";
    this.#held.set(name, { owner: key, release: () => reserved.release() });
    return undefined;
  }

  #release(name: string): void {
    this.#held.get(name)?.release();
    this.#held.delete(name);
  }
}

function isServedHere(service: Service): boolean {
  return wantsOwnLoadBalancer(service) && service.metadata.labels?.[serviceLabels.serviceProxyName] === undefined;
}

/** First come, first served, also after a restart. */
export function byAge(services: readonly Service[]): string[] {
  const created = ({ metadata }: Service): string => metadata.creationTimestamp ?? "";
  return [...services].sort((a, b) => (created(a) === created(b) ? (objectKey(a) < objectKey(b) ? -1 : 1) : created(a) < created(b) ? -1 : 1)).map(objectKey);
}
