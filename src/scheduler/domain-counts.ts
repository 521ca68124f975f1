// Counts by topology domain (the nodes with one value of a label), for the topology keys that decisions ask about, kept up to date
// node by node. Pods name topology keys as they like: those that were not asked for longest are forgotten beyond a bound, and
// counted anew when they are asked for again.
import { addTo, type Counts } from "./counts.ts";
import type { NodeInfo } from "./node-info.ts";

const MOST_KEYS = 100;

export class DomainCounts {
  /** Topology key → domain → count. In the order in which they were asked for, the latest last. */
  private readonly byKey = new Map<string, Counts>();

  /** `all` gives what there is to count, where nothing was counted yet. Nodes without the label have no domain. */
  of(topologyKey: string, all: () => Iterable<readonly [node: NodeInfo, count: number]>): ReadonlyMap<string, number> {
    const known = this.byKey.get(topologyKey);
    const counts: Counts = known ?? new Map<string, number>();
    if (known === undefined) for (const [node, count] of all()) addTo(counts, node.label(topologyKey), count);
    this.byKey.delete(topologyKey);
    this.byKey.set(topologyKey, counts);
    const [oldest] = this.byKey.keys();
    if (this.byKey.size > MOST_KEYS && oldest !== undefined) this.byKey.delete(oldest);
    return counts;
  }

  add(node: NodeInfo, amount: number): void {
    for (const [topologyKey, counts] of this.byKey) addTo(counts, node.label(topologyKey), amount);
  }
}
