// The Node object as the kubelet sees its node: pure functions from facts to metadata and status
// (https://kubernetes.io/docs/reference/node/node-status/).
import { type JsonValue, kubernetesVersion, type Node, type NodeCondition, type NodeStatus } from "../../api/index.ts";
import { formatTime, parseQuantity, Quantity } from "../../base/index.ts";
import type { KubeletSettings } from "../configuration/kubelet-settings.ts";
import { amountOf, type PressureCondition } from "../eviction/thresholds.ts";
import type { FilesystemUsage, NodeFacts } from "../host.ts";
import type { RuntimeHandler, RuntimeImage } from "../runtime/runtime.ts";

export interface NodeIdentity {
  readonly nodeName: string;
  readonly nodeIps: readonly string[];
  readonly kubeletPort: number;
  /** Beside the ones that every node has. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface NodeObservation {
  readonly facts: NodeFacts;
  /** Absent: the file system did not tell. */
  readonly filesystem?: FilesystemUsage;
  readonly images: readonly RuntimeImage[];
  readonly runtimeVersion: string;
  /** What the runtime can do beyond the usual, as it says itself. */
  readonly runtimeHandlers: readonly RuntimeHandler[];
  readonly supplementalGroupsPolicy?: boolean;
  readonly pressures: ReadonlySet<PressureCondition>;
  /** Why the node is not ready; empty: it is. */
  readonly problems: readonly string[];
  readonly nowMs: number;
}

const MAX_IMAGE_NAMES = 5;
/** What this kubelet can do that an older one of this minor version may not (KEP-5328). */
const DECLARED_FEATURES = ["ExtendWebSocketsToKubelet"];

export function nodeLabels({ nodeName, labels }: NodeIdentity, { architecture, operatingSystem }: NodeFacts): Record<string, string> {
  return {
    "beta.kubernetes.io/arch": architecture,
    "beta.kubernetes.io/os": operatingSystem,
    "kubernetes.io/arch": architecture,
    "kubernetes.io/hostname": nodeName,
    "kubernetes.io/os": operatingSystem,
    ...labels,
  };
}

export function nodeStatus(identity: NodeIdentity, settings: KubeletSettings, observation: NodeObservation, previous: NodeStatus | undefined): NodeStatus {
  const { runtimeHandlers, supplementalGroupsPolicy } = observation;
  const capacity = nodeCapacity(settings, observation, previous);
  return {
    capacity: { ...foreignResources(previous?.capacity), ...textsOf(capacity) },
    allocatable: { ...foreignResources(previous?.allocatable), ...textsOf(nodeAllocatable(settings, capacity)) },
    conditions: conditions(observation, previous?.conditions ?? []),
    addresses: [...identity.nodeIps.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: identity.nodeName }],
    daemonEndpoints: { kubeletEndpoint: { Port: identity.kubeletPort } },
    nodeInfo: nodeInfo(observation),
    images: nodeImages(observation.images, settings.nodeStatusMaxImages),
    ...(runtimeHandlers.length === 0 ? {} : { runtimeHandlers: runtimeHandlers.map(({ name, ...features }) => ({ name, features })) }),
    ...(supplementalGroupsPolicy === undefined ? {} : { features: { supplementalGroupsPolicy } }),
    declaredFeatures: DECLARED_FEATURES,
  };
}

/** Extended resources that others have put there stay. */
function foreignResources(resources: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(resources ?? {}).filter(([name]) => name.includes("/")));
}

export function nodeCapacity(
  settings: KubeletSettings,
  { facts, filesystem }: Pick<NodeObservation, "facts" | "filesystem">,
  previous?: NodeStatus,
): Map<string, Quantity> {
  const capacity = new Map<string, Quantity>();
  for (const [sizeBytes, count] of [...facts.hugePages].sort(([a], [b]) => b - a)) {
    capacity.set(`hugepages-${Quantity.fromValue(sizeBytes, "BinarySI")}`, Quantity.fromValue(sizeBytes * count, "BinarySI"));
  }
  const { maxPods, podsPerCore } = settings;
  capacity.set("pods", Quantity.fromValue(podsPerCore > 0 ? Math.min(maxPods, podsPerCore * facts.cpuCount) : maxPods));
  capacity.set("cpu", Quantity.fromValue(facts.cpuCount));
  const known = previous?.capacity?.["ephemeral-storage"];
  if (filesystem !== undefined) capacity.set("ephemeral-storage", kibibytes(filesystem.capacityBytes));
  else if (known !== undefined) capacity.set("ephemeral-storage", parseQuantity(known));
  capacity.set("memory", kibibytes(facts.memoryBytes));
  return capacity;
}

/** In the canonical form, so that what the API server stores compares equal. */
function kibibytes(bytes: number): Quantity {
  return Quantity.fromValue(Math.floor(bytes / 1024) * 1024, "BinarySI");
}

/**
 * The capacity less what is reserved and what hard eviction keeps free
 * (https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/#node-allocatable).
 */
