// What is allowed in a pod and yet most likely a mistake; told, as warnings, to who writes a pod or a template of pods
// (https://kubernetes.io/blog/2020/09/03/warnings/). The texts are those that upstream's server has.
import { tryParseQuantity } from "../../base/index.ts";
import type { FieldPath } from "../field-errors.ts";
import type { Affinity, Container, ContainerPort, NodeSelectorTerm, PodSpec, PodTemplateSpec } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { checkDnsLabel } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { containersWithPath } from "./pod-containers.ts";
import { volumeWarnings } from "./pod-volume-warnings.ts";
import { profileAnnotationWarnings } from "./profile-annotations.ts";

const DEPRECATED_NODE_LABELS: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  "app.kubernetes.io/created-by": "deprecated since v1.9",
  "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
  "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
};
const DEPRECATED_ANNOTATIONS: Readonly<Record<string, string>> = {
  "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
  "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
  "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
};
const NO_POD = "a null labelSelector results in matching no pod";

interface Placed<T> {
  readonly path: FieldPath;
  readonly value: T;
}

/** A name that does for a DNS label does for the host names that are made of it. `use` says what it is used for. */
export function nameWarnings({ metadata }: KubeObject, use = "this is used in Pod names and hostnames"): string[] {
  const problems = checkDnsLabel(metadata.name ?? "");
  if (problems.length === 0) return [];
  return [`metadata.name: ${use}, which can result in surprising behavior; a DNS label is recommended: [${problems.join(" ")}]`];
}

/** Of a template, where it is new or changed. */
export function templateWarnings(path: FieldPath, template: PodTemplateSpec | undefined, old?: PodTemplateSpec): string[] {
  if (template === undefined || (old !== undefined && sameValue(template, old))) return [];
  return podWarnings(path, template);
}

/** `path` is that of the template, empty for a pod. */
export function podWarnings(path: FieldPath, { metadata, spec }: Pick<PodTemplateSpec, "metadata" | "spec">): string[] {
  const at = path.child("spec");
  const containers = containersWithPath(at, spec).map(([place, value]) => ({ path: place, value }));
  const annotations = metadata?.annotations ?? {};
  const grace = spec.terminationGracePeriodSeconds ?? 0;
  return [
    ...nodeLabelWarnings(at, spec),
    ...Object.entries(DEPRECATED_ANNOTATIONS).flatMap(([key, text]) =>
      Object.hasOwn(annotations, key) ? [`${path.child("metadata", "annotations").key(key)}: ${text}`] : [],
    ),
    ...volumeWarnings(at.child("volumes"), spec.volumes ?? []),
    ...repeated(
      at.child("hostAliases"),
      "ip",
      (spec.hostAliases ?? []).map(({ ip }) => ip),
    ),
    ...repeated(
      at.child("imagePullSecrets"),
      "name",
      (spec.imagePullSecrets ?? []).map(({ name = "" }) => name),
    ),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name = "" }, index) =>
      name === "" ? [`${at.child("imagePullSecrets").index(index).child("name")}: invalid empty name ""`] : [],
    ),
    ...fractions(at.child("overhead"), spec.overhead),
    ...profileAnnotationWarnings(path, { metadata, spec }),
    ...containers.flatMap(containerWarnings),
    ...portWarnings(containers),
    ...(grace < 0 ? [`${at.child("terminationGracePeriodSeconds")}: must be >= 0; negative values are invalid and will be treated as 1`] : []),
    ...podAffinityWarnings(at.child("affinity"), spec.affinity),
  ];
}

function nodeLabelWarnings(path: FieldPath, { nodeSelector = {}, affinity, topologySpreadConstraints = [] }: PodSpec): string[] {
  const node = path.child("affinity", "nodeAffinity");
  const needed = node.child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
  const preferred = node.child("preferredDuringSchedulingIgnoredDuringExecution");
  const { requiredDuringSchedulingIgnoredDuringExecution: terms, preferredDuringSchedulingIgnoredDuringExecution: wishes = [] } = affinity?.nodeAffinity ?? {};
  return [
    ...Object.keys(nodeSelector).flatMap((key) =>
      DEPRECATED_NODE_LABELS[key] === undefined ? [] : [`${path.child("nodeSelector").key(key)}: ${DEPRECATED_NODE_LABELS[key]}`],
    ),
    ...(terms?.nodeSelectorTerms ?? []).flatMap((term, index) => termWarnings(needed.index(index), term)),
    ...wishes.flatMap(({ preference }, index) => termWarnings(preferred.index(index).child("preference"), preference)),
    ...topologySpreadConstraints.flatMap(({ topologyKey, labelSelector }, index) => {
      const at = path.child("topologySpreadConstraints").index(index);
      return [...labelWarning(at.child("topologyKey"), topologyKey), ...(labelSelector === undefined ? [`${at.child("labelSelector")}: ${NO_POD}`] : [])];
    }),
  ];
}

