// A pod's own fields as text, for variables and files
// (https://kubernetes.io/docs/concepts/workloads/pods/downward-api/).
import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from "../../api/index.ts";
import { parseQuantity, Quantity } from "../../base/index.ts";
import { allContainers } from "../pods/pod-spec.ts";

export interface DownwardContext {
  readonly pod: Pod;
  readonly nodeIps: readonly string[];
  /** Known once the sandbox runs. */
  readonly podIps: readonly string[];
  /** What a container without limits could use. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** What the user wrote can't be resolved. */
export class DownwardApiError extends Error {
  override readonly name = "DownwardApiError";
}

export function fieldValue({ pod, nodeIps, podIps }: DownwardContext, { fieldPath }: ObjectFieldSelector): string {
  const subscripted = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(fieldPath);
  const { labels = {}, annotations = {}, name, namespace = "", uid = "" } = pod.metadata;
  if (subscripted !== null) {
    const [, path, key = ""] = subscripted;
    return (path === "metadata.labels" ? labels[key] : annotations[key]) ?? "";
  }
  switch (fieldPath) {
    case "metadata.name":
      return name;
    case "metadata.namespace":
      return namespace;
    case "metadata.uid":
      return uid;
    case "metadata.labels":
      return formatMap(labels);
    case "metadata.annotations":
      return formatMap(annotations);
    case "spec.nodeName":
      return pod.spec.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec.serviceAccountName ?? "";
    case "status.hostIP":
      return nodeIps[0] ?? "";
    case "status.hostIPs":
      return nodeIps.join(",");
    case "status.podIP":
      return podIps[0] ?? "";
    case "status.podIPs":
      return podIps.join(",");
    default:
      throw new DownwardApiError(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** `key="value"` lines, by key. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${quoted(map[key] ?? "")}`)
    .join("\n");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** A quoted text as Go writes it: printable Unicode stays, the rest is escaped. */
function quoted(text: string): string {
  let result = "";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const escaped = ESCAPES[character];
    if (escaped !== undefined) result += escaped;
    else if (code < 0x20 || code === 0x7f) result += `\\x${code.toString(16).padStart(2, "0")}`;
    else result += character;
  }
  return `"${result}"`;
}

/** In units of the divisor, rounded up. `own` is the container that asks, when no other is named. */
export function resourceValue(context: DownwardContext, selector: ResourceFieldSelector, own: Container | undefined): string {
  const { containerName = "", resource } = selector;
  const container = containerName === "" ? own : allContainers(context.pod).find(({ name }) => name === containerName);
  if (container === undefined) throw new DownwardApiError(`container ${containerName} not found`);
  const [list = "", ...rest] = resource.split(".");
  const name = rest.join(".");
  const known = ["cpu", "memory", "ephemeral-storage"].includes(name) || name.startsWith("hugepages-");
  if ((list !== "limits" && list !== "requests") || !known) throw new DownwardApiError(`unsupported container resource : ${resource}`);
  const amount = parseQuantity(amountOf(context, container, list, name));
  const asked = selector.divisor === undefined ? Quantity.zero : parseQuantity(selector.divisor);
  const divisor = asked.isZero() ? parseQuantity("1") : asked;
  const [numerator, denominator] = name === "cpu" ? [amount.milliValue(), divisor.milliValue()] : [amount.value(), divisor.value()];
  return String(Math.ceil(numerator / denominator));
}

/** A limit that is not set is the pod's, or what the node has to give. */
function amountOf({ pod, allocatable }: DownwardContext, container: Container, list: "limits" | "requests", name: string): string {
  const own = container.resources?.[list]?.[name];
  if (list === "requests") return own ?? "0";
  if (own !== undefined && !parseQuantity(own).isZero()) return own;
  return pod.spec.resources?.limits?.[name] ?? allocatable[name] ?? "0";
}
