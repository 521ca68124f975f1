// Whether an exited container runs again: the pod's restartPolicy, a container's own, and its rules for exit codes
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy).
import type { Container, ContainerRestartRule, Pod, PodStatus } from "../../api/index.ts";
import { initContainers, isSidecar } from "./pod-spec.ts";
import { newestContainer, type RuntimeContainer, type RuntimePod } from "./runtime-pod.ts";

const RESTART_ALL = "RestartAllContainers";

/** For a container that exited with `exitCode`. */
export function restartsAfter(container: Container, pod: Pod, exitCode: number): boolean {
  if (matchingRule(container, exitCode) !== undefined) return true;
  return policyRestarts(effectivePolicy(container, pod), exitCode);
}

/** For a container that is killed while it runs: there is no exit code that a rule could look at. */
export function restartsWhenKilled(container: Container, pod: Pod): boolean {
  return effectivePolicy(container, pod) !== "Never";
}

/** Whether the container, in the state that the runtime tells, is to be started (again). */
export function shouldStart(container: Container, pod: Pod, newest: RuntimeContainer | undefined): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  if (newest === undefined) return true;
  if (newest.state === "running") return false;
  if (newest.state !== "exited") return true;
  return restartsAfter(container, pod, newest.exitCode);
}

/** An init container has to succeed once; `Always` at pod level means for it `OnFailure`. */
function effectivePolicy(container: Container, pod: Pod): string {
  if (container.restartPolicy !== undefined) return container.restartPolicy;
  const policy = pod.spec.restartPolicy ?? "Always";
  const isInit = initContainers(pod).some(({ name }) => name === container.name) && !isSidecar(container);
  return isInit && policy === "Always" ? "OnFailure" : policy;
}

function policyRestarts(policy: string, exitCode: number): boolean {
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** The first that speaks of the exit code; there are rules only beside a policy of the container's own. */
function matchingRule({ restartPolicy, restartPolicyRules = [] }: Container, exitCode: number): ContainerRestartRule | undefined {
  if (restartPolicy === undefined) return undefined;
  return restartPolicyRules.find(({ exitCodes }) => {
    const listed = (exitCodes?.values ?? []).includes(exitCode);
    return exitCodes?.operator === "In" ? listed : exitCodes?.operator === "NotIn" && !listed;
  });
}

/** A rule of the container asks for a new start of the whole pod after this exit code (KEP-5532). */
export function restartsAll(container: Container, exitCode: number): boolean {
  return matchingRule(container, exitCode)?.action === RESTART_ALL;
}

/** Some container has such a rule. */
export function mayRestartAll(pod: Pod): boolean {
  return [...initContainers(pod), ...pod.spec.containers].some(({ restartPolicyRules }) => restartPolicyRules?.some(({ action }) => action === RESTART_ALL));
}

/** All containers are to be removed and started anew, because one ended so or because that has begun. `shown`: the status reported last. */
export function mustRestartAll(pod: Pod, runtimePod: RuntimePod, shown: PodStatus | undefined): boolean {
  if (!mayRestartAll(pod)) return false;
  if (shown?.conditions?.some(({ type, status }) => type === "AllContainersRestarting" && status === "True") === true) return true;
  const ended = [...(shown?.initContainerStatuses ?? []), ...(shown?.containerStatuses ?? [])];
  return [...initContainers(pod), ...pod.spec.containers].some((container) => {
    const newest = newestContainer(runtimePod, container.name);
    if (newest?.state === "exited") return restartsAll(container, newest.exitCode);
    const code = newest === undefined ? ended.find(({ name }) => name === container.name)?.state?.terminated?.exitCode : undefined;
    return code !== undefined && restartsAll(container, code);
  });
}

/** Nothing of the pod's init and regular containers is left in the runtime. */
export function hasNoContainers(pod: Pod, runtimePod: RuntimePod): boolean {
  return [...initContainers(pod), ...pod.spec.containers].every(({ name }) => newestContainer(runtimePod, name) === undefined);
}
