// Every plugin by its name, made from the arguments that a configuration gives it: checked as kube-scheduler checks them, and
// completed with its defaults (https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/).
import {
  checkNodeSelector,
  checkQualifiedName,
  duplicate,
  type FieldError,
  type FieldPath,
  forbidden,
  invalid,
  notSupported,
  required,
  type TopologySpreadConstraint,
} from "../../api/index.ts";
import { type Plugin, plugin } from "../plugin.ts";
import { DEFAULT_RESOURCES, type ResourceWeight, type ScoringStrategy } from "../plugins/allocation-scores.ts";
import { createDefaultPreemption } from "../plugins/default-preemption.ts";
import { dynamicResources } from "../plugins/dynamic-resources.ts";
import { imageLocality } from "../plugins/image-locality.ts";
import { createInterPodAffinity } from "../plugins/inter-pod-affinity.ts";
import { createNodeAffinity } from "../plugins/node-affinity.ts";
import { nodeDeclaredFeatures } from "../plugins/node-declared-features.ts";
import { nodeName } from "../plugins/node-name.ts";
import { nodePorts } from "../plugins/node-ports.ts";
import { createNodeResourcesBalancedAllocation } from "../plugins/node-resources-balanced-allocation.ts";
import { createNodeResourcesFit } from "../plugins/node-resources-fit.ts";
import { nodeUnschedulable } from "../plugins/node-unschedulable.ts";
import { nodeVolumeLimits } from "../plugins/node-volume-limits.ts";
import { createPodTopologySpread } from "../plugins/pod-topology-spread.ts";
import { schedulingGates } from "../plugins/scheduling-gates.ts";
import { taintToleration } from "../plugins/taint-toleration.ts";
import { createVolumeBinding } from "../plugins/volume-binding.ts";
import { volumeRestrictions } from "../plugins/volume-restrictions.ts";
import { volumeZone } from "../plugins/volume-zone.ts";
import type { ConfigurablePlugin, ListedResource, ListedShapePoint, PluginArguments } from "./schema.ts";

/** The order of the queue and the binding are the scheduler's own in every profile; their plugins only have names. */
export const PRIORITY_SORT = "PrioritySort";
export const DEFAULT_BINDER = "DefaultBinder";

export const plainPlugins: ReadonlyMap<string, Plugin> = new Map(
  [
    schedulingGates,
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodePorts,
    volumeRestrictions,
    nodeVolumeLimits,
    volumeZone,
    imageLocality,
    nodeDeclaredFeatures,
    plugin(PRIORITY_SORT, {}),
    plugin(DEFAULT_BINDER, {}),
  ].map((known) => [known.name, known]),
);

interface Configurable<Args> {
  /** What is wrong with the arguments. */
  readonly check: (args: Args, path: FieldPath) => FieldError[];
  readonly create: (args: Args) => Plugin;
}

