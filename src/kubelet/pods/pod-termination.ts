// The end of a pod: its containers stop in order within the grace period, then the sandbox, then everything that was made for
// it goes away (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination).
import { isStatus, type Pod, pods } from "../../api/index.ts";
import { podCgroup } from "../containers/resources.ts";
import { terminationOrder } from "../containers/termination-order.ts";
import { findContainer, podName, podNamespace, podUid } from "./pod-spec.ts";
import type { PodWorkerParts } from "./pod-worker-parts.ts";
import { type RuntimePod, runningContainers } from "./runtime-pod.ts";
import { podLogDirectory } from "./sandbox-config.ts";

/** Stops all containers side by side, sidecars last. `graceSeconds` replaces what the pod says. */
export async function endContainers(parts: PodWorkerParts, pod: Pod, observed: RuntimePod, graceSeconds?: number): Promise<void> {
  const running = runningContainers(observed);
  const order = terminationOrder(
    pod,
    running.map(({ name }) => name),
  );
  await Promise.all(
    running.map(async ({ id, name }) => {
      const container = findContainer(pod, name);
      const turn = order.turn(name);
      const more = { ...(turn === undefined ? {} : { turn }), ...(graceSeconds === undefined ? {} : { graceSeconds }) };
      try {
        if (container === undefined) await parts.runtime.stopContainer(id, graceSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30);
        else await parts.killer.kill({ pod, container, containerId: id, message: "", reason: "unknown", podIp: observed.ips[0] ?? "", ...more });
      } finally {
        order.ended(name);
      }
    }),
  );
}

/** The grace period was shortened while containers were ending: they get no more than this from now on. */
export async function hastenContainers(parts: PodWorkerParts, observed: RuntimePod, graceSeconds: number): Promise<void> {
  await Promise.all(runningContainers(observed).map(({ id }) => parts.runtime.stopContainer(id, graceSeconds)));
}

export async function stopSandboxes(parts: PodWorkerParts, observed: RuntimePod): Promise<void> {
  for (const { id } of observed.sandboxes) await parts.runtime.stopPodSandbox(id);
}

/** Volumes and cgroup; the containers have ended. */
export async function releaseResources(parts: PodWorkerParts, pod: Pod): Promise<void> {
  const uid = podUid(pod);
  await parts.volumes.tearDown(uid);
  await parts.host.cgroups.remove(podCgroup(parts.node.kubepods, pod));
  parts.objects.release(uid);
  parts.tokens.release(uid);
}

/** Takes the pod's record away at the API server, if it is still the same pod. */
export async function deleteFromApi({ client }: PodWorkerParts, pod: Pod): Promise<void> {
  const of = { namespace: podNamespace(pod), name: podName(pod) };
  try {
    await client.delete(pods, of, { gracePeriodSeconds: 0, preconditions: { uid: podUid(pod) } });
  } catch (error) {
    // Gone already, or replaced by another pod of the name.
    if (!isStatus(error, "NotFound", "Conflict")) throw error;
  }
}

/** Containers, sandboxes and logs: nobody can ask for them any more. */
export async function forgetRuntimePod({ runtime, host, volumes, images, backOff }: PodWorkerParts, pod: Pod, observed: RuntimePod): Promise<void> {
  for (const { id } of observed.containers) await runtime.removeContainer(id);
  for (const { id } of observed.sandboxes) await runtime.removePodSandbox(id);
  await volumes.removePod(podUid(pod));
  await host.files.remove(podLogDirectory(host.podLogsDirectory, pod));
  images.forgetPod(podUid(pod));
  backOff.forget(`${podUid(pod)}_`);
}
