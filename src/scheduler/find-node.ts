// One scheduling decision: filter the nodes, score what is left, take the best. Pure but for the draw between equals.
import type { Random } from "../base/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Diagnosis } from "./diagnosis.ts";
import { createFilter, type Filter, type Refusal } from "./filter-nodes.ts";
import type { NodeInfo } from "./node-info.ts";
import type { Rejection } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Profile } from "./profile.ts";
import { scoreNodes } from "./score-nodes.ts";

export type Decision = { readonly node: NodeInfo } | { readonly node: undefined; readonly diagnosis: Diagnosis };

export interface NodeFinder {
  find(pod: PodInfo, profile: Profile): Decision;
}

export interface NodeFinderOptions {
  readonly random: Random;
  /** For profiles that do not say: 0 to 100; 0 or absent: falls with the number of nodes. */
  readonly percentageOfNodesToScore?: number;
}

/** Below this many nodes all are looked at. */
const LOOK_AT_LEAST = 100;
const SMALLEST_PERCENTAGE = 5;
const UNKNOWN: Rejection = { reasons: [], resolvable: false };

export function createNodeFinder(cluster: ClusterState, options: NodeFinderOptions): NodeFinder {
  // Successive pods begin at different nodes, so that all nodes have the same chance to be looked at.
  let start = 0;
  return {
    find: (pod, profile) => {
      const all = cluster.list();
      const filter = createFilter(pod, cluster, profile);
      if (filter.verdict !== undefined) {
        const { plugin, rejection } = filter.verdict;
        return refusal(all.length, { verdict: rejection, rejections: new Map(), others: rejection, plugins: new Set([plugin]) });
      }
      // Room was made there for this pod: most likely it is the only node that will do.
      const nominated = cluster.node(cluster.nominations.nodeOf(pod.uid) ?? "");
      if (nominated?.node !== undefined && filter.check(nominated) === undefined) return { node: nominated };
      const { nodes, others } = eligible(all, cluster, filter);
      const percentage = profile.percentageOfNodesToScore ?? options.percentageOfNodesToScore ?? 0;
      const wanted = profile.at.score.length === 0 ? 1 : enoughNodes(nodes.length, percentage);
      const feasible: NodeInfo[] = [];
      const refused: { readonly node: NodeInfo; readonly refusal: Refusal }[] = [];
      let looked = 0;
      for (; looked < nodes.length && feasible.length < wanted; looked++) {
        const node = nodes[(start + looked) % nodes.length];
        if (node === undefined) continue;
        const refusal = filter.check(node);
        if (refusal === undefined) feasible.push(node);
        else refused.push({ node, refusal });
      }
      start = all.length === 0 ? 0 : (start + looked) % all.length;
      const [first] = feasible;
      if (first === undefined) {
        const plugins = new Set([...filter.narrowedBy, ...refused.map(({ refusal: { plugin } }) => plugin)]);
        return refusal(all.length, { rejections: new Map(refused.map(({ node, refusal: { rejection } }) => [node.name, rejection])), others, plugins });
      }
      return { node: feasible.length === 1 ? first : pickBest(first, feasible, scoreNodes(pod, feasible, cluster, profile), options.random) };
    },
  };
}

function refusal(nodeCount: number, diagnosis: Omit<Diagnosis, "nodeCount">): Decision {
  return { node: undefined, diagnosis: { nodeCount, ...diagnosis } };
}

/** The nodes to look at, and what holds for all others. */
function eligible(all: readonly NodeInfo[], cluster: ClusterState, { nodeNames, narrowedBy }: Filter): { nodes: readonly NodeInfo[]; others: Rejection } {
  if (nodeNames === undefined) return { nodes: all, others: UNKNOWN };
  const named = [...nodeNames].flatMap((name) => cluster.node(name) ?? []).filter(({ node }) => node !== undefined);
  return { nodes: named, others: { reasons: [`node(s) didn't satisfy plugin(s) [${narrowedBy.join(" ")}]`], resolvable: false } };
}

/** How many feasible nodes are enough to choose among: all up to 100, then a share; by itself it falls from 50 % to 5 %. */
export function enoughNodes(all: number, percentage = 0): number {
  if (all < LOOK_AT_LEAST) return all;
  const share = percentage === 0 ? Math.max(SMALLEST_PERCENTAGE, 50 - Math.trunc(all / 125)) : percentage;
  return Math.max(LOOK_AT_LEAST, Math.trunc((all * share) / 100));
}

function pickBest(first: NodeInfo, nodes: readonly NodeInfo[], scores: readonly number[], random: Random): NodeInfo {
  let best: NodeInfo[] = [];
  let highest = Number.NEGATIVE_INFINITY;
  for (const [index, node] of nodes.entries()) {
    const score = scores[index] ?? 0;
    if (score > highest) {
      highest = score;
      best = [node];
    } else if (score === highest) best.push(node);
  }
  return best[Math.floor(random.next() * best.length)] ?? first;
}
