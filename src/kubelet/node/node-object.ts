// The Node object as the kubelet sees its node: pure functions from facts to metadata and status
// (https://kubernetes.io/docs/reference/node/node-status/).
import { kubernetesVersion, type Node, type NodeCondition, type NodeStatus } from "../../api/index.ts";
import { formatTime, Quantity } from "../../base/index.ts";
import type { FilesystemUsage, NodeFacts } from "../host.ts";
import type { RuntimeImage } from "../runtime/runtime.ts";

export interface NodeIdentity {
  readonly nodeName: string;
  readonly nodeIps: readonly string[];
  readonly maxPods: number;
  readonly kubeletPort: number;
  /** Beside the ones that every node has. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface NodeObservation {
  readonly facts: NodeFacts;
  readonly filesystem: FilesystemUsage;
  readonly images: readonly RuntimeImage[];
  readonly runtimeVersion: string;
  /** Why the node is not ready; empty: it is. */
  readonly problems: readonly string[];
  readonly nowMs: number;
}

const RESERVED_MEMORY_BYTES = 100 * 2 ** 20;
/** Of the disk: the rest is left for eviction to act in. */
const USABLE_STORAGE = 0.9;
const MAX_IMAGES = 50;
const MAX_IMAGE_NAMES = 5;
const PRESSURE_BYTES = 100 * 2 ** 20;

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

export function nodeStatus(identity: NodeIdentity, observation: NodeObservation, previous: NodeStatus | undefined): NodeStatus {
  const { facts, filesystem } = observation;
  // In the canonical form, so that what the API server stores compares equal.
  const kibibytes = (bytes: number): string => Quantity.fromValue(Math.floor(bytes / 1024) * 1024, "BinarySI").toString();
  const shared = { "hugepages-1Gi": "0", "hugepages-2Mi": "0", pods: String(identity.maxPods), cpu: String(facts.cpuCount) };
  const capacity = { ...shared, "ephemeral-storage": kibibytes(filesystem.capacityBytes), memory: kibibytes(facts.memoryBytes) };
  const allocatable = {
    ...shared,
    "ephemeral-storage": Quantity.fromValue(Math.floor(filesystem.capacityBytes * USABLE_STORAGE)).toString(),
    memory: kibibytes(Math.max(0, facts.memoryBytes - RESERVED_MEMORY_BYTES)),
  };
  return {
    capacity: { ...foreignResources(previous?.capacity), ...capacity },
    allocatable: { ...foreignResources(previous?.allocatable), ...allocatable },
    conditions: conditions(observation, previous?.conditions ?? []),
    addresses: [...identity.nodeIps.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: identity.nodeName }],
    daemonEndpoints: { kubeletEndpoint: { Port: identity.kubeletPort } },
    nodeInfo: nodeInfo(observation),
    images: nodeImages(observation.images),
    runtimeHandlers: [{ name: "", features: { recursiveReadOnlyMounts: false, userNamespaces: false } }],
    features: { supplementalGroupsPolicy: false },
  };
}

/** Extended resources that others have put there stay. */
function foreignResources(resources: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(resources ?? {}).filter(([name]) => name.includes("/")));
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
  };
}

function conditions({ facts, filesystem, problems, nowMs }: NodeObservation, previous: readonly NodeCondition[]): NodeCondition[] {
  const diskIsShort = filesystem.availableBytes < Math.max(PRESSURE_BYTES, filesystem.capacityBytes * 0.05) || filesystem.inodesFree === 0;
  const now = formatTime(nowMs);
  const condition = (type: string, status: "True" | "False", reason: string, message: string): NodeCondition => {
    const old = previous.find((candidate) => candidate.type === type);
    const lastTransitionTime = old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : now;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message };
  };
  return [
    facts.memoryBytes > 0
      ? condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available")
      : condition("MemoryPressure", "True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    diskIsShort
      ? condition("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure")
      : condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    problems.length === 0
      ? condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
      : condition("Ready", "False", "KubeletNotReady", problems.length === 1 ? (problems[0] ?? "") : `[${problems.join(", ")}]`),
  ];
}

function nodeImages(images: readonly RuntimeImage[]): NonNullable<NodeStatus["images"]> {
  return [...images]
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, MAX_IMAGES)
    .map(({ repoDigests, repoTags, sizeBytes }) => ({ names: [...repoDigests, ...repoTags].slice(0, MAX_IMAGE_NAMES), sizeBytes }));
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

function wantedFields({ capacity, allocatable, addresses, daemonEndpoints, nodeInfo: info, images }: NodeStatus): object {
  return { capacity, allocatable, addresses, daemonEndpoints, nodeInfo: info, images: images ?? [] };
}

/** JSON with ordered keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}

export function newNode(identity: NodeIdentity, facts: NodeFacts, status: NodeStatus, taints: NonNullable<Node["spec"]["taints"]>): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: identity.nodeName, labels: nodeLabels(identity, facts) },
    spec: taints.length === 0 ? {} : { taints },
    status,
  };
}
