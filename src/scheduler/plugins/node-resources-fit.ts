// NodeResourcesFit: what the pod asks for must fit into what the node has left; by default emptier nodes score higher
// (https://kubernetes.io/docs/concepts/scheduling-eviction/resource-bin-packing/).
import { type Node, resourceAmounts } from "../../api/index.ts";
import type { NodeInfo } from "../node-info.ts";
import { type ClusterEvent, type Plugin, plugin, type Rejection } from "../plugin.ts";
import { type Amounts, numbers, type PodInfo } from "../pod-info.ts";
import { type AskedResource, allocationScore, askedResources, DEFAULT_RESOURCES, isSpecialResource, type ScoringStrategy } from "./allocation-scores.ts";

export interface NodeResourcesFitArgs {
  /** Extended resources that something else looks after. */
  readonly ignoredResources: readonly string[];
  /** The same by what stands before the slash. */
  readonly ignoredResourceGroups: readonly string[];
  readonly scoringStrategy: ScoringStrategy;
}

/** What must fit, by resource; none of them 0. */
type Wanted = readonly (readonly [resource: string, amount: number])[];

function wantedOf({ requests }: PodInfo, isIgnored: (resource: string) => boolean): Wanted {
  return [...requests].filter(([resource, amount]) => amount > 0 && !isIgnored(resource));
}

function whyNotFit(wanted: Wanted, { allocatable, requested, pods }: Pick<NodeInfo, "allocatable" | "requested" | "pods">): Rejection | undefined {
  let reasons: string[] | undefined;
  let resolvable = true;
  if (pods.size + 1 > (allocatable.get("pods") ?? 0)) reasons = ["Too many pods"];
  for (const [resource, amount] of wanted) {
    const total = allocatable.get(resource) ?? 0;
    if (amount <= total - (requested.get(resource) ?? 0)) continue;
    reasons ??= [];
    reasons.push(`Insufficient ${resource}`);
    if (amount > total) resolvable = false;
  }
  return reasons === undefined ? undefined : { reasons, resolvable };
}

function totalOf(node: Node): Amounts {
  return numbers(resourceAmounts(node.status?.allocatable));
}

function helps(pod: PodInfo, event: ClusterEvent, isIgnored: (resource: string) => boolean): boolean {
  const wanted = wantedOf(pod, isIgnored);
  const shrinks = (one: Amounts, old: Amounts): boolean => wanted.some(([resource]) => (old.get(resource) ?? 0) > (one.get(resource) ?? 0));
  switch (event.type) {
    case "podRemoved":
      return true;
    // A pod resized downwards frees room as well; and the pod itself may ask for less.
    case "podUpdated":
      return shrinks(event.pod.requests, event.old.requests);
    case "podChanged":
      return [...event.old.requests].some(([resource, amount]) => amount > (event.pod.requests.get(resource) ?? 0));
    case "nodeAdded":
    case "nodeUpdated": {
      const total = totalOf(event.node);
      if (whyNotFit(wanted, { allocatable: total, requested: new Map(), pods: new Map() }) !== undefined) return false;
      if (event.type === "nodeAdded") return true;
      const before = totalOf(event.old);
      return ["pods", ...wanted.map(([resource]) => resource)].some((resource) => (total.get(resource) ?? 0) > (before.get(resource) ?? 0));
    }
    default:
      return false;
  }
}

export function createNodeResourcesFit(args: Partial<NodeResourcesFitArgs> = {}): Plugin {
  const strategy: ScoringStrategy = args.scoringStrategy ?? { type: "LeastAllocated", resources: DEFAULT_RESOURCES };
  const score = allocationScore(strategy);
  const ignored = new Set(args.ignoredResources);
  const groups = new Set(args.ignoredResourceGroups);
  const isIgnored = (resource: string): boolean =>
    resource.includes("/") && isSpecialResource(resource) && (ignored.has(resource) || groups.has(resource.slice(0, resource.indexOf("/"))));
  return plugin<Wanted | readonly AskedResource[]>("NodeResourcesFit", {
    preFilter: (pod) => wantedOf(pod, isIgnored),
    filter: (_pod, node, wanted) => whyNotFit(wanted as Wanted, node),
    preScore: (pod) => askedResources(strategy.resources, pod.scoredRequests),
    score: (_pod, node, asked) => score(asked as readonly AskedResource[], node),
    helpedBy: ["podRemoved", "podUpdated", "podChanged", "nodeAdded", "nodeUpdated"],
    helps: (pod, event) => helps(pod, event, isIgnored),
  });
}
