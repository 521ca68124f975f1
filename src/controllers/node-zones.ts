// How fast the pods of nodes in trouble may be evicted: the more of a zone is down, the likelier it is the network and not the nodes
// (https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction).
import { type Node, nodeLabels } from "../api/index.ts";
import type { Clock } from "../base/index.ts";
import { readyStatus } from "./node-taints.ts";

export interface EvictionOptions {
  /** Nodes a second that may be evicted of a zone in order. Default 0.1. */
  readonly nodeEvictionRate?: number;
  /** The same for a large zone in which many are down. Default 0.01. */
  readonly secondaryNodeEvictionRate?: number;
  /** A zone of more nodes is large; in a small one that is mostly down nobody is evicted. Default 50. */
  readonly largeClusterSizeThreshold?: number;
  /** The share of nodes down from which on a zone is in trouble. Default 0.55. */
  readonly unhealthyZoneThreshold?: number;
}

/** Nodes that come and go as they like say nothing of their zone. */
const EXCLUDED = "node.kubernetes.io/exclude-disruption";
/** Fewer nodes down are no sign of anything. */
const FEWEST_DOWN = 3;

export function zoneOf({ metadata }: Node): string {
  const { [nodeLabels.region]: region = "", [nodeLabels.zone]: zone = "" } = metadata.labels ?? {};
  return `${region}/${zone}`;
}

export interface ZoneHealth {
  /** Nodes a second. */
  readonly rateOf: (zone: string) => number;
  /** No node of any zone is ready: then the fault is more likely ours, and nobody is evicted. */
  readonly allDown: boolean;
}

export function zoneHealth(nodes: readonly Node[], options: EvictionOptions = {}): ZoneHealth {
  const { nodeEvictionRate = 0.1, secondaryNodeEvictionRate = 0.01, largeClusterSizeThreshold = 50, unhealthyZoneThreshold = 0.55 } = options;
  const zones = new Map<string, { ready: number; down: number }>();
  for (const node of nodes) {
    if (node.metadata.labels?.[EXCLUDED] !== undefined) continue;
    const zone = zones.get(zoneOf(node)) ?? { ready: 0, down: 0 };
    if (readyStatus(node) === "True") zone.ready++;
    else zone.down++;
    zones.set(zoneOf(node), zone);
  }
  return {
    allDown: [...zones.values()].every(({ ready }) => ready === 0),
    rateOf: (name) => {
      const { ready, down } = zones.get(name) ?? { ready: 1, down: 0 };
      const isPartly = ready > 0 && down >= FEWEST_DOWN && down / (ready + down) >= unhealthyZoneThreshold;
      if (!isPartly) return nodeEvictionRate;
      return ready + down > largeClusterSizeThreshold ? secondaryNodeEvictionRate : 0;
    },
  };
}

/** One node at a time, at each zone's rate. */
export class EvictionBudget {
  private readonly lastMs = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  /** Takes a turn and gives 0, or tells how long until there is one: for ever at a rate of 0. */
  take(zone: string, rate: number): number {
    const nowMs = this.clock.monotonic();
    const lastMs = this.lastMs.get(zone);
    const waitMs = rate === 0 ? Number.POSITIVE_INFINITY : lastMs === undefined ? 0 : Math.max(0, lastMs + 1000 / rate - nowMs);
    if (waitMs === 0) this.lastMs.set(zone, nowMs);
    return waitMs;
  }
}
