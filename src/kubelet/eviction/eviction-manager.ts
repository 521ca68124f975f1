// Keeps the node alive when memory, disk or process ids run short: shows the node's conditions, takes back what nobody uses, and
// then ends one pod after the other (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/).
//
// Invariants: critical and static pods are never ended; no more than one pod is ended for a threshold before the next look; a look
// at a node without pressure reads a handful of files and asks the runtime nothing.
import { isCriticalPod, type Pod, podQosClass, tolerates } from "../../api/index.ts";
import type { Env, Logger, Timer } from "../../base/index.ts";
import type { EvictionSettings } from "../configuration/kubelet-settings.ts";
import type { KubeletHost } from "../host.ts";
import type { PodEvents } from "../pod-events.ts";
import type { AdmissionResult } from "../pods/pod-admission.ts";
import { podName, podNamespace, podUid } from "../pods/pod-spec.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { isStaticPod } from "../static-pods/static-pod.ts";
import { admissionMessage, EVICTED, pressureMessage } from "./messages.ts";
import { type Observations, observeSignals } from "./observations.ts";
import { type CountedDisk, measureDisks, measurePods } from "./pod-usage.ts";
import { assessPressure, isMet, NO_PRESSURE } from "./pressure.ts";
import { rankPods } from "./ranking.ts";
import { hasStorageLimit, storageExcess } from "./storage-limits.ts";
import { type PressureCondition, resourceOf, type Threshold } from "./thresholds.ts";

/** A pod that runs or is being ended, as far as the eviction manager needs it. */
export interface EvictablePod {
  readonly pod: Pod;
  /** It is being ended already. */
  readonly isEnding: boolean;
  evict(end: { readonly reason: string; readonly message: string; readonly graceSeconds: number; readonly disruption?: string }): void;
}

export interface EvictionParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly events: PodEvents;
  readonly settings: EvictionSettings;
  readonly kubepods: string;
  /** Pods that have or may have containers. */
  readonly pods: () => readonly EvictablePod[];
  /** Removes dead containers and unused images. */
  readonly reclaimDisk: () => Promise<void>;
  /** An event about the node. */
  readonly tellNode: (type: "Normal" | "Warning", reason: string, message: string) => void;
  readonly conditionsChanged: () => void;
}

export interface EvictionManager {
  /** One look at the node. */
  synchronize(): Promise<void>;
  readonly conditions: ReadonlySet<PressureCondition>;
  /** Whether a pod may come to the node as it is now. */
  admit(pod: Pod): AdmissionResult;
  stop(): void;
}

/** What a hard threshold leaves a pod to end in. */
const IMMEDIATE_SECONDS = 1;
const CLEAN_UP_POLL_MS = 1000;
const CLEAN_UP_LIMIT_MS = 30_000;

export function createEvictionManager(env: Env, parts: EvictionParts): EvictionManager {
  return new NodePressureManager(env, parts);
}

class NodePressureManager implements EvictionManager {
  conditions: ReadonlySet<PressureCondition> = new Set();
  private memory = NO_PRESSURE;
  private synchronizing: Promise<void> | undefined;
  private awaited: { readonly uids: ReadonlySet<string>; readonly untilMs: number } | undefined;
  private timer: Timer | undefined;
  private stopped = false;
  /** Images may lie on a file system of their own; found out at the first look. */
  private images: { readonly directory?: string; readonly isDedicated: boolean } | undefined;
  private readonly failing = new Set<string>();
  private readonly log: Logger;

  constructor(
    private readonly env: Env,
    private readonly parts: EvictionParts,
  ) {
    this.log = env.log.child("eviction");
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  admit(pod: Pod): AdmissionResult {
    if (this.conditions.size === 0 || isProtected(pod)) return { admitted: true };
    if (this.conditions.size === 1 && this.conditions.has("MemoryPressure")) {
      const taint = { key: "node.kubernetes.io/memory-pressure", effect: "NoSchedule" };
      if (podQosClass(pod) !== "BestEffort" || (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint))) return { admitted: true };
    }
    return { admitted: false, reason: EVICTED, message: admissionMessage(this.conditions) };
  }

  synchronize(): Promise<void> {
    if (this.stopped || this.isWaiting()) return Promise.resolve();
    this.synchronizing ??= this.look().finally(() => {
      this.synchronizing = undefined;
    });
    return this.synchronizing;
  }

  private async look(): Promise<void> {
    const { settings } = this.parts;
    const observations = await this.observe();
    const step = assessPressure(settings, observations, this.memory, this.env.clock.monotonic());
    this.memory = step.memory;
    const changed = [...step.conditions].sort().join() !== [...this.conditions].sort().join();
    this.conditions = step.conditions;
    if (changed) this.parts.conditionsChanged();
    const evicted = (settings.localStorageIsolation ? await this.enforceStorageLimits() : []).concat();
    if (evicted.length === 0 && step.due.length > 0) evicted.push(...(await this.relieve(step.due, observations)));
    if (evicted.length > 0) this.waitFor(evicted);
  }

  private async observe(): Promise<Observations> {
    const { host } = this.parts;
    this.images ??= await this.findImages();
    const failed = new Set<string>();
    const observations = await observeSignals(host, { imageDirectory: this.images?.directory }, (what, error) => {
      failed.add(what);
      if (!this.failing.has(what)) this.log.warn(`cannot look at ${what}`, { error });
    });
    this.failing.clear();
    for (const what of failed) this.failing.add(what);
    return observations;
  }

