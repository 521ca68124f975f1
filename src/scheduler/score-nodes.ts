// The scores of a profile, for the nodes that will do: what each plugin gives, times its weight, in sum.
import type { ClusterState } from "./cluster-state.ts";
import type { NodeInfo } from "./node-info.ts";
import { SKIP_SCORE } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Profile } from "./profile.ts";

/** In the order of the nodes. */
export function scoreNodes(pod: PodInfo, nodes: readonly NodeInfo[], cluster: ClusterState, profile: Profile): number[] {
  const sums = new Array<number>(nodes.length).fill(0);
  for (const { plugin, weight = 1 } of profile.at.score) {
    const { applies, preScore, score, normalize } = plugin;
    if (score === undefined || applies?.(pod) === false) continue;
    const state = preScore?.(pod, cluster, nodes);
    if (state === SKIP_SCORE) continue;
    const raw = nodes.map((node) => score(pod, node, state));
    const scores = normalize === undefined ? raw : normalize(raw);
    for (let index = 0; index < sums.length; index++) sums[index] = (sums[index] ?? 0) + (scores[index] ?? 0) * (weight === 0 ? 1 : weight);
  }
  return sums;
}