export function nodeAllocatable(
  { reserved, eviction }: Pick<KubeletSettings, "reserved" | "eviction">,
  capacity: ReadonlyMap<string, Quantity>,
): Map<string, Quantity> {
  const keptFree = new Map<string, number>();
  for (const { signal, value, gracePeriodMs } of eviction.thresholds) {
    const name = signal === "memory.available" ? "memory" : signal === "nodefs.available" ? "ephemeral-storage" : undefined;
    if (name === undefined || gracePeriodMs > 0) continue;
    keptFree.set(name, amountOf(value, capacity.get(name)?.value() ?? 0));
  }
  const allocatable = new Map<string, Quantity>();
  for (const [name, amount] of capacity) {
    const rest = amount.subtract(reserved.get(name) ?? Quantity.zero).subtract(Quantity.fromValue(keptFree.get(name) ?? 0));
    allocatable.set(name, atLeastZero(rest));
  }
  // Huge pages are memory that nothing else can have.
  for (const [name, amount] of capacity) {
    const memory = allocatable.get("memory");
    if (name.startsWith("hugepages-") && memory !== undefined) allocatable.set("memory", atLeastZero(memory.subtract(amount)));
  }
  return allocatable;
}

function atLeastZero(quantity: Quantity): Quantity {
  return quantity.nanos < 0n ? Quantity.zero : quantity;
}

function textsOf(amounts: ReadonlyMap<string, Quantity>): Record<string, string> {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, amount.toString()]));
}

function nodeInfo({ facts, runtimeVersion }: NodeObservation): NonNullable<NodeStatus["nodeInfo"]> {
  return {
    machineID: facts.machineId,
    systemUUID: facts.systemUuid,
    bootID: facts.bootId,
    kernelVersion: facts.kernelVersion,
    osImage: facts.osImage,
    containerRuntimeVersion: runtimeVersion,
    kubeletVersion: kubernetesVersion,
    kubeProxyVersion: "",
    operatingSystem: facts.operatingSystem,
    architecture: facts.architecture,
    ...(facts.swapBytes > 0 ? { swap: { capacity: facts.swapBytes } } : {}),
  };
}

/** Condition, and reason and message when it is so and when it is not. */
const PRESSURES: readonly (readonly [PressureCondition, readonly [string, string], readonly [string, string]])[] = [
  [
    "MemoryPressure",
    ["KubeletHasInsufficientMemory", "kubelet has insufficient memory available"],
    ["KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
  ],
  ["DiskPressure", ["KubeletHasDiskPressure", "kubelet has disk pressure"], ["KubeletHasNoDiskPressure", "kubelet has no disk pressure"]],
  ["PIDPressure", ["KubeletHasInsufficientPID", "kubelet has insufficient PID available"], ["KubeletHasSufficientPID", "kubelet has sufficient PID available"]],
];

function conditions({ pressures, problems, nowMs }: NodeObservation, previous: readonly NodeCondition[]): NodeCondition[] {
  const now = formatTime(nowMs);
  const condition = (type: string, status: "True" | "False", [reason, message]: readonly [string, string]): NodeCondition => {
    const old = previous.find((candidate) => candidate.type === type);
    const lastTransitionTime = old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : now;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message };
  };
  return [
    ...PRESSURES.map(([type, yes, no]) => (pressures.has(type) ? condition(type, "True", yes) : condition(type, "False", no))),
    problems.length === 0
      ? condition("Ready", "True", ["KubeletReady", "kubelet is posting ready status"])
      : condition("Ready", "False", ["KubeletNotReady", problems.length === 1 ? (problems[0] ?? "") : `[${problems.join(", ")}]`]),
  ];
}

function nodeImages(images: readonly RuntimeImage[], limit: number): NonNullable<NodeStatus["images"]> {
  return [...images]
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, limit)
    .map(({ repoDigests, repoTags, sizeBytes }) => ({ names: [...repoDigests, ...repoTags].slice(0, MAX_IMAGE_NAMES), sizeBytes }));
}

/** What the stored status has and the wanted one has not, as nulls that a merge patch takes away. What others report stays. */
export function staleStatus(stored: NodeStatus | undefined, wanted: NodeStatus): Record<string, JsonValue> {
  const missing = (of: object | undefined, kept: object | undefined): string[] => Object.keys(of ?? {}).filter((name) => !(name in (kept ?? {})));
  const stale: Record<string, JsonValue> = {};
  for (const field of ["runtimeHandlers", "features", "declaredFeatures"] as const) {
    if (stored?.[field] !== undefined && wanted[field] === undefined) stale[field] = null;
  }
  for (const field of ["capacity", "allocatable", "nodeInfo"] as const) {
    const names = missing(stored?.[field], wanted[field]);
    if (names.length > 0) stale[field] = { ...(wanted[field] as Record<string, JsonValue>), ...Object.fromEntries(names.map((name) => [name, null])) };
  }
  return stale;
}

/** Whether anything but the heartbeat differs. */
export function nodeStatusChanged(stored: NodeStatus | undefined, wanted: NodeStatus): boolean {
  const withoutHeartbeat = (status: NodeStatus): unknown => ({
    ...wantedFields(status),
    conditions: (status.conditions ?? [])
      .filter(({ type }) => ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"].includes(type))
      .map(({ type, status: value, reason, message }) => [type, value, reason, message])
      .sort(),
  });
  return stored === undefined || canonical(withoutHeartbeat(stored)) !== canonical(withoutHeartbeat(wanted));
}

function wantedFields({ conditions: _compared, volumesInUse, volumesAttached, config, phase, ...rest }: NodeStatus): object {
  const { images, ...others } = rest;
  return { ...others, images: images ?? [] };
}

/** JSON with ordered keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}

export function newNode(identity: NodeIdentity, settings: KubeletSettings, facts: NodeFacts, status: NodeStatus): Node {
  const { registerWithTaints: taints, providerId } = settings;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: identity.nodeName, labels: nodeLabels(identity, facts) },
    spec: { ...(taints.length === 0 ? {} : { taints: [...taints] }), ...(providerId === "" ? {} : { providerID: providerId }) },
    status,
  };
}
