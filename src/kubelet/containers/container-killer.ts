// Ends a container: preStop hook, stop signal, and after the grace period a kill
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination). The hook's time counts.
import type { Container, Pod } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { delay } from "../../client/index.ts";
import type { KubeletHost } from "../host.ts";
import type { PodEvents } from "../pod-events.ts";
import type { KillReason } from "../pods/pod-actions.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { runHook } from "./lifecycle-hooks.ts";

/** Even a container without any grace gets this long to end by itself. */
const SHORTEST_GRACE_SECONDS = 2;

export interface KillRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  /** For the event; empty: the usual one. */
  readonly message: string;
  readonly reason: KillReason;
  readonly podIp: string;
  /** Instead of what pod and probe say. */
  readonly graceSeconds?: number;
  /** Resolves when it is this container's turn; see termination-order.ts. */
  readonly turn?: Promise<void>;
}

export interface ContainerKiller {
  kill(request: KillRequest): Promise<void>;
}

export interface ContainerKillerParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly events: PodEvents;
}

export function createContainerKiller(env: Env, parts: ContainerKillerParts): ContainerKiller {
  return {
    kill: async (request) => {
      const { pod, container, containerId, podIp } = request;
      parts.events.container(pod, container, "Normal", "Killing", request.message === "" ? `Stopping container ${container.name}` : request.message);
      let graceSeconds = request.graceSeconds ?? gracePeriod(pod, container, request.reason);
      const hook = container.lifecycle?.preStop;
      const startedMs = env.clock.monotonic();
      const spent = (): number => Math.floor((env.clock.monotonic() - startedMs) / 1000);
      if (hook !== undefined && graceSeconds > 0) {
        await within(env, graceSeconds * 1000, async () => {
          const outcome = await runHook(env, parts.host, parts.runtime, hook, { pod, container, containerId, podIp });
          if (!outcome.ok) parts.events.container(pod, container, "Warning", "FailedPreStopHook", "PreStopHook failed");
        });
      }
      if (request.turn !== undefined && graceSeconds > spent()) await within(env, (graceSeconds - spent()) * 1000, () => request.turn);
      graceSeconds = Math.max(SHORTEST_GRACE_SECONDS, graceSeconds - spent());
      await parts.runtime.stopContainer(containerId, graceSeconds);
    },
  };
}

function gracePeriod(pod: Pod, container: Container, reason: KillReason): number {
  if (pod.metadata.deletionGracePeriodSeconds !== undefined) return pod.metadata.deletionGracePeriodSeconds;
  const ofProbe =
    reason === "startupProbe"
      ? container.startupProbe?.terminationGracePeriodSeconds
      : reason === "livenessProbe"
        ? container.livenessProbe?.terminationGracePeriodSeconds
        : undefined;
  return ofProbe ?? pod.spec.terminationGracePeriodSeconds ?? SHORTEST_GRACE_SECONDS;
}

/** Until `work` is done, but no longer than this. */
async function within(env: Env, limitMs: number, work: () => Promise<void> | undefined): Promise<void> {
  const abort = new AbortController();
  await Promise.race([work(), delay(env, limitMs, abort.signal)]);
  abort.abort();
}
