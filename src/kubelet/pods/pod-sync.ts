// One round of bringing a pod to what its spec asks for: volumes, cgroup, sandbox, containers in order. The round stops where
// something fails or has to wait, and says when it makes sense to try again.
import { type Container, isStatus, type Pod, runtimeClasses, type Secret } from "../../api/index.ts";
import { formatDuration } from "../../base/index.ts";
import { abortable } from "../abortable.ts";
import type { ContainerConfigContext } from "../containers/container-config.ts";
import { containerHash } from "../containers/labels.ts";
import { podCgroup, podCgroupLimits } from "../containers/resources.ts";
import { ContainerConfigError } from "../environment/container-environment.ts";
import type { DownwardContext } from "../environment/downward-api.ts";
import type { CgroupLimits } from "../host.ts";
import { resolverConfig } from "../network/resolver-config.ts";
import { resizePod } from "../resize/resize-pod.ts";
import type { PodSandboxConfig } from "../runtime/runtime.ts";
import { isStaticPod } from "../static-pods/static-pod.ts";
import type { MountedVolume } from "../volumes/volume.ts";
import type { StartFailure } from "./container-statuses.ts";
import { type PodActions, planPodActions } from "./pod-actions.ts";
import { initContainers, isHostNetwork, isSidecar, podFullName, podNamespace, podUid } from "./pod-spec.ts";
import { sortPodIps } from "./pod-status.ts";
import { endContainers } from "./pod-termination.ts";
import type { PodWorkerParts } from "./pod-worker-parts.ts";
import { newestContainer, type RuntimePod } from "./runtime-pod.ts";
import { podLogDirectory, sandboxConfig } from "./sandbox-config.ts";

export interface SyncContext {
  readonly parts: PodWorkerParts;
  /** With the resources that are granted to it. */
  readonly pod: Pod;
  /** Why containers are not started, by name: kept from round to round. */
  readonly startFailures: Map<string, StartFailure>;
  /** The limits that the pod's control group was given; undefined: by no one since this kubelet started. */
  readonly group: { limits: CgroupLimits | undefined };
  /** A container ended in a way that asks for a new start of all. */
  readonly restartAll: boolean;
  /** Aborts when the pod is to end. */
  readonly signal: AbortSignal;
  /** Looks at the pod's new sandbox and reports it. */
  readonly sandboxMade: (sandboxId: string) => Promise<RuntimePod>;
}

/** The next moment, in wall clock time, at which the pod needs another round though nothing happened. */
export interface SyncResult {
  readonly retryAtMs: number | undefined;
  /** Something was done that the pod's status may show. */
  readonly acted: boolean;
}

