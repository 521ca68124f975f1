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

/** Of one resource: what the node has, what its pods have asked for, and with the new pod. */
export interface Usage extends ResourceWeight {
  readonly total: number;
  readonly before: number;
  readonly used: number;
}

/** Resources that the node does not have are left out, and special ones that the pod does not ask for. */
export function usageOf(resources: readonly ResourceWeight[], asked: Amounts, node: NodeInfo, requested: Amounts): Usage[] {
  const usage: Usage[] = [];
  for (const { name, weight } of resources) {
    const wanted = asked.get(name) ?? 0;
    const total = node.allocatable.get(name) ?? 0;
    if (total === 0 || (wanted === 0 && isSpecialResource(name))) continue;
    const before = requested.get(name) ?? 0;
    usage.push({ name, weight, total, before, used: before + wanted });
  }
  return usage;
}

/** Neither of the node itself nor of every pod: extended resources, huge pages. */
export function isSpecialResource(name: string): boolean {
  return name.includes("/") || name.startsWith("hugepages-");
}

/** Of 0 to 100. */
export function allocationScore(strategy: ScoringStrategy): (usage: readonly Usage[]) => number {
  switch (strategy.type) {
    case "LeastAllocated":
      return (usage) => weightedMean(usage, ({ used, total }) => (used > total ? 0 : Math.trunc(((total - used) * LARGEST_SCORE) / total)));
    case "MostAllocated":
      return (usage) => weightedMean(usage, ({ used, total }) => Math.trunc((Math.min(used, total) * LARGEST_SCORE) / total));
    case "RequestedToCapacityRatio":
      return (usage) => shapedMean(usage, strategy.shape);
  }
}

function weightedMean(usage: readonly Usage[], scoreOf: (usage: Usage) => number): number {
  let sum = 0;
  let weights = 0;
  for (const resource of usage) {
    sum += scoreOf(resource) * resource.weight;
    weights += resource.weight;
  }
  return weights === 0 ? 0 : Math.trunc(sum / weights);
}

/** Resources that score nothing do not pull the mean down. */
function shapedMean(usage: readonly Usage[], shape: readonly ShapePoint[]): number {
  const scored = usage.map(({ used, total, weight }) => ({ weight, score: shapeScore(shape, used > total ? 100 : Math.trunc((used * 100) / total)) }));
  const counted = scored.filter(({ score }) => score > 0);
  const weights = counted.reduce((sum, { weight }) => sum + weight, 0);
  return weights === 0 ? 0 : Math.round(counted.reduce((sum, { score, weight }) => sum + score * weight, 0) / weights);
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