export const configurablePlugins: { readonly [Name in ConfigurablePlugin]: Configurable<PluginArguments[Name]> } = {
  DefaultPreemption: {
    check: ({ minCandidateNodesPercentage: percentage = 10, minCandidateNodesAbsolute: absolute = 100 }, path) => {
      const [ofPercentage, ofAbsolute] = [path.child("minCandidateNodesPercentage"), path.child("minCandidateNodesAbsolute")];
      const errors: FieldError[] = [];
      if (percentage < 0 || percentage > 100) errors.push(invalid(ofPercentage, percentage, "not in valid range [0, 100]"));
      if (absolute < 0) errors.push(invalid(ofAbsolute, absolute, "not in valid range [0, inf)"));
      if (percentage !== 0 || absolute !== 0) return errors;
      return [
        ...errors,
        invalid(ofPercentage, percentage, "cannot be zero at the same time as minCandidateNodesAbsolute"),
        invalid(ofAbsolute, absolute, "cannot be zero at the same time as minCandidateNodesPercentage"),
      ];
    },
    create: createDefaultPreemption,
  },
  DynamicResources: {
    check: ({ filterTimeout, bindingTimeout }, path) => [
      ...(filterTimeout === undefined ? [] : [forbidden(path.child("filterTimeout"), "this scheduler does not allocate devices")]),
      ...(bindingTimeout === undefined ? [] : [forbidden(path.child("bindingTimeout"), "this scheduler does not allocate devices")]),
    ],
    create: () => dynamicResources,
  },
  InterPodAffinity: {
    check: ({ hardPodAffinityWeight: weight = 1 }, path) =>
      weight < 0 || weight > 100 ? [invalid(path.child("hardPodAffinityWeight"), weight, "not in valid range [0, 100]")] : [],
    create: createInterPodAffinity,
  },
  NodeAffinity: {
    check: ({ addedAffinity }, path) => {
      const wanted = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
      return wanted === undefined ? [] : checkNodeSelector(path.child("addedAffinity", "requiredDuringSchedulingIgnoredDuringExecution"), wanted);
    },
    create: createNodeAffinity,
  },
  NodeResourcesBalancedAllocation: {
    check: ({ resources = [] }, path) =>
      resources.flatMap(({ name = "", weight = 1 }, index) => {
        const at = path.child("resources").index(index);
        const isAgain = resources.findIndex((other) => (other.name ?? "") === name) < index;
        return [
          ...(isAgain ? [duplicate(at.child("name"), name)] : []),
          ...(weight === 1 || weight === 0 ? [] : [invalid(at.child("weight"), weight, "must be 1")]),
        ];
      }),
    create: ({ resources }) => createNodeResourcesBalancedAllocation({ resources: weighted(resources) }),
  },
  NodeResourcesFit: {
    check: checkFit,
    create: ({ scoringStrategy, ...args }) => createNodeResourcesFit({ ...args, scoringStrategy: strategyOf(scoringStrategy) }),
  },
  PodTopologySpread: {
    check: checkSpread,
    create: ({ defaultingType, defaultConstraints }) =>
      createPodTopologySpread(defaultingType === "List" ? { defaultingType, ...(defaultConstraints && { defaultConstraints }) } : {}),
  },
  VolumeBinding: {
    check: ({ bindTimeoutSeconds = 0, shape }, path) => [
      ...(bindTimeoutSeconds < 0
        ? [invalid(path.child("bindTimeoutSeconds"), bindTimeoutSeconds, "invalid BindTimeoutSeconds, should not be a negative value")]
        : []),
      ...(shape === undefined
        ? []
        : [invalid(path.child("shape"), shape, "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring")]),
    ],
    create: createVolumeBinding,
  },
};

/** No weight, or one of 0, is 1. */
function weighted(resources: readonly ListedResource[] = []): readonly ResourceWeight[] {
  return resources.length === 0 ? DEFAULT_RESOURCES : resources.map(({ name = "", weight = 1 }) => ({ name, weight: weight === 0 ? 1 : weight }));
}

type FitArguments = PluginArguments["NodeResourcesFit"];
const STRATEGIES = ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] as const;

function strategyOf(strategy: FitArguments["scoringStrategy"]): ScoringStrategy {
  const resources = weighted(strategy?.resources);
  if (strategy?.type === "MostAllocated") return { type: "MostAllocated", resources };
  if (strategy?.type !== "RequestedToCapacityRatio") return { type: "LeastAllocated", resources };
  const shape = (strategy.requestedToCapacityRatio?.shape ?? []).map(({ utilization = 0, score = 0 }) => ({ utilization, score }));
  return { type: "RequestedToCapacityRatio", resources, shape };
}

