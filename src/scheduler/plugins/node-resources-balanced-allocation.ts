// NodeResourcesBalancedAllocation: prefers nodes on which the pod brings the used shares of its resources closer together.
import { LARGEST_SCORE, type Plugin, plugin } from "../plugin.ts";
import { DEFAULT_RESOURCES, type ResourceWeight, type Usage, usageOf } from "./allocation-scores.ts";

export interface NodeResourcesBalancedAllocationArgs {
  /** All of weight 1. */
  readonly resources: readonly ResourceWeight[];
}

/** 100 when the shares are equal, 50 when one is empty and the other full. */
function balance(usage: readonly Usage[], amountOf: (usage: Usage) => number): number {
  const shares = usage.map((resource) => Math.min(1, amountOf(resource) / resource.total));
  return Math.trunc((1 - deviation(shares)) * LARGEST_SCORE);
}

function deviation(shares: readonly number[]): number {
  const [first = 0, second = 0] = shares;
  if (shares.length < 2) return 0;
  if (shares.length === 2) return Math.abs(first - second) / 2;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
}

export function createNodeResourcesBalancedAllocation({ resources = DEFAULT_RESOURCES }: Partial<NodeResourcesBalancedAllocationArgs> = {}): Plugin {
  return plugin("NodeResourcesBalancedAllocation", {
    applies: ({ requests }) => resources.some(({ name }) => (requests.get(name) ?? 0) > 0),
    // About 75 when the pod makes no difference, up to 100 when it mends the balance, down to 50 when it spoils it.
    score: ({ requests }, node) => {
      const usage = usageOf(resources, requests, node, node.requested);
      const gain = balance(usage, ({ used }) => used) - balance(usage, ({ before }) => before);
      return LARGEST_SCORE / 2 + Math.trunc((LARGEST_SCORE / 2 + gain) / 2);
    },
  });
}