export async function syncPod(context: SyncContext, observed: RuntimePod): Promise<SyncResult> {
  const { parts, pod, signal } = context;
  const { volumes, probes, allocations } = parts;
  // None of the three needs another, and a pod's start waits for all.
  const preparations = [allocations.save(podUid(pod)), makeGroup(context), volumes.setUp(pod, downwardContext(parts, pod, observed.ips))] as const;
  await Promise.allSettled(preparations);
  const [, , mounted] = await Promise.all(preparations);
  if (signal.aborted) return { retryAtMs: undefined, acted: false };
  probes.addPod(pod);
  const actions = planPodActions(pod, observed, probes, { actuated: allocations.actuated(pod), restartAll: context.restartAll });
  if (context.restartAll) {
    await removeAllContainers(context, actions);
    // Nothing is left to wait for: the next round starts them.
    return { retryAtMs: parts.env.clock.now(), acted: true };
  }
  if (actions.createSandbox && actions.sandboxId !== undefined) {
    parts.events.pod(pod, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
  }
  let runtimePod = observed;
  if (actions.killPod) {
    await killEverything(context, observed, actions.createSandbox);
    if (!actions.createSandbox) return { retryAtMs: undefined, acted: true };
  } else {
    await killUnwanted(context, actions, observed);
  }
  if (signal.aborted) return { retryAtMs: undefined, acted: true };
  const resized = actions.killPod ? "no" : await carryOutResize(context, actions, observed);
  const resizeRetry = resized === "later" ? { retryAtMs: parts.env.clock.now() + RESIZE_RETRY_MS } : {};
  await pruneContainers(context, observed);
  const toStart = [...actions.ephemeralToStart, ...actions.initToStart, ...actions.toStart];
  if (!actions.createSandbox && toStart.length === 0) {
    return { retryAtMs: undefined, acted: actions.toKill.length > 0 || resized !== "no", ...resizeRetry };
  }
  const attempt = actions.attempt;
  const sandbox = await makeSandboxConfig(context, attempt);
  let sandboxId = actions.sandboxId ?? "";
  if (actions.createSandbox) {
    sandboxId = await createSandbox(context, sandbox);
    runtimePod = await context.sandboxMade(sandboxId);
  }
  const started = await startContainers(context, { actions, sandboxId, sandbox, mounted, runtimePod });
  return resizeRetry.retryAtMs === undefined ? started : { ...started, retryAtMs: Math.min(started.retryAtMs ?? Infinity, resizeRetry.retryAtMs) };
}

/** A resize that can't be carried out now is tried again after so long. */
const RESIZE_RETRY_MS = 10_000;

/** The control group is made with what the pod runs with: a resize changes it step by step. */
async function makeGroup({ parts, pod, group }: SyncContext): Promise<void> {
  if (group.limits !== undefined) return;
  const limits = podCgroupLimits(parts.allocations.actuated(pod), parts.node.podPidsLimit);
  await parts.host.cgroups.apply(podCgroup(parts.node.kubepods, pod), limits);
  group.limits = limits;
}

async function carryOutResize({ parts, pod, group }: SyncContext, { toResize }: PodActions, observed: RuntimePod): Promise<"no" | "done" | "later"> {
  const wanted = podCgroupLimits(pod, parts.node.podPidsLimit);
  if (toResize.length === 0 && JSON.stringify(wanted) === JSON.stringify(group.limits)) return "no";
  try {
    const problem = await resizePod(parts, pod, toResize, observed);
    if (problem !== undefined) {
      parts.allocations.progress(pod, false, problem);
      return "later";
    }
    group.limits = wanted;
    return "done";
  } catch (error) {
    parts.allocations.progress(pod, false, error instanceof Error ? error.message : String(error));
    return "later";
  } finally {
    await parts.allocations.save(podUid(pod));
  }
}

export function downwardContext(parts: PodWorkerParts, pod: Pod, ips: readonly string[]): DownwardContext {
  const { node } = parts;
  return { pod, nodeIps: node.ips, podIps: isHostNetwork(pod) ? node.ips : sortPodIps(ips, node.ips), allocatable: node.allocatable() };
}

async function killEverything(context: SyncContext, observed: RuntimePod, forNewSandbox: boolean): Promise<void> {
  const { parts, pod, signal } = context;
  await abortable(endContainers(parts, pod, observed), signal);
  if (signal.aborted) return;
  for (const { id } of observed.sandboxes) await parts.runtime.stopPodSandbox(id);
  if (!forNewSandbox) return;
  // In the new sandbox initialization begins anew.
  const initNames = new Set(initContainers(pod).map(({ name }) => name));
  for (const { id, name } of observed.containers) if (initNames.has(name)) await parts.runtime.removeContainer(id);
}

async function killUnwanted({ parts, pod, signal }: SyncContext, actions: PodActions, observed: RuntimePod): Promise<void> {
  const podIp = observed.ips[0] ?? "";
  const kills = actions.toKill.map(({ id, container, message, reason }) => parts.killer.kill({ pod, container, containerId: id, message, reason, podIp }));
  await abortable(Promise.all(kills), signal);
}

/** Logs stay: they are the pod's until it is deleted. */
async function removeAllContainers({ parts, pod, signal }: SyncContext, { toReset }: PodActions): Promise<void> {
  for (const { id, container, isRunning } of toReset) {
    if (isRunning) {
      const how = { containerId: id, message: "killing", reason: "unknown", podIp: "", graceSeconds: 0 } as const;
      await abortable(parts.killer.kill({ pod, container, ...how }), signal);
    }
    if (signal.aborted) return;
    await parts.runtime.removeContainer(id);
  }
}

/** Keeps the newest dead container of each name: its log and its end can still be asked for. */
async function pruneContainers({ parts }: SyncContext, observed: RuntimePod): Promise<void> {
  const kept = new Set<string>();
  for (const container of observed.containers) {
    if (container.state !== "exited") continue;
    if (!kept.has(container.name)) {
      kept.add(container.name);
      continue;
    }
    await parts.runtime.removeContainer(container.id);
    await parts.host.files.remove(container.logPath);
  }
}

async function makeSandboxConfig({ parts, pod }: SyncContext, attempt: number): Promise<PodSandboxConfig> {
  const { host, node } = parts;
  const { clusterDns, clusterDomain } = node;
  const dns = resolverConfig(pod, { clusterDns, clusterDomain, resolvConf: await host.resolvConf() });
  for (const warning of dns.warnings) parts.events.pod(pod, "Warning", "DNSConfigForming", warning);
  const { podLogsDirectory, rootDirectory } = host;
  return sandboxConfig(pod, { attempt, rootDirectory, podLogsDirectory, kubepods: node.kubepods, clusterDomain, dns: dns.config });
}

async function createSandbox({ parts, pod }: SyncContext, config: PodSandboxConfig): Promise<string> {
  try {
    await parts.host.files.makeDirectory(config.logDirectory, 0o755);
    return await parts.runtime.runPodSandbox(config, await runtimeHandler(parts, pod));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    parts.events.pod(pod, "Warning", "FailedCreatePodSandBox", `Failed to create pod sandbox: ${text}`);
    throw error;
  }
}

async function runtimeHandler({ client }: PodWorkerParts, pod: Pod): Promise<string> {
  const name = pod.spec.runtimeClassName;
  if (name === undefined || name === "") return "";
  try {
    return (await client.get(runtimeClasses, { name })).handler;
  } catch (error) {
    if (isStatus(error, "NotFound")) throw new Error(`RuntimeClass ${JSON.stringify(name)} not found`);
    throw error;
  }
}

interface StartRound {
  readonly actions: PodActions;
  readonly sandboxId: string;
  readonly sandbox: PodSandboxConfig;
  readonly mounted: ReadonlyMap<string, MountedVolume>;
  readonly runtimePod: RuntimePod;
}

async function startContainers(context: SyncContext, round: StartRound): Promise<SyncResult> {
  const { actions } = round;
  const retries: number[] = [];
  const start = async (container: Container): Promise<boolean> => {
    const { started, retryAtMs } = await startOne(context, round, container);
    if (retryAtMs !== undefined) retries.push(retryAtMs);
    return started;
  };
  for (const container of actions.ephemeralToStart) await start(container);
  let initFine = true;
  for (const container of actions.initToStart) {
    if (!initFine) break;
    const started = await start(container);
    // A sidecar that does not start does not keep the others from being tried.
    if (!started && !isSidecar(container)) initFine = false;
  }
  if (initFine) for (const container of actions.toStart) await start(container);
  return { retryAtMs: retries.length === 0 ? undefined : Math.min(...retries), acted: true };
}

async function startOne(
  context: SyncContext,
  { sandboxId, sandbox, mounted, runtimePod }: StartRound,
  container: Container,
): Promise<{ started: boolean; retryAtMs?: number }> {
  const { parts, pod, startFailures, signal } = context;
  if (signal.aborted) return { started: false };
  const paused = crashLoopPause(context, container, runtimePod);
  if (paused !== undefined) return { started: false, retryAtMs: paused };
  const services = isStaticPod(pod) ? parts.node.servicesSoFar() : await abortable(parts.node.services(), signal);
  if (services === undefined) return { started: false };
  const configContext: ContainerConfigContext = {
    ...downwardContext(parts, pod, runtimePod.ips),
    host: parts.host,
    objects: parts.objects,
    services,
    clusterDomain: parts.node.clusterDomain,
    nodeMemoryBytes: parts.node.memoryBytes,
    volumes: mounted,
    volumeFile: async (name, path) => {
      const volumePath = mounted.get(name)?.path;
      if (volumePath === undefined) throw new ContainerConfigError(`cannot find the volume "${name}" referenced by FileKeyRef`);
      return parts.host.mounts.readInside({ volumePath, subPath: path, limitBytes: MAX_ENV_FILE_BYTES });
    },
    runtimePod,
    logDirectory: podLogDirectory(parts.host.podLogsDirectory, pod),
  };
  const pullSecrets = (): Promise<readonly Secret[]> => readPullSecrets(parts, pod);
  const outcome = await parts.starter.start({ pod, container, sandboxId, sandbox, context: configContext, pullSecrets, signal });
  if (outcome.ok === "aborted") return { started: false };
  if (outcome.ok) {
    startFailures.delete(container.name);
    parts.allocations.actuate(podUid(pod), container.name, container.resources ?? {});
    return { started: true };
  }
  startFailures.set(container.name, { reason: outcome.reason, message: outcome.message });
  // What the user has to mend is tried again at leisure; a change of the objects it needs wakes the pod sooner.
  return { started: false, retryAtMs: outcome.retryAtMs ?? parts.env.clock.now() + CONFIG_RETRY_MS };
}

const CONFIG_RETRY_MS = 10_000;
/** Of a file that variables are read from. */
const MAX_ENV_FILE_BYTES = 1 << 20;

/** The end of the pause that a container that keeps ending has to make; undefined: start it. */
function crashLoopPause({ parts, pod, startFailures }: SyncContext, container: Container, runtimePod: RuntimePod): number | undefined {
  const newest = newestContainer(runtimePod, container.name);
  if (newest?.state !== "exited") return undefined;
  const key = `${podUid(pod)}_${container.name}_${containerHash(container)}`;
  const paused = parts.backOff.pausedUntil(key, newest.finishedAtMs);
  if (paused === undefined) {
    parts.backOff.next(key, newest.finishedAtMs);
    return undefined;
  }
  const message = `Back-off restarting failed container ${container.name} in pod ${podFullName(pod)}`;
  parts.events.container(pod, container, "Warning", "BackOff", message);
  startFailures.set(container.name, {
    reason: "CrashLoopBackOff",
    message: `back-off ${formatDuration(paused.durationMs)} restarting failed container=${container.name} pod=${podFullName(pod)}`,
  });
  return paused.untilMs;
}

async function readPullSecrets({ objects }: PodWorkerParts, pod: Pod): Promise<readonly Secret[]> {
  const found: Secret[] = [];
  for (const { name } of pod.spec.imagePullSecrets ?? []) {
    const secret = name === undefined ? undefined : await objects.secret(podNamespace(pod), name);
    if (secret !== undefined) found.push(secret);
  }
  return found;
}
