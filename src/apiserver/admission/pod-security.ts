// PodSecurity (https://kubernetes.io/docs/concepts/security/pod-security-admission/): pods keep to the level that their namespace's labels ask
// for. Workloads are only warned of: their pods would be refused. Audit annotations are not written.
import {
  cronJobs,
  daemonSets,
  deployments,
  invalidError,
  isStatus,
  jobs,
  type Namespace,
  namespaces,
  type ObjectMeta,
  type Pod,
  type PodSpec,
  pods,
  podTemplates,
  replicaSets,
  replicationControllers,
  sameValue,
  statefulSets,
} from "../../api/index.ts";
import type { Client } from "../../client/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, isAbout } from "./denial.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";
import { compareLevels, type LevelVersion, levelVersionText, type Policy, policyOf, violations, violationsText } from "./pod-security/policy.ts";

/** Pods looked at when a namespace gets stricter. */
const PODS_CHECKED = 3000;
const POD_SUBRESOURCES = ["", "ephemeralcontainers", "resize"];
const WITH_TEMPLATE = [deployments, replicaSets, statefulSets, daemonSets, jobs, replicationControllers];

export interface PodSecurityOptions {
  readonly objects: ObjectReader;
  readonly client: Client;
}

export function podSecurity(options: PodSecurityOptions): AdmissionPlugin {
  return {
    name: "PodSecurity",
    async validate(request) {
      const { operation, object } = request;
      if ((operation !== "CREATE" && operation !== "UPDATE") || object === undefined) return;
      if (isAbout(request, namespaces)) validateNamespace(options, request, object as unknown as Namespace);
      else if (POD_SUBRESOURCES.some((subresource) => isAbout(request, pods, subresource))) await validatePod(options, request, object as unknown as Pod);
      else await warnOfTemplate(options, request);
    },
  };
}

async function policyFor({ objects, client }: PodSecurityOptions, name: string): Promise<Policy> {
  const { metadata } = objects.get(namespaces, "", name) ?? (await client.get(namespaces, { name }));
  return policyOf(metadata.labels).policy;
}

async function validatePod(options: PodSecurityOptions, request: AdmissionRequest, pod: Pod): Promise<void> {
  const policy = await policyFor(options, request.namespace);
  if (policy.enforce.level === "privileged" && policy.warn.level === "privileged") return;
  if (request.operation === "UPDATE" && !isSignificant(pod, request.oldObject as Pod)) return;
  const found = violations(policy.enforce, pod.metadata, pod.spec);
  if (found.length > 0) throw denied(request, `violates PodSecurity "${levelVersionText(policy.enforce)}": ${violationsText(found)}`);
  warn(request, policy, pod.metadata, pod.spec);
}

/** Only images and containers can make a pod worse: the rest of its spec does not change. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const images = (containers: readonly { readonly name: string; readonly image?: string }[] | undefined): unknown =>
    (containers ?? []).map(({ name, image }) => [name, image]);
  const all = ({ spec }: Pod): unknown => [images(spec.containers), images(spec.initContainers), images(spec.ephemeralContainers)];
  return !sameValue(all(pod), all(old));
}

function warn(request: AdmissionRequest, { warn: policy }: Policy, metadata: ObjectMeta | undefined, spec: PodSpec): void {
  const found = violations(policy, metadata, spec);
  if (found.length > 0) request.warnings.push(`would violate PodSecurity "${levelVersionText(policy)}": ${violationsText(found)}`);
}

interface Template {
  readonly metadata?: ObjectMeta;
  readonly spec?: PodSpec;
}

function templateOf(request: AdmissionRequest): Template | undefined {
  const object = request.object as unknown as {
    readonly template?: Template;
    readonly spec?: { readonly template?: Template; readonly jobTemplate?: { readonly spec?: { readonly template?: Template } } };
  };
  if (isAbout(request, podTemplates)) return object.template;
  if (isAbout(request, cronJobs)) return object.spec?.jobTemplate?.spec?.template;
  return WITH_TEMPLATE.some((kind) => isAbout(request, kind as never)) ? object.spec?.template : undefined;
}

/** A warning that cannot be computed is no reason to refuse a workload. */
async function warnOfTemplate(options: PodSecurityOptions, request: AdmissionRequest): Promise<void> {
  const template = templateOf(request);
  if (template?.spec === undefined) return;
  try {
    warn(request, await policyFor(options, request.namespace), template.metadata, template.spec);
  } catch (error) {
    if (!isStatus(error)) throw error;
  }
}

function validateNamespace(options: PodSecurityOptions, request: AdmissionRequest, namespace: Namespace): void {
  const name = namespace.metadata.name;
  const { policy, errors } = policyOf(namespace.metadata.labels);
  const old = request.operation === "UPDATE" ? policyOf(request.oldObject?.metadata.labels) : undefined;
  if (errors.length > 0 && !sameValue(errors, old?.errors)) throw invalidError({ group: "", kind: "Namespace" }, name, errors);
  if (old !== undefined && isStricter(policy.enforce, old.policy.enforce)) request.warnings.push(...warningsOfExisting(options, name, policy.enforce));
}

function isStricter(now: LevelVersion, before: LevelVersion): boolean {
  if (now.level === "privileged") return false;
  return now.version === before.version ? compareLevels(now.level, before.level) > 0 : true;
}

/** How the pods that are already there fare, those with the same faults together. */
function warningsOfExisting({ objects }: PodSecurityOptions, namespace: string, enforce: LevelVersion): string[] {
  const all = objects.list(pods, namespace);
  const byReasons = new Map<string, string[]>();
  for (const { metadata, spec } of all.slice(0, PODS_CHECKED)) {
    const reasons = violations(enforce, metadata, spec)
      .map(({ reason }) => reason)
      .join(", ");
    if (reasons !== "") byReasons.set(reasons, [...(byReasons.get(reasons) ?? []), metadata.name].sort());
  }
  const lines = [...byReasons].map(([reasons, names]) => {
    const more = names.length - 1;
    return `${names[0]}${more === 0 ? "" : ` (and ${more} other ${more === 1 ? "pod" : "pods"})`}: ${reasons}`;
  });
  return [
    ...(all.length > PODS_CHECKED ? [`new PodSecurity enforce level only checked against the first ${PODS_CHECKED} of ${all.length} existing pods`] : []),
    ...(lines.length > 0 ? [`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${levelVersionText(enforce)}"`] : []),
    ...lines.sort(),
  ];
}
