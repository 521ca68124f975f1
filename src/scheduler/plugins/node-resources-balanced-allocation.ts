// NodeResourcesBalancedAllocation: prefers nodes on which the pod brings the used shares of cpu and memory closer together.
import type { NodeInfo } from "../node-info.ts";
import { LARGEST_SCORE, plugin } from "../plugin.ts";
import type { Amounts } from "../pod-info.ts";
import { SCORED_RESOURCES } from "./node-resources-fit.ts";

const NOBODY: Amounts = new Map();

/** 100 when the shares are equal, 50 when one is empty and the other full. */
function balance(node: NodeInfo, added: Amounts): number {
  const shares = SCORED_RESOURCES.flatMap((resource) => {
    const total = node.allocatable.get(resource) ?? 0;
    return total === 0 ? [] : [Math.min(1, ((node.requested.get(resource) ?? 0) + (added.get(resource) ?? 0)) / total)];
  });
  if (shares.length === 0) return LARGEST_SCORE;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const deviation = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
  return Math.trunc((1 - deviation) * LARGEST_SCORE);
}

export const nodeResourcesBalancedAllocation = plugin("NodeResourcesBalancedAllocation", {
  applies: ({ requests }) => SCORED_RESOURCES.some((resource) => (requests.get(resource) ?? 0) > 0),
  // About 75 when the pod makes no difference, up to 100 when it mends the balance, down to 50 when it spoils it.
  score: ({ requests }, node) => LARGEST_SCORE / 2 + Math.trunc((LARGEST_SCORE / 2 + balance(node, requests) - balance(node, NOBODY)) / 2),
});
