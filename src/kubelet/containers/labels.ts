// How the kubelet marks what it makes in the runtime, so that it finds it again after a restart: the same labels and
// annotations as every kubelet writes (read by crictl, log collectors and cAdvisor).
import type { Container, LifecycleHandler, Pod } from "../../api/index.ts";

export const POD_NAME_LABEL = "io.kubernetes.pod.name";
export const POD_NAMESPACE_LABEL = "io.kubernetes.pod.namespace";
export const POD_UID_LABEL = "io.kubernetes.pod.uid";
export const CONTAINER_NAME_LABEL = "io.kubernetes.container.name";

const HASH = "io.kubernetes.container.hash";
const RESTART_COUNT = "io.kubernetes.container.restartCount";
const TERMINATION_MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath";
const TERMINATION_MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy";
const PRE_STOP = "io.kubernetes.container.preStopHandler";
const PORTS = "io.kubernetes.container.ports";
const TERMINATION_GRACE_PERIOD = "io.kubernetes.pod.terminationGracePeriod";
/** Ours: where on the host the termination message file lies. */
const TERMINATION_MESSAGE_FILE = "kubets.io/termination-message-file";

export function podLabels(pod: Pod): Record<string, string> {
  return { ...pod.metadata.labels, ...identity(pod) };
}

export function containerLabels(pod: Pod, container: Container): Record<string, string> {
  return { ...identity(pod), [CONTAINER_NAME_LABEL]: container.name };
}

function identity(pod: Pod): Record<string, string> {
  const { name, namespace = "", uid = "" } = pod.metadata;
  return { [POD_NAME_LABEL]: name, [POD_NAMESPACE_LABEL]: namespace, [POD_UID_LABEL]: uid };
}

export function containerAnnotations(pod: Pod, container: Container, restartCount: number, terminationMessageFile: string): Record<string, string> {
  const { terminationGracePeriodSeconds } = pod.spec;
  return {
    [HASH]: containerHash(container),
    [RESTART_COUNT]: String(restartCount),
    [TERMINATION_MESSAGE_PATH]: container.terminationMessagePath ?? "",
    [TERMINATION_MESSAGE_POLICY]: container.terminationMessagePolicy ?? "",
    ...(terminationMessageFile === "" ? {} : { [TERMINATION_MESSAGE_FILE]: terminationMessageFile }),
    ...(terminationGracePeriodSeconds === undefined ? {} : { [TERMINATION_GRACE_PERIOD]: String(terminationGracePeriodSeconds) }),
    ...(container.lifecycle?.preStop === undefined ? {} : { [PRE_STOP]: JSON.stringify(container.lifecycle.preStop) }),
    ...(container.ports === undefined || container.ports.length === 0 ? {} : { [PORTS]: JSON.stringify(container.ports) }),
  };
}

/** What must be killed and made anew when it changes: name and image. */
export function containerHash(container: { readonly name: string; readonly image?: string }): string {
  let hash = 0x811c9dc5;
  const text = JSON.stringify({ image: container.image ?? "", name: container.name });
  for (let position = 0; position < text.length; position++) hash = Math.imul(hash ^ text.charCodeAt(position), 0x01000193);
  return (hash >>> 0).toString(16);
}

/** What the annotations of a container tell. */
export interface ContainerAnnotations {
  readonly hash: string;
  readonly restartCount: number;
  readonly terminationMessageFile: string;
  readonly fallsBackToLogs: boolean;
  readonly terminationGracePeriodSeconds: number | undefined;
  readonly preStop: LifecycleHandler | undefined;
}

export function readContainerAnnotations(annotations: Readonly<Record<string, string>>): ContainerAnnotations {
  const grace = annotations[TERMINATION_GRACE_PERIOD];
  const preStop = annotations[PRE_STOP];
  return {
    hash: annotations[HASH] ?? "",
    restartCount: Number(annotations[RESTART_COUNT] ?? "0"),
    terminationMessageFile: annotations[TERMINATION_MESSAGE_FILE] ?? "",
    fallsBackToLogs: annotations[TERMINATION_MESSAGE_POLICY] === "FallbackToLogsOnError",
    terminationGracePeriodSeconds: grace === undefined ? undefined : Number(grace),
    preStop: preStop === undefined ? undefined : (JSON.parse(preStop) as LifecycleHandler),
  };
}
