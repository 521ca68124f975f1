// NodeResourcesBalancedAllocation: prefers nodes on which the pod brings the used shares of its resources closer together.

import type { NodeInfo } from "../node-info.ts";
import { LARGEST_SCORE, type Plugin, plugin } from "../plugin.ts";
import { type AskedResource, askedResources, DEFAULT_RESOURCES, type ResourceWeight } from "./allocation-scores.ts";

export interface NodeResourcesBalancedAllocationArgs {
  /** All of weight 1. */
  readonly resources: readonly ResourceWeight[];
}

/** 100 when the shares are equal, 50 when one is empty and the other full. Called for every node: it keeps no list of shares. */
function balance(asked: readonly AskedResource[], { allocatable, requested }: NodeInfo, withPod: boolean): number {
  let count = 0;
  let sum = 0;
  let squares = 0;
  let first = 0;
  let last = 0;
  for (const { name, amount } of asked) {
    const total = allocatable.get(name) ?? 0;
    if (total === 0) continue;
    const share = Math.min(1, ((requested.get(name) ?? 0) + (withPod ? amount : 0)) / total);
    if (count === 0) first = share;
    last = share;
    sum += share;
    squares += share * share;
    count++;
  }
  // Of two, half their distance is their standard deviation, without the rounding errors of the squares.
  const deviation = count < 2 ? 0 : count === 2 ? Math.abs(first - last) / 2 : Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  return Math.trunc((1 - deviation) * LARGEST_SCORE);
}

export function createNodeResourcesBalancedAllocation({ resources = DEFAULT_RESOURCES }: Partial<NodeResourcesBalancedAllocationArgs> = {}): Plugin {
  return plugin<readonly AskedResource[]>("NodeResourcesBalancedAllocation", {
    applies: ({ requests }) => resources.some(({ name }) => (requests.get(name) ?? 0) > 0),
    preScore: ({ requests }) => askedResources(resources, requests),
    // About 75 when the pod makes no difference, up to 100 when it mends the balance, down to 50 when it spoils it.
    score: (_pod, node, asked) => LARGEST_SCORE / 2 + Math.trunc((LARGEST_SCORE / 2 + balance(asked, node, true) - balance(asked, node, false)) / 2),
  });
}
