// Whether an exited container runs again: the pod's restartPolicy, a container's own, and its rules for exit codes
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy).
import type { Container, ContainerRestartRule, Pod } from "../../api/index.ts";
import { initContainers, isSidecar } from "./pod-spec.ts";
import type { RuntimeContainer } from "./runtime-pod.ts";

/** For a container that exited with `exitCode`. */
export function restartsAfter(container: Container, pod: Pod, exitCode: number): boolean {
  if ((container.restartPolicyRules ?? []).some((rule) => ruleMatches(rule, exitCode))) return true;
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

function ruleMatches(rule: ContainerRestartRule, exitCode: number): boolean {
  if (rule.action !== "Restart" || rule.exitCodes === undefined) return false;
  const listed = (rule.exitCodes.values ?? []).includes(exitCode);
  return rule.exitCodes.operator === "In" ? listed : !listed;
}
