// One scheduling decision: filter the nodes, score what is left, take the best. Pure but for the draw between equals.
import type { Random } from "../base/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { NodeInfo } from "./node-info.ts";
import { type Rejection, unresolvable } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Profile } from "./profile.ts";

export type Decision =
  | { readonly node: NodeInfo }
  /** No node will do: why, by node, and which plugins said so. */
  | {
      readonly node: undefined;
      readonly rejections: ReadonlyMap<string, Rejection>;
      readonly plugins: ReadonlySet<string>;
      /** Why no node was looked at. */
      readonly refusal?: string;
    };

export interface NodeFinder {
  find(pod: PodInfo): Decision;
}

/** Below this many nodes all are looked at. */
const LOOK_AT_LEAST = 100;
const SMALLEST_PERCENTAGE = 5;

export function createNodeFinder(cluster: ClusterState, profile: Profile, random: Random): NodeFinder {
  // Successive pods begin at different nodes, so that all nodes have the same chance to be looked at.
  let start = 0;
  return {
    find: (pod) => {
      const nodes = cluster.list();
      const refused = refuse(pod, cluster, profile);
      if (refused !== undefined) return refused;
      const filters = createFilter(pod, cluster, profile);
      // Room was made there for this pod: most likely it is the only node that will do.
      const nominated = cluster.node(cluster.nominations.nodeOf(pod.uid) ?? "");
      if (nominated?.node !== undefined && filters(nominated) === undefined) return { node: nominated };
      const wanted = enoughNodes(nodes.length);
      const feasible: NodeInfo[] = [];
      const rejections = new Map<string, Rejection>();
      const plugins = new Set<string>();
      let looked = 0;
      for (; looked < nodes.length && feasible.length < wanted; looked++) {
        const node = nodes[(start + looked) % nodes.length];
        if (node === undefined) continue;
        const rejected = filters(node);
        if (rejected === undefined) feasible.push(node);
        else {
          rejections.set(node.name, rejected.rejection);
          plugins.add(rejected.plugin);
        }
      }
      start = nodes.length === 0 ? 0 : (start + looked) % nodes.length;
      const best = feasible.length < 2 ? feasible[0] : pickBest(feasible, score(pod, feasible, cluster, profile), random);
      return best === undefined ? { node: undefined, rejections, plugins } : { node: best };
    },
  };
}

/** The first plugin that will have no node at all speaks for all nodes. */
function refuse(pod: PodInfo, cluster: ClusterState, profile: Profile): Decision | undefined {
  for (const { plugin } of profile.plugins) {
    const refusal = plugin.applies?.(pod) === false ? undefined : plugin.refuses?.(pod, cluster);
    if (refusal === undefined) continue;
    const rejections = new Map(cluster.list().map(({ name }) => [name, unresolvable(refusal)]));
    return { node: undefined, rejections, plugins: new Set([plugin.name]), refusal };
  }
  return undefined;
}

/** How many feasible nodes are enough to choose among: all up to 100, then a share that falls from 50 % to 5 %. */
export function enoughNodes(all: number): number {
  if (all < LOOK_AT_LEAST) return all;
  const percentage = Math.max(SMALLEST_PERCENTAGE, 50 - Math.trunc(all / 125));
  return Math.max(LOOK_AT_LEAST, Math.trunc((all * percentage) / 100));
}

type Filter = (node: NodeInfo) => { plugin: string; rejection: Rejection } | undefined;

/**
 * Runs the profile's filters for one pod: the first that rejects a node decides. A node will do only if it does both with and
 * without the pods nominated to it that the pod must give way to: they may come, or may not.
 */
export function createFilter(pod: PodInfo, cluster: ClusterState, profile: Profile): Filter {
  const steps = profile.plugins.flatMap(({ plugin: { name, applies, preFilter, filter } }) =>
    filter === undefined || applies?.(pod) === false ? [] : [{ name, filter, state: preFilter?.(pod, cluster) }],
  );
  const run: Filter = (node) => {
    for (const { name, filter, state } of steps) {
      const rejection = filter(pod, node, state);
      if (rejection !== undefined) return { plugin: name, rejection };
    }
    return undefined;
  };
  return (node) => {
    const expected = cluster.nominations.on(node.name).filter(({ uid, priority }) => uid !== pod.uid && priority >= pod.priority);
    if (expected.length === 0) return run(node);
    const crowded = node.clone();
    for (const other of expected) crowded.addPod(other);
    return run(crowded) ?? run(node);
  };
}

function score(pod: PodInfo, nodes: readonly NodeInfo[], cluster: ClusterState, profile: Profile): number[] {
  const sums = nodes.map(() => 0);
  for (const { plugin, scoreWeight } of profile.plugins) {
    const { applies, preScore, score: scoreOf, normalize } = plugin;
    if (scoreOf === undefined || scoreWeight === 0 || applies?.(pod) === false) continue;
    const state = preScore?.(pod, cluster);
    const raw = nodes.map((node) => scoreOf(pod, node, state));
    const scores = normalize === undefined ? raw : normalize(raw);
    scores.forEach((value, index) => {
      sums[index] = (sums[index] ?? 0) + value * scoreWeight;
    });
  }
  return sums;
}

function pickBest(nodes: readonly NodeInfo[], scores: readonly number[], random: Random): NodeInfo | undefined {
  const highest = Math.max(...scores);
  const best = nodes.filter((_, index) => scores[index] === highest);
  return best[Math.floor(random.next() * best.length)];
}
