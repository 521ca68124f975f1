// The shape of a KubeSchedulerConfiguration file, v1
// (https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/), and of the arguments of its plugins. Decoding is strict:
// it is the API's own, which names unknown fields and wrong types by their paths.
import type { DecodeTarget, FieldSchema, KubeObject, NodeAffinity, ObjectSchema, Schema, TopologySpreadConstraint } from "../../api/index.ts";
import { schemaOfDefinition } from "../../api/index.ts";

export const API_VERSION = "kubescheduler.config.k8s.io/v1";

const TEXT: Schema = { type: "string" };
const INT: Schema = { type: "int32" };
const LONG: Schema = { type: "int64" };
const BOOLEAN: Schema = { type: "boolean" };
const ANY: Schema = { type: "any" };

function list(items: Schema): Schema {
  return { type: "array", items, listType: "atomic", isDeclared: true, listMapKeys: [] };
}

function object(fields: Readonly<Record<string, Schema>>): ObjectSchema {
  const field = ([name, schema]: [string, Schema]): [string, FieldSchema] => [name, { name, schema, required: false, emitEmpty: false, omitEmpty: false }];
  return { type: "object", fields: new Map(Object.entries(fields).map(field)), preserveUnknown: false, mapType: "granular" };
}

function target<T>(kind: string, fields: Readonly<Record<string, Schema>>): DecodeTarget<T & KubeObject> {
  return { apiVersion: API_VERSION, kind, schema: object({ apiVersion: TEXT, kind: TEXT, ...fields }) };
}

/** Where a profile can list plugins. */
export const CONFIG_POINTS = [
  "preEnqueue",
  "queueSort",
  "preFilter",
  "filter",
  "postFilter",
  "preScore",
  "score",
  "reserve",
  "permit",
  "preBind",
  "bind",
  "postBind",
] as const;
export type ConfigPoint = (typeof CONFIG_POINTS)[number];

export interface ListedPlugin {
  readonly name?: string;
  readonly weight?: number;
}
export interface PluginSet {
  readonly enabled?: readonly ListedPlugin[];
  readonly disabled?: readonly ListedPlugin[];
}
export type ListedPlugins = { readonly [Point in ConfigPoint | "multiPoint"]?: PluginSet };

export interface ProfileConfiguration {
  readonly schedulerName?: string;
  readonly percentageOfNodesToScore?: number;
  readonly plugins?: ListedPlugins;
  readonly pluginConfig?: readonly { readonly name?: string; readonly args?: unknown }[];
}
export interface SchedulerConfiguration {
  readonly parallelism?: number;
  readonly leaderElection?: { readonly leaderElect?: boolean } & Readonly<Record<string, unknown>>;
  readonly clientConnection?: Readonly<Record<string, unknown>>;
  readonly enableProfiling?: boolean;
  readonly enableContentionProfiling?: boolean;
  readonly delayCacheUntilActive?: boolean;
  readonly percentageOfNodesToScore?: number;
  readonly podInitialBackoffSeconds?: number;
  readonly podMaxBackoffSeconds?: number;
  readonly profiles?: readonly ProfileConfiguration[];
  readonly extenders?: readonly unknown[];
}

const PLUGIN_SET = object({ enabled: list(object({ name: TEXT, weight: INT })), disabled: list(object({ name: TEXT, weight: INT })) });

export const configurationTarget = target<SchedulerConfiguration>("KubeSchedulerConfiguration", {
  parallelism: INT,
  leaderElection: object({
    leaderElect: BOOLEAN,
    leaseDuration: TEXT,
    renewDeadline: TEXT,
    retryPeriod: TEXT,
    resourceLock: TEXT,
    resourceName: TEXT,
    resourceNamespace: TEXT,
  }),
  clientConnection: object({ kubeconfig: TEXT, acceptContentTypes: TEXT, contentType: TEXT, qps: { type: "double" }, burst: INT }),
  enableProfiling: BOOLEAN,
  enableContentionProfiling: BOOLEAN,
  delayCacheUntilActive: BOOLEAN,
  percentageOfNodesToScore: INT,
  podInitialBackoffSeconds: LONG,
  podMaxBackoffSeconds: LONG,
  profiles: list(
    object({
      schedulerName: TEXT,
      percentageOfNodesToScore: INT,
      plugins: object(Object.fromEntries([...CONFIG_POINTS, "multiPoint"].map((point) => [point, PLUGIN_SET]))),
      pluginConfig: list(object({ name: TEXT, args: ANY })),
    }),
  ),
  extenders: list(ANY),
});

