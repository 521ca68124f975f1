// Binding a pod to a node: what the scheduler's decision amounts to
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/).

import {
  type Binding,
  badRequestError,
  conflictError,
  FieldPath,
  invalidError,
  notFoundError,
  type Pod,
  type PodCondition,
  pods,
  required,
  validateBinding,
} from "../../api/index.ts";
import { type Env, formatTime, type Mutable, mutableCopy } from "../../base/index.ts";
import type { AdmissionChain } from "../admission/chain.ts";
import type { Registry } from "../storage/registry.ts";
import { type SubresourceCreator, successStatus } from "./creators.ts";

const BINDING = { group: "", resource: "pods/binding" };

export function bindingCreator(env: Env, registry: Registry, admission: Pick<AdmissionChain, "mutate" | "validate">): SubresourceCreator {
  return async ({ namespace, name }, body, context) => {
    const binding = body as unknown as Binding;
    if (binding.metadata.name !== undefined && binding.metadata.name !== "" && binding.metadata.name !== name) {
      throw badRequestError("name in URL does not match name in Binding object");
    }
    const errors = validateBinding(binding);
    if (!name) errors.unshift(required(FieldPath.root("metadata").child("name"), "the name of the pod to bind"));
    if (errors.length > 0) throw invalidError({ group: "", kind: "Binding" }, name ?? "", errors);
    const request = { operation: "CREATE", kind: pods, subresource: "binding", namespace, name, object: body, ...context } as const;
    await admission.mutate(request);
    await admission.validate(request);
    const change = (current: Pod | undefined): Mutable<Pod> => {
      if (current === undefined) throw notFoundError(pods, name);
      return bind(current, binding, formatTime(env.clock.now()));
    };
    await registry.writer.update({ kind: pods, namespace, name, subresource: "binding", change, ownChange: true }, context);
    return successStatus();
  };
}

/** The pod as it is once bound. Throws a Conflict when it cannot be. */
function bind(current: Pod, binding: Binding, now: string): Mutable<Pod> {
  const { name } = current.metadata;
  const refuse = (why: string) => conflictError(BINDING, name, why);
  const { uid, resourceVersion } = binding.metadata;
  if (uid && uid !== current.metadata.uid) {
    throw refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid ?? ""}`);
  }
  if (resourceVersion && resourceVersion !== current.metadata.resourceVersion) {
    const seen = current.metadata.resourceVersion ?? "";
    throw refuse(`Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${seen}`);
  }
  if (current.metadata.deletionTimestamp !== undefined) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (current.spec.nodeName) throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(current.spec.nodeName)}`);
  if ((current.spec.schedulingGates ?? []).length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const pod = mutableCopy(current);
  pod.spec.nodeName = binding.target.name;
  if (binding.metadata.annotations !== undefined) pod.metadata.annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations };
  if (binding.metadata.labels !== undefined) pod.metadata.labels = { ...pod.metadata.labels, ...binding.metadata.labels };
  const status: Mutable<NonNullable<Pod["status"]>> = { ...pod.status };
  delete status.nominatedNodeName;
  status.conditions = withCondition(status.conditions ?? [], { type: "PodScheduled", status: "True" }, now);
  pod.status = status;
  return pod;
}

/** The conditions with `condition` among them; its transition time changes with its status alone. */
export function withCondition(conditions: readonly PodCondition[], condition: PodCondition, now: string): Mutable<PodCondition>[] {
  const known = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime = known?.status === condition.status ? known.lastTransitionTime : now;
  const changed = { ...condition, lastTransitionTime };
  return known === undefined ? [...conditions, changed] : conditions.map((other) => (other === known ? changed : other));
}
