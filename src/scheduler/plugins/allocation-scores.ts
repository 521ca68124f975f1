// How full a node would be, as a score: emptier is better (LeastAllocated), fuller is better (MostAllocated), or as a shape says
// (RequestedToCapacityRatio) (https://kubernetes.io/docs/concepts/scheduling-eviction/resource-bin-packing/).
import type { NodeInfo } from "../node-info.ts";
import { LARGEST_SCORE } from "../plugin.ts";
import type { Amounts } from "../pod-info.ts";

export interface ResourceWeight {
  readonly name: string;
  readonly weight: number;
}
export interface ShapePoint {
  /** 0 to 100. */
  readonly utilization: number;
  /** 0 to 10. */
  readonly score: number;
}
export type ScoringStrategy =
  | { readonly type: "LeastAllocated" | "MostAllocated"; readonly resources: readonly ResourceWeight[] }
  | { readonly type: "RequestedToCapacityRatio"; readonly resources: readonly ResourceWeight[]; readonly shape: readonly ShapePoint[] };

/** Cpu and memory alike. */
export const DEFAULT_RESOURCES: readonly ResourceWeight[] = [
  { name: "cpu", weight: 1 },
  { name: "memory", weight: 1 },
];
const LARGEST_SHAPE_SCORE = 10;

/** A resource to score, and how much of it the pod asks for. */
export interface AskedResource extends ResourceWeight {
  readonly amount: number;
}

/** Special resources that the pod does not ask for are left out. */
export function askedResources(resources: readonly ResourceWeight[], asked: Amounts): readonly AskedResource[] {
  return resources
    .map(({ name, weight }) => ({ name, weight, amount: asked.get(name) ?? 0 }))
    .filter(({ name, amount }) => amount > 0 || !isSpecialResource(name));
}

/** Neither of the node itself nor of every pod: extended resources, huge pages. */
export function isSpecialResource(name: string): boolean {
  return name.includes("/") || name.startsWith("hugepages-");
}

/** What a node scores, of 0 to 100. Resources that the node does not have are left out. Called for every node: it allocates nothing. */
export type AllocationScore = (asked: readonly AskedResource[], node: NodeInfo) => number;

export function allocationScore(strategy: ScoringStrategy): AllocationScore {
  switch (strategy.type) {
    case "LeastAllocated":
      return (asked, node) => weightedMean(asked, node, (used, total) => (used > total ? 0 : Math.trunc(((total - used) * LARGEST_SCORE) / total)));
    case "MostAllocated":
      return (asked, node) => weightedMean(asked, node, (used, total) => Math.trunc((Math.min(used, total) * LARGEST_SCORE) / total));
    case "RequestedToCapacityRatio":
      return (asked, node) => shapedMean(asked, node, strategy.shape);
  }
}

function weightedMean(asked: readonly AskedResource[], { allocatable, scoredRequested }: NodeInfo, scoreOf: (used: number, total: number) => number): number {
  let sum = 0;
  let weights = 0;
  for (const { name, weight, amount } of asked) {
    const total = allocatable.get(name) ?? 0;
    if (total === 0) continue;
    sum += scoreOf((scoredRequested.get(name) ?? 0) + amount, total) * weight;
    weights += weight;
  }
  return weights === 0 ? 0 : Math.trunc(sum / weights);
}

/** Resources that score nothing do not pull the mean down. */
function shapedMean(asked: readonly AskedResource[], { allocatable, scoredRequested }: NodeInfo, shape: readonly ShapePoint[]): number {
  let sum = 0;
  let weights = 0;
  for (const { name, weight, amount } of asked) {
    const total = allocatable.get(name) ?? 0;
    if (total === 0) continue;
    const used = (scoredRequested.get(name) ?? 0) + amount;
    const score = shapeScore(shape, used > total ? 100 : Math.trunc((used * 100) / total));
    if (score <= 0) continue;
    sum += score * weight;
    weights += weight;
  }
  return weights === 0 ? 0 : Math.round(sum / weights);
}

/** Straight lines between the points, level beyond them. */
function shapeScore(shape: readonly ShapePoint[], utilization: number): number {
  const scale = LARGEST_SCORE / LARGEST_SHAPE_SCORE;
  const next = shape.findIndex((point) => utilization <= point.utilization);
  const to = shape[next === -1 ? shape.length - 1 : next];
  const from = next > 0 ? shape[next - 1] : to;
  if (to === undefined || from === undefined) return 0;
  if (to === from) return to.score * scale;
  const rise = (to.score - from.score) * scale * (utilization - from.utilization);
  return from.score * scale + Math.trunc(rise / (to.utilization - from.utilization));
}