  private async findImages(): Promise<{ directory?: string; isDedicated: boolean } | undefined> {
    const { host, runtime } = this.parts;
    try {
      const directory = await runtime.imageDirectory();
      if (directory === undefined) return { isDedicated: false };
      const [node, images] = await Promise.all([host.filesystemUsage(), host.filesystemUsage(directory)]);
      return { directory, isDedicated: node.device !== images.device };
    } catch (error) {
      this.log.debug("cannot find out where images are kept", { error });
      return undefined;
    }
  }

  /** Ends at most one pod. */
  private async relieve(due: readonly Threshold[], observations: Observations): Promise<readonly Pod[]> {
    const [threshold] = due;
    if (threshold === undefined) return [];
    const resource = resourceOf(threshold.signal);
    this.log.info("a threshold is met", { signal: threshold.signal, observed: observations.get(threshold.signal) });
    this.parts.tellNode("Warning", "EvictionThresholdMet", `Attempting to reclaim ${resource}`);
    if (this.reclaimHelps(threshold)) {
      await this.parts.reclaimDisk().catch((error: unknown) => this.log.warn("cannot take back disk space", { error }));
      const after = await this.observe();
      if (!this.parts.settings.thresholds.some((candidate) => isMet(candidate, after, true))) return [];
    }
    const counted = this.countedFor(threshold);
    const pods = this.parts.pods();
    const usages = await measurePods(
      this.parts,
      pods.map(({ pod }) => pod),
      counted,
    );
    const ranked = rankPods(
      resource,
      pods.map((candidate) => ({ ...candidate, evict: candidate.evict.bind(candidate), usage: usages.get(podUid(candidate.pod)) })),
    );
    for (const candidate of ranked) {
      const { pod, usage } = candidate;
      if (isProtected(pod)) continue;
      // Whoever is going already frees what it has: nobody else has to go meanwhile.
      if (candidate.isEnding) return [pod];
      const message = pressureMessage(resource, pod, usage, due, observations);
      this.evict(candidate, { message, graceSeconds: this.graceSeconds(threshold, pod), disruption: message });
      return [pod];
    }
    this.log.warn("a threshold is met, and there is no pod that could be ended", { signal: threshold.signal });
    return [];
  }

  /** Dead containers and images take no memory; on a disk of their own they do not fill the node's. */
  private reclaimHelps({ signal }: Threshold): boolean {
    if (signal === "memory.available" || signal === "pid.available") return false;
    return !(this.images?.isDedicated === true && signal.startsWith("nodefs."));
  }
  private countedFor({ signal }: Threshold): CountedDisk {
    if (this.images?.isDedicated !== true) return { layers: true, logsAndVolumes: true };
    return signal.startsWith("imagefs.") ? { layers: true, logsAndVolumes: false } : { layers: false, logsAndVolumes: true };
  }
  private graceSeconds({ gracePeriodMs }: Threshold, pod: Pod): number {
    if (gracePeriodMs === 0) return IMMEDIATE_SECONDS;
    return Math.min(this.parts.settings.maxPodGraceSeconds, pod.spec.terminationGracePeriodSeconds ?? Infinity);
  }

  private async enforceStorageLimits(): Promise<Pod[]> {
    const limited = this.parts.pods().filter(({ pod, isEnding }) => !isEnding && !isProtected(pod) && hasStorageLimit(pod));
    if (limited.length === 0) return [];
    const pods = limited.map(({ pod }) => pod);
    const disks = await measureDisks(this.parts, pods, { layers: this.images?.isDedicated !== true, logsAndVolumes: true });
    const evicted: Pod[] = [];
    for (const candidate of limited) {
      const disk = disks.get(podUid(candidate.pod));
      const message = disk === undefined ? undefined : storageExcess(candidate.pod, disk);
      if (message === undefined) continue;
      this.evict(candidate, { message, graceSeconds: IMMEDIATE_SECONDS });
      evicted.push(candidate.pod);
    }
    return evicted;
  }

  private evict(candidate: EvictablePod, end: { readonly message: string; readonly graceSeconds: number; readonly disruption?: string }): void {
    const { pod } = candidate;
    this.log.info("ending a pod", { pod: podName(pod), namespace: podNamespace(pod), message: end.message });
    this.parts.events.pod(pod, "Warning", EVICTED, end.message);
    candidate.evict({ reason: EVICTED, ...end });
  }

  /** The next look comes when they are gone, or have taken too long. */
  private waitFor(pods: readonly Pod[]): void {
    this.awaited = { uids: new Set(pods.map(podUid)), untilMs: this.env.clock.monotonic() + CLEAN_UP_LIMIT_MS };
    const poll = (): void => {
      if (this.stopped) return;
      if (this.isWaiting()) this.timer = this.env.clock.setTimeout(poll, CLEAN_UP_POLL_MS);
      else this.synchronize().catch((error: unknown) => this.log.warn("cannot look at the node", { error }));
    };
    this.timer?.cancel();
    this.timer = this.env.clock.setTimeout(poll, CLEAN_UP_POLL_MS);
  }
  private isWaiting(): boolean {
    const { awaited } = this;
    if (awaited === undefined) return false;
    const remain = this.parts.pods().some(({ pod }) => awaited.uids.has(podUid(pod)));
    if (remain && this.env.clock.monotonic() < awaited.untilMs) return true;
    this.awaited = undefined;
    return false;
  }
}

/** The node cannot do without it, or nobody would bring it back. */
function isProtected(pod: Pod): boolean {
  return isStaticPod(pod) || isCriticalPod(pod);
}
