// LimitRanger (https://kubernetes.io/docs/concepts/policy/limit-range/): gives containers the requests and limits that their namespace has
// as defaults, and refuses pods and claims outside its bounds.
import {
  type Container,
  type LimitRange,
  limitRanges,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  podLimits,
  podRequests,
  pods,
  resourceAmounts,
} from "../../api/index.ts";
import type { Mutable } from "../../base/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, objectOf } from "./denial.ts";
import { claimProblems, constraintProblems, type Usage } from "./limit-constraints.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";

const ANNOTATION = "kubernetes.io/limit-ranger";

export function limitRanger({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  const rangesOf = ({ namespace }: AdmissionRequest): readonly LimitRange[] => objects.list(limitRanges, namespace);
  return {
    name: "LimitRanger",
    mutate(request) {
      const pod = request.operation === "CREATE" ? objectOf(request, pods) : undefined;
      if (pod !== undefined) for (const range of rangesOf(request)) applyDefaults(pod, range);
    },
    validate(request) {
      if (request.operation !== "CREATE" && request.operation !== "UPDATE") return;
      const isResize = request.subresource === "resize" && request.operation === "UPDATE";
      const pod = isResize ? objectOf(request, pods, "resize") : request.operation === "CREATE" ? objectOf(request, pods) : undefined;
      const claim = objectOf(request, persistentVolumeClaims);
      if (pod === undefined && claim === undefined) return;
      for (const range of rangesOf(request)) {
        const problems = pod !== undefined ? podProblems(pod as Pod, range) : claimRangeProblems(claim as PersistentVolumeClaim, range);
        const distinct = [...new Set(problems)];
        if (distinct.length > 0) throw denied(request, distinct.length === 1 ? (distinct[0] ?? "") : `[${distinct.join(", ")}]`);
      }
    },
  };
}

function applyDefaults(pod: Mutable<Pod>, { spec }: LimitRange): void {
  const items = (spec?.limits ?? []).filter(({ type }) => type === "Container");
  const requests = Object.assign({}, ...items.map((item) => item.defaultRequest)) as Record<string, string>;
  const limits = Object.assign({}, ...items.map((item) => item.default)) as Record<string, string>;
  const changes = [
    ...pod.spec.containers.flatMap((container) => fill(container, requests, limits, "container")),
    ...(pod.spec.initContainers ?? []).flatMap((container) => fill(container, requests, limits, "init container")),
  ];
  if (changes.length === 0) return;
  pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${changes.join("; ")}` };
}

/** Says what it set. */
function fill(container: Mutable<Container>, requests: Record<string, string>, limits: Record<string, string>, what: string): string[] {
  const { resources = {} } = container;
  const missing = (wanted: Record<string, string>, given: Readonly<Record<string, string>> | undefined): string[] =>
    Object.keys(wanted)
      .filter((resource) => given?.[resource] === undefined)
      .sort();
  const [newRequests, newLimits] = [missing(requests, resources.requests), missing(limits, resources.limits)];
  if (newRequests.length > 0) resources.requests = { ...requests, ...resources.requests };
  if (newLimits.length > 0) resources.limits = { ...limits, ...resources.limits };
  if (newRequests.length + newLimits.length > 0) container.resources = resources;
  return [
    ...(newRequests.length === 0 ? [] : [`${newRequests.join(", ")} request for ${what} ${container.name}`]),
    ...(newLimits.length === 0 ? [] : [`${newLimits.join(", ")} limit for ${what} ${container.name}`]),
  ];
}

function podProblems(pod: Pod, { spec }: LimitRange): string[] {
  const problems: string[] = [];
  for (const item of spec?.limits ?? []) {
    if (item.type === "Container") {
      for (const { resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
        const usage: Usage = { requests: resourceAmounts(resources?.requests), limits: resourceAmounts(resources?.limits) };
        problems.push(...constraintProblems(item.type, item, usage));
      }
    } else if (item.type === "Pod") {
      const usage: Usage = { requests: podRequests(pod, { excludeOverhead: true }), limits: podLimits(pod, { excludeOverhead: true }) };
      problems.push(...constraintProblems(item.type, item, usage));
    }
  }
  return problems;
}

function claimRangeProblems(claim: PersistentVolumeClaim, { spec }: LimitRange): string[] {
  const usage: Usage = { requests: resourceAmounts(claim.spec.resources?.requests), limits: new Map() };
  return (spec?.limits ?? []).filter(({ type }) => type === "PersistentVolumeClaim").flatMap((item) => claimProblems(item.type, item, usage));
}
