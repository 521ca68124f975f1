// The sources of NodeMetrics and PodMetrics: what upstream's metrics-server answers, read from the kubelets
// (https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/). A node or pod that is there and not measured is
// not found under metrics-server's names.
import {
  type ContainerMetrics,
  type Kind,
  type Node,
  type NodeMetrics,
  nodeMetrics,
  nodes,
  notFoundError,
  type Pod,
  type PodMetrics,
  podMetrics,
  pods,
} from "../../api/index.ts";
import { type Env, formatDuration, formatTime, Quantity } from "../../base/index.ts";
import type { NodeConnector } from "../node-connector.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { ObjectSource, ObjectSources } from "../object-sources.ts";
import { nodeUsage, podUsage, type Usage } from "./usage.ts";
import { createUsageReader, type ReadingPair } from "./usage-reader.ts";

export interface MetricsSourcesParts {
  readonly objects: ObjectReader;
  /** Absent: no node can be reached, and nothing is known. */
  readonly nodes: NodeConnector | undefined;
}

export function createMetricsSources(env: Env, { objects, nodes: connector }: MetricsSourcesParts): ObjectSources {
  const reader = connector === undefined ? undefined : createUsageReader(env, connector);
  const read = async (of: readonly Node[]): Promise<ReadonlyMap<string, ReadingPair>> => {
    reader?.keepOnly(new Set(objects.list(nodes).map(({ metadata }) => metadata.name)));
    return (await reader?.read(of.filter(isHeardOf))) ?? new Map();
  };
  const measuredNodes = async (wanted: readonly Node[]): Promise<NodeMetrics[]> => {
    const pairs = await read(wanted);
    return wanted.flatMap((node) => describeNode(env, node, pairs.get(node.metadata.name)) ?? []);
  };
  const measuredPods = async (wanted: readonly Pod[]): Promise<PodMetrics[]> => {
    const running = wanted.filter(({ status }) => status?.phase === "Running");
    const names = new Set(running.map(({ spec }) => spec.nodeName ?? ""));
    const pairs = await read([...names].flatMap((name) => objects.get(nodes, "", name) ?? []));
    return running.flatMap((pod) => describePod(env, pod, pairs.get(pod.spec.nodeName ?? "")) ?? []);
  };
  const nodeSource: ObjectSource<NodeMetrics> = {
    get: async (_, name) => {
      const node = objects.get(nodes, "", name);
      if (node === undefined) throw notFoundError(nodes, name);
      const [metrics] = await measuredNodes([node]);
      if (metrics === undefined) throw notFoundError({ group: nodeMetrics.group, resource: "nodemetrics" }, name);
      return metrics;
    },
    list: () => measuredNodes(objects.list(nodes)),
  };
  const podSource: ObjectSource<PodMetrics> = {
    get: async (namespace, name) => {
      const pod = objects.get(pods, namespace, name);
      if (pod === undefined) throw notFoundError(pods, name);
      const [metrics] = await measuredPods([pod]);
      if (metrics === undefined) throw notFoundError({ group: podMetrics.group, resource: "podmetrics" }, `${namespace}/${name}`);
      return metrics;
    },
    list: (namespace) => measuredPods(namespace === "" ? objects.list(pods) : objects.list(pods, namespace)),
  };
  return new Map<Kind, ObjectSource>([
    [nodeMetrics, nodeSource],
    [podMetrics, podSource],
  ]);
}

/** A node that went silent would only make everybody wait. */
function isHeardOf({ status }: Node): boolean {
  return status?.conditions?.find(({ type }) => type === "Ready")?.status !== "Unknown";
}

function describeNode(env: Env, { metadata }: Node, pair: ReadingPair | undefined): NodeMetrics | undefined {
  const usage = pair && nodeUsage(pair.before, pair.after);
  if (usage === undefined) return undefined;
  return {
    apiVersion: nodeMetrics.apiVersion,
    kind: nodeMetrics.kind,
    metadata: { name: metadata.name, ...described(env, metadata.labels) },
    ...measured(usage),
    usage: amounts(usage),
  };
}

function describePod(env: Env, { metadata }: Pod, pair: ReadingPair | undefined): PodMetrics | undefined {
  const { namespace = "", name } = metadata;
  const usages = [...((pair && podUsage(pair.before, pair.after, `${namespace}/${name}`)) ?? [])];
  const [first, ...others] = usages.map(([, usage]) => usage);
  if (first === undefined) return undefined;
  const oldest = others.reduce((a, b) => (b.atMs < a.atMs ? b : a), first);
  const containers = usages.map(([container, usage]): ContainerMetrics => ({ name: container, usage: amounts(usage) }));
  return {
    apiVersion: podMetrics.apiVersion,
    kind: podMetrics.kind,
    metadata: { name, namespace, ...described(env, metadata.labels) },
    ...measured(oldest),
    containers: containers.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** What the object itself has of the one it is about; it is made at this moment. */
function described(env: Env, labels: Readonly<Record<string, string>> | undefined) {
  return { creationTimestamp: formatTime(env.clock.now()), ...(labels === undefined ? {} : { labels }) };
}

function measured({ atMs, windowMs }: Usage) {
  return { timestamp: formatTime(atMs), window: formatDuration(windowMs) };
}

function amounts({ cpuNanoCores, memoryBytes }: Usage) {
  return { cpu: new Quantity(BigInt(cpuNanoCores), "DecimalSI").toString(), memory: Quantity.fromValue(memoryBytes, "BinarySI").toString() };
}