function termWarnings(path: FieldPath, { matchExpressions = [] }: NodeSelectorTerm): string[] {
  return matchExpressions.flatMap(({ key }, index) => labelWarning(path.child("matchExpressions").index(index).child("key"), key));
}

function labelWarning(path: FieldPath, key: string): string[] {
  const text = DEPRECATED_NODE_LABELS[key];
  return text === undefined ? [] : [`${path}: ${key} is ${text}`];
}

function podAffinityWarnings(path: FieldPath, affinity: Affinity | undefined): string[] {
  return (["podAffinity", "podAntiAffinity"] as const).flatMap((sort) => {
    const { requiredDuringSchedulingIgnoredDuringExecution: needed = [], preferredDuringSchedulingIgnoredDuringExecution: preferred = [] } =
      affinity?.[sort] ?? {};
    const at = (list: string, index: number): FieldPath => path.child(sort, list).index(index);
    return [
      ...needed.flatMap(({ labelSelector }, index) =>
        labelSelector === undefined ? [`${at("requiredDuringSchedulingIgnoredDuringExecution", index).child("labelSelector")}: ${NO_POD}`] : [],
      ),
      ...preferred.flatMap(({ podAffinityTerm }, index) =>
        podAffinityTerm.labelSelector === undefined
          ? [`${at("preferredDuringSchedulingIgnoredDuringExecution", index).child("podAffinityTerm", "labelSelector")}: ${NO_POD}`]
          : [],
      ),
    ];
  });
}

function repeated(path: FieldPath, field: string, values: readonly string[]): string[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [`${path.index(index).child(field)}: duplicate ${field} ${JSON.stringify(value)}`] : [],
  );
}

/** Bytes cannot be divided. */
function fractions(path: FieldPath, amounts: Readonly<Record<string, string>> | undefined): string[] {
  return ["memory", "ephemeral-storage"].flatMap((name) => {
    const quantity = tryParseQuantity(amounts?.[name] ?? "");
    if (quantity === undefined || quantity.milliValue() % 1000 === 0) return [];
    return [`${path.key(name)}: fractional byte value ${JSON.stringify(quantity.toString())} is invalid, must be an integer`];
  });
}

function containerWarnings({ path, value: { resources, env = [] } }: Placed<Container>): string[] {
  return [
    ...fractions(path.child("resources", "limits"), resources?.limits),
    ...fractions(path.child("resources", "requests"), resources?.requests),
    ...env.flatMap(({ name, value = "", valueFrom }, index) => {
      const reference = `$(${name})`;
      const buildsOn = valueFrom === undefined && value !== reference && value.includes(reference);
      const isFirst = env.findIndex((earlier) => earlier.name === name) === index;
      return isFirst || buildsOn
        ? []
        : [`${path.child("env").index(index)}: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`];
    }),
  ];
}

function portWarnings(containers: readonly Placed<Container>[]): string[] {
  const ports = containers.flatMap(({ path, value }) => (value.ports ?? []).map((port, index) => ({ path: path.child("ports").index(index), value: port })));
  const conflicts = ports.flatMap(({ path, value }, index) => {
    const { name = "", hostPort = 0, containerPort, protocol = "TCP", hostIP = "" } = value;
    const printed = `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
    return [
      ...(hostIP !== "" && hostPort === 0 ? [`${path}: hostIP set without hostPort: ${printed}`] : []),
      ...ports.slice(0, index).flatMap((other) => portConflict({ path, value }, other)),
    ];
  });
  const names = ports.flatMap(({ path, value: { name = "" } }, index) => {
    const first = ports.slice(0, index).find((other) => name !== "" && other.value.name === name)?.path;
    if (first === undefined) return [];
    return [`${path}: duplicate port name ${JSON.stringify(name)} with ${first}, services and probes that select ports by name will use ${first}`];
  });
  return [...conflicts, ...names];
}

function portConflict({ path, value: port }: Placed<ContainerPort>, other: Placed<ContainerPort>): string[] {
  const [address, otherAddress] = [port.hostIP ?? "", other.value.hostIP ?? ""];
  const [hostPort, otherHostPort] = [port.hostPort ?? 0, other.value.hostPort ?? 0];
  if (port.containerPort !== other.value.containerPort || (port.protocol ?? "TCP") !== (other.value.protocol ?? "TCP")) return [];
  if (address === otherAddress && hostPort === otherHostPort) return [`${path}: duplicate port definition with ${other.path}`];
  if (hostPort === 0 || otherHostPort === 0) return [`${path}: overlapping port definition with ${other.path}`];
  if (hostPort !== otherHostPort || (address === "") === (otherAddress === "")) return [];
  return [`${path}: dangerously ambiguous port definition with ${other.path}`];
}