export interface ListedResource {
  readonly name?: string;
  readonly weight?: number;
}
export interface ListedShapePoint {
  readonly utilization?: number;
  readonly score?: number;
}
/** What the arguments of each plugin may say. */
export interface PluginArguments {
  DefaultPreemption: { readonly minCandidateNodesPercentage?: number; readonly minCandidateNodesAbsolute?: number };
  DynamicResources: { readonly filterTimeout?: string; readonly bindingTimeout?: string };
  InterPodAffinity: { readonly hardPodAffinityWeight?: number; readonly ignorePreferredTermsOfExistingPods?: boolean };
  NodeAffinity: { readonly addedAffinity?: NodeAffinity };
  NodeResourcesBalancedAllocation: { readonly resources?: readonly ListedResource[] };
  NodeResourcesFit: {
    readonly ignoredResources?: readonly string[];
    readonly ignoredResourceGroups?: readonly string[];
    readonly scoringStrategy?: {
      readonly type?: string;
      readonly resources?: readonly ListedResource[];
      readonly requestedToCapacityRatio?: { readonly shape?: readonly ListedShapePoint[] };
    };
  };
  PodTopologySpread: { readonly defaultingType?: string; readonly defaultConstraints?: readonly TopologySpreadConstraint[] };
  VolumeBinding: { readonly bindTimeoutSeconds?: number; readonly shape?: readonly ListedShapePoint[] };
}
export type ConfigurablePlugin = keyof PluginArguments;

const RESOURCES = list(object({ name: TEXT, weight: LONG }));
const SHAPE = list(object({ utilization: INT, score: INT }));
const FIELDS: Readonly<Record<ConfigurablePlugin, () => Readonly<Record<string, Schema>>>> = {
  DefaultPreemption: () => ({ minCandidateNodesPercentage: INT, minCandidateNodesAbsolute: INT }),
  DynamicResources: () => ({ filterTimeout: TEXT, bindingTimeout: TEXT }),
  InterPodAffinity: () => ({ hardPodAffinityWeight: INT, ignorePreferredTermsOfExistingPods: BOOLEAN }),
  NodeAffinity: () => ({ addedAffinity: schemaOfDefinition("io.k8s.api.core.v1.NodeAffinity") }),
  NodeResourcesBalancedAllocation: () => ({ resources: RESOURCES }),
  NodeResourcesFit: () => ({
    ignoredResources: list(TEXT),
    ignoredResourceGroups: list(TEXT),
    scoringStrategy: object({ type: TEXT, resources: RESOURCES, requestedToCapacityRatio: object({ shape: SHAPE }) }),
  }),
  PodTopologySpread: () => ({ defaultingType: TEXT, defaultConstraints: list(schemaOfDefinition("io.k8s.api.core.v1.TopologySpreadConstraint")) }),
  VolumeBinding: () => ({ bindTimeoutSeconds: LONG, shape: SHAPE }),
};

export function isConfigurable(plugin: string): plugin is ConfigurablePlugin {
  return Object.hasOwn(FIELDS, plugin);
}

/** The arguments of a plugin, whose kind is its name and `Args`. */
export function argumentsTarget<Name extends ConfigurablePlugin>(plugin: Name): DecodeTarget<PluginArguments[Name] & KubeObject> {
  return target(`${plugin}Args`, FIELDS[plugin]());
}
