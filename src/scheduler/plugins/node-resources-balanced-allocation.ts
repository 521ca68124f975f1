// NodeResourcesBalancedAllocation: prefers nodes where cpu and memory would be used in equal shares.
import { LARGEST_SCORE, plugin } from "../plugin.ts";
import { SCORED_RESOURCES } from "./node-resources-fit.ts";

export const nodeResourcesBalancedAllocation = plugin("NodeResourcesBalancedAllocation", {
  applies: ({ requests }) => SCORED_RESOURCES.some((resource) => (requests.get(resource) ?? 0) > 0),
  score: (pod, node) => {
    const shares = SCORED_RESOURCES.flatMap((resource) => {
      const total = node.allocatable.get(resource) ?? 0;
      return total === 0 ? [] : [Math.min(1, ((node.requested.get(resource) ?? 0) + (pod.requests.get(resource) ?? 0)) / total)];
    });
    if (shares.length === 0) return 0;
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const deviation = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
    return Math.trunc((1 - deviation) * LARGEST_SCORE);
  },
});
