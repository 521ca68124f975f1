// A pod as the runtime knows it: sandboxes and containers, newest first, with what the kubelet's marks on them tell.
import { CONTAINER_NAME_LABEL, readContainerAnnotations } from "../containers/labels.ts";
import type { ContainerRuntime, ContainerStatus, PodSandbox } from "../runtime/runtime.ts";
import { RuntimeError } from "../runtime/runtime.ts";

export interface RuntimeContainer extends ContainerStatus {
  readonly name: string;
  readonly hash: string;
  readonly restartCount: number;
  /** What the container left in its termination message file or log; see termination-message.ts. */
  readonly terminationMessage: string;
}

export interface RuntimePod {
  readonly sandboxes: readonly PodSandbox[];
  readonly containers: readonly RuntimeContainer[];
  /** Of the newest sandbox while it is ready. */
  readonly ips: readonly string[];
}

export const emptyRuntimePod: RuntimePod = { sandboxes: [], containers: [], ips: [] };

/** The message that an exited container left. */
export type TerminationMessageReader = (status: ContainerStatus) => Promise<string>;

/** `known`: what was seen before. */
export async function observePod(runtime: ContainerRuntime, uid: string, known: RuntimePod, readMessage: TerminationMessageReader): Promise<RuntimePod> {
  const [sandboxes, containers] = await Promise.all([runtime.listPodSandboxes({ podUid: uid }), runtime.listContainers({ podUid: uid })]);
  const newestFirst = [...sandboxes].sort((a, b) => b.createdAtMs - a.createdAtMs || b.metadata.attempt - a.metadata.attempt);
  const named = await Promise.all(containers.map((status) => withMarks(status, readMessage)));
  named.sort((a, b) => b.createdAtMs - a.createdAtMs || b.restartCount - a.restartCount);
  return { sandboxes: newestFirst, containers: named, ips: await sandboxIps(runtime, newestFirst[0], known) };
}

/** The pod with a sandbox that was made just now. */
export async function withNewSandbox(runtime: ContainerRuntime, pod: RuntimePod, sandboxId: string): Promise<RuntimePod> {
  const { ips, ...sandbox } = await runtime.podSandboxStatus(sandboxId);
  return { ...pod, sandboxes: [sandbox, ...pod.sandboxes.filter(({ id }) => id !== sandboxId)], ips };
}

async function withMarks(status: ContainerStatus, readMessage: TerminationMessageReader): Promise<RuntimeContainer> {
  const { hash, restartCount } = readContainerAnnotations(status.annotations);
  const name = status.labels[CONTAINER_NAME_LABEL] ?? status.metadata.name;
  return { ...status, name, hash, restartCount, terminationMessage: status.state === "exited" ? await readMessage(status) : "" };
}

/** A sandbox keeps its addresses as long as it is ready. */
async function sandboxIps(runtime: ContainerRuntime, sandbox: PodSandbox | undefined, known: RuntimePod): Promise<readonly string[]> {
  if (sandbox?.state !== "ready") return [];
  if (known.ips.length > 0 && known.sandboxes[0]?.id === sandbox.id) return known.ips;
  try {
    return (await runtime.podSandboxStatus(sandbox.id)).ips;
  } catch (error) {
    if (error instanceof RuntimeError && error.reason === "notFound") return [];
    throw error;
  }
}

/** The newest container of that name. */
export function newestContainer(pod: RuntimePod, name: string): RuntimeContainer | undefined {
  return pod.containers.find((container) => container.name === name);
}

export function runningContainers(pod: RuntimePod): readonly RuntimeContainer[] {
  return pod.containers.filter(({ state }) => state === "running" || state === "created" || state === "unknown");
}