function checkFit({ ignoredResources = [], ignoredResourceGroups = [], scoringStrategy: strategy }: FitArguments, path: FieldPath): FieldError[] {
  const isLabel = (at: FieldPath, name: string): FieldError[] => checkQualifiedName(name).map((problem) => invalid(at, name, problem));
  const errors = ignoredResources.flatMap((name, index) => isLabel(path.child("ignoredResources").index(index), name));
  for (const [index, group] of ignoredResourceGroups.entries()) {
    const at = path.child("ignoredResourceGroups").index(index);
    if (group.includes("/")) errors.push(invalid(at, group, "resource group name can't contain '/'"));
    errors.push(...isLabel(at, group));
  }
  if (strategy === undefined) return errors;
  const at = path.child("scoringStrategy");
  const type = STRATEGIES.find((known) => known === strategy.type);
  if (type === undefined) errors.push(notSupported(at.child("type"), strategy.type ?? "", STRATEGIES));
  for (const [index, { name, weight }] of weighted(strategy.resources).entries()) {
    const isWrong = weight < 0 || weight > 100;
    if (isWrong) errors.push(invalid(at.child("resources").index(index).child("weight"), weight, `resource weight of ${name} not in valid range (0, 100]`));
  }
  const ofRatio = at.child("requestedToCapacityRatio");
  const ratio = strategy.requestedToCapacityRatio;
  if (type !== "RequestedToCapacityRatio")
    return ratio === undefined ? errors : [...errors, forbidden(ofRatio, "must be nil when type is not RequestedToCapacityRatio")];
  if (ratio === undefined) return [...errors, required(ofRatio, "must be specified when type is RequestedToCapacityRatio")];
  return [...errors, ...checkShape(ratio.shape ?? [], ofRatio.child("shape"))];
}

function checkShape(shape: readonly ListedShapePoint[], path: FieldPath): FieldError[] {
  if (shape.length === 0) return [required(path, "at least one point must be specified")];
  const errors: FieldError[] = [];
  const unsorted = shape.findIndex(({ utilization = 0 }, index) => index > 0 && (shape[index - 1]?.utilization ?? 0) >= utilization);
  if (unsorted > 0)
    errors.push(invalid(path.index(unsorted).child("utilization"), shape[unsorted]?.utilization ?? 0, "values must be sorted in increasing order"));
  for (const [index, { utilization = 0, score = 0 }] of shape.entries()) {
    if (utilization < 0 || utilization > 100) errors.push(invalid(path.index(index).child("utilization"), utilization, "not in valid range [0, 100]"));
    if (score < 0 || score > 10) errors.push(invalid(path.index(index).child("score"), score, "not in valid range [0, 10]"));
  }
  return errors;
}

function checkSpread({ defaultingType: type = "System", defaultConstraints = [] }: PluginArguments["PodTopologySpread"], path: FieldPath): FieldError[] {
  const ofType = path.child("defaultingType");
  const errors: FieldError[] = [];
  if (type !== "System" && type !== "List") errors.push(notSupported(ofType, type, ["System", "List"]));
  else if (type === "System" && defaultConstraints.length > 0) errors.push(invalid(ofType, type, "when .defaultConstraints are not empty"));
  return [
    ...errors,
    ...defaultConstraints.flatMap((constraint, index) => checkConstraint(constraint, index, defaultConstraints, path.child("defaultConstraints"))),
  ];
}

function checkConstraint(
  { maxSkew = 0, topologyKey = "", whenUnsatisfiable = "", labelSelector }: Partial<TopologySpreadConstraint>,
  index: number,
  all: readonly TopologySpreadConstraint[],
  list: FieldPath,
): FieldError[] {
  const path = list.index(index);
  const errors: FieldError[] = [];
  if (maxSkew <= 0) errors.push(invalid(path.child("maxSkew"), maxSkew, "not in valid range (0, inf)"));
  if (topologyKey === "") errors.push(required(path.child("topologyKey"), "can not be empty"));
  else errors.push(...checkQualifiedName(topologyKey).map((problem) => invalid(path.child("topologyKey"), topologyKey, problem)));
  const actions = ["DoNotSchedule", "ScheduleAnyway"];
  if (whenUnsatisfiable === "") errors.push(required(path.child("whenUnsatisfiable"), "can not be empty"));
  else if (!actions.includes(whenUnsatisfiable)) errors.push(notSupported(path.child("whenUnsatisfiable"), whenUnsatisfiable, actions));
  if (labelSelector !== undefined) errors.push(forbidden(path.child("labelSelector"), "constraint must not define a selector, as they deduced for each pod"));
  const isAgain = all.slice(0, index).some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
  if (isAgain) errors.push(duplicate(path, `{${topologyKey}, ${whenUnsatisfiable}}`));
  return errors;
}
