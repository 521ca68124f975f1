// Node (https://kubernetes.io/docs/concepts/architecture/nodes/): a machine that runs pods, registered by its kubelet.
import type { Mutable } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Node } from "../generated/types.ts";
import type { Column } from "../kind.ts";
import { nameIsDnsSubdomain } from "../names.ts";
import { nodeLabels } from "../well-known.ts";
import { validateNode, validateNodeUpdate } from "./node-validation.ts";

/** The roles that labels give the node, sorted. */
export function nodeRoles(node: Node): readonly string[] {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(nodeLabels.rolePrefix) && key.length > nodeLabels.rolePrefix.length) roles.add(key.slice(nodeLabels.rolePrefix.length));
    else if (key === nodeLabels.legacyRole && value !== "") roles.add(value);
  }
  return [...roles].sort();
}

function statusCell({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const text = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return spec.unschedulable === true ? `${text},SchedulingDisabled` : text;
}

/** The node's first address of a type (`InternalIP`, `ExternalIP`, `Hostname`). */
export function nodeAddress(node: Node, type: string): string | undefined {
  return node.status?.addresses?.find((address) => address.type === type)?.address;
}

function known(text: string | undefined): string {
  return text === undefined || text === "" ? "<unknown>" : text;
}

function kernelCell({ status }: Node): string {
  const { kernelVersion, architecture } = status?.nodeInfo ?? {};
  return architecture === undefined || architecture === "" ? known(kernelVersion) : `${known(kernelVersion)} (${architecture})`;
}

const columns: readonly Column<Node>[] = [
  nameColumn(),
  { name: "Status", type: "string", description: "Whether the node is ready for pods.", value: statusCell },
  { name: "Roles", type: "string", description: "The roles that its labels give it.", value: (node) => nodeRoles(node).join(",") || "<none>" },
  ageColumn(),
  { name: "Version", type: "string", description: "The version of its kubelet.", value: ({ status }) => status?.nodeInfo?.kubeletVersion ?? "" },
  {
    name: "Internal-IP",
    type: "string",
    priority: 1,
    description: "Its address within the cluster.",
    value: (node) => nodeAddress(node, "InternalIP") ?? "<none>",
  },
  {
    name: "External-IP",
    type: "string",
    priority: 1,
    description: "Its address outside of the cluster.",
    value: (node) => nodeAddress(node, "ExternalIP") ?? "<none>",
  },
  { name: "OS-Image", type: "string", priority: 1, description: "Its operating system.", value: ({ status }) => known(status?.nodeInfo?.osImage) },
  { name: "Kernel-Version", type: "string", priority: 1, description: "Its kernel.", value: kernelCell },
  {
    name: "Container-Runtime",
    type: "string",
    priority: 1,
    description: "Its container runtime.",
    value: ({ status }) => known(status?.nodeInfo?.containerRuntimeVersion),
  },
];

export const nodes = kind<Node>("v1", "Node", {
  columns,
  countsGeneration: false,
  validateName: nameIsDnsSubdomain,
  defaults({ spec, status }: Mutable<Node>): void {
    // The first of several ranges stands in both fields; who writes only the older one means it.
    if (spec.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
    if (status?.capacity !== undefined) status.allocatable ??= { ...status.capacity };
  },
  /** A kubelet registers its node with the status it has. */
  prepareForCreate({ spec, status }: Mutable<Node>): void {
    delete spec.configSource;
    if (status !== undefined) delete status.config;
  },
  validateCreate: validateNode,
  validateUpdate: validateNodeUpdate,
  validateStatusUpdate: validateNodeUpdate,
  selectableFields: { "spec.unschedulable": ({ spec }) => String(spec.unschedulable ?? false) },
});
