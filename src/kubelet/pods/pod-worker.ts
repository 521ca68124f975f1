// The life of one pod on this node, as a state machine: syncing → terminating → terminated → finished. It is driven by the API
// (update, removed), by the runtime and the probes (wake) and by one timer for what is due.
//
// Invariants: one step runs at a time; states are only passed forward; once a pod is to end nothing of it is started; what a
// step does is safe to do again after a crash anywhere in it.
import type { Pod, PodStatus } from "../../api/index.ts";
import { type Logger, parseTime, type Timer } from "../../base/index.ts";
import { type Backoff, createBackoff } from "../../client/index.ts";
import { abortable } from "../abortable.ts";
import { readTerminationMessage } from "../containers/termination-message.ts";
import type { CgroupLimits } from "../host.ts";
import { isResizeInProgress } from "../resize/resize-pod.ts";
import type { StartFailure } from "./container-statuses.ts";
import { isTerminalPhase, podName, podNamespace, podUid } from "./pod-spec.ts";
import { computePodStatus, endedPodStatus } from "./pod-status.ts";
import { downwardContext, syncPod } from "./pod-sync.ts";
import { deleteFromApi, endContainers, forgetRuntimePod, hastenContainers, releaseResources, stopSandboxes } from "./pod-termination.ts";
import type { PodWorkerParts } from "./pod-worker-parts.ts";
import { emptyRuntimePod, observePod, type RuntimePod, withNewSandbox } from "./runtime-pod.ts";
import { newer } from "./status-writer.ts";

/** The kubelet ends a pod, and says why. */
export interface PodEnd {
  readonly reason: string;
  readonly message: string;
  /** Instead of what the pod asks for. */
  readonly graceSeconds?: number;
  /** Shown as the condition DisruptionTarget: it is not the pod's own fault. */
  readonly disruption?: string;
}

export type PodWorkerState = "syncing" | "terminating" | "terminated" | "finished";

const RETRY = { firstDelayMs: 1000, largestDelayMs: 30_000, jitter: 0.2 } as const;
/** After so long a step counts as waiting for something outside. */
const STUCK_MS = 100;
const DEADLINE = { reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline" } as const;

export class PodWorker {
  private state: PodWorkerState = "syncing";
  /** Gone from the API server. */
  private isRemoved = false;
  private deletedFromApi = false;
  private pending = false;
  /** Something may have changed since the last report began. */
  private stale = true;
  private running = false;
  private timer: Timer | undefined;
  private stuckTimer: Timer | undefined;
  private readonly retry: Backoff;
  private readonly log: Logger;
  private eviction: PodEnd | undefined;
  private terminal = false;
  /** Aborts when the pod is to end. */
  private readonly ending = new AbortController();
  /** Replaced each time the grace period gets shorter. */
  private hurry = new AbortController();
  private readonly startFailures = new Map<string, StartFailure>();
  private readonly group: { limits: CgroupLimits | undefined } = { limits: undefined };
  /** The report that has not begun yet, and the end of the last one. */
  private queuedReport: Promise<void> | undefined;
  private reports: Promise<void> = Promise.resolve();
  private refreshVolumes = false;
  private stopped = false;
  /** Aborts when the kubelet stops: nothing is waited for any more. */
  private readonly halt = new AbortController();
  private work: Promise<void> = Promise.resolve();
  private observed: RuntimePod = emptyRuntimePod;

  constructor(
    private readonly parts: PodWorkerParts,
    private pod: Pod,
  ) {
    this.retry = createBackoff(parts.env, RETRY);
    this.log = parts.env.log.child("pod");
    parts.objects.follow(pod);
    if (this.mustEnd(pod)) this.beginEnding();
    this.wake();
  }

  get uid(): string {
    return podUid(this.pod);
  }
  get current(): Pod {
    return this.pod;
  }
  get phase(): PodWorkerState {
    return this.state;
  }
  /** With the resources that are granted to it. */
  private get allocated(): Pod {
    return this.parts.allocations.allocated(this.pod);
  }
  /** What the runtime told last. */
  get runtimePod(): RuntimePod {
    return this.observed;
  }

  /** A newer revision of the pod. */
  update(pod: Pod): void {
    const old = this.pod;
    this.pod = newer(old, pod);
    this.parts.statuses.seen(this.pod);
    // The first deletion shortens nothing: it begins the end.
    const before = old.metadata.deletionGracePeriodSeconds;
    const shorter = before !== undefined && (this.pod.metadata.deletionGracePeriodSeconds ?? Infinity) < before;
    if (this.mustEnd(this.pod)) this.beginEnding();
    if (shorter && this.state === "terminating") this.hurry.abort();
    // The kubelet's own status writes come back as updates and change nothing.
    const specChanged = this.pod.metadata.generation !== old.metadata.generation || this.pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp;
    const metadataChanged = shownMetadata(this.pod) !== shownMetadata(old);
    const gatesChanged = (this.pod.spec.readinessGates ?? []).length > 0;
    if (specChanged) {
      this.parts.objects.follow(this.pod);
      this.parts.allocations.updated(this.pod);
    }
    if (specChanged || metadataChanged) this.refreshVolumes = true;
    if (specChanged || metadataChanged || gatesChanged) this.wake();
  }

  /** Deleted at the API server, by whomever. */
  removed(last: Pod): void {
    this.pod = newer(this.pod, last);
    this.isRemoved = true;
    this.parts.statuses.forget(this.uid);
    if (this.state === "terminating") this.hurry.abort();
    this.beginEnding();
    this.wake();
  }

  /** The kubelet itself ends the pod. */
  evict(end: PodEnd): void {
    if (this.state !== "syncing" && this.state !== "terminating") return;
    this.eviction ??= end;
    const wasEnding = this.state === "terminating";
    this.beginEnding();
    if (wasEnding && end.graceSeconds !== undefined) this.hurry.abort();
    this.wake();
  }

  /** Something about the pod may have changed. */
  wake(): void {
    if (this.stopped || this.state === "finished") return;
    this.pending = true;
    this.stale = true;
    if (this.running) this.publishIfStuck();
    else this.work = this.run();
  }
  /** A step that waits for an image or a hook must not keep the status back; one that goes on reports by itself. */
  private publishIfStuck(): void {
    this.stuckTimer ??= this.parts.env.clock.setTimeout(() => {
      this.stuckTimer = undefined;
      if (!this.running || this.stopped) return;
      this.publish().catch((error: unknown) => this.log.debug("cannot look at a pod", { error, ...this.name() }));
    }, STUCK_MS);
  }

  /** An object that the pod's volumes show has changed. */
  sourceChanged(): void {
    this.refreshVolumes = true;
    this.wake();
  }

  /** Leaves the pod as it is. Resolves when nothing is done about it any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    this.stuckTimer?.cancel();
    this.halt.abort();
    await this.work;
    await this.reports;
  }

  private mustEnd(pod: Pod): boolean {
    return pod.metadata.deletionTimestamp !== undefined || isTerminalPhase(pod.status?.phase);
  }
  private beginEnding(): void {
    if (this.state !== "syncing") return;
    this.state = "terminating";
    this.ending.abort();
    this.parts.activeChanged();
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.pending && !this.stopped) {
      this.pending = false;
      this.timer?.cancel();
      try {
        const dueMs = await this.step();
        this.retry.reset();
        if (dueMs !== undefined) this.wakeAt(dueMs);
      } catch (error) {
        if (this.stopped) break;
        if (this.state === "terminating") {
          this.parts.events.pod(this.pod, "Warning", "FailedKillPod", `error killing pod: ${error instanceof Error ? error.message : String(error)}`);
        }
        const delayMs = this.retry.next();
        this.log.warn("cannot bring a pod on its way, will retry", { error, state: this.state, delayMs: Math.round(delayMs), ...this.name() });
        this.wakeAt(this.parts.env.clock.now() + delayMs);
      }
    }
    this.running = false;
  }

  private wakeAt(dueMs: number): void {
    this.timer?.cancel();
    if (this.stopped || this.state === "finished") return;
    this.timer = this.parts.env.clock.setTimeout(() => this.wake(), Math.max(0, dueMs - this.parts.env.clock.now()));
  }

  /** Wall clock time at which the next step is due by itself. */
  private step(): Promise<number | undefined> {
    switch (this.state) {
      case "syncing":
        return this.sync();
      case "terminating":
        return this.terminate();
      case "terminated":
        return this.conclude();
      case "finished":
        return Promise.resolve(undefined);
    }
  }

  private async sync(): Promise<number | undefined> {
    const { parts } = this;
    const deadlineMs = this.deadlineMs();
    if (deadlineMs !== undefined && parts.env.clock.now() >= deadlineMs) {
      parts.events.pod(this.pod, "Normal", DEADLINE.reason, DEADLINE.message);
      this.evict(DEADLINE);
      return undefined;
    }
    // What a step has done it has reported; the wake that this caused needs no second look.
    if (this.stale) await this.publish();
    const pod = this.allocated;
    if (isTerminalPhase(parts.statuses.latest(this.uid)?.phase)) {
      this.beginEnding();
      this.pending = true;
      return undefined;
    }
    if (this.refreshVolumes) {
      this.refreshVolumes = false;
      await parts.volumes.refresh(pod, downwardContext(parts, pod, this.observed.ips));
    } else if ((parts.volumes.refreshAtMs(this.uid) ?? Infinity) <= parts.env.clock.now()) {
      await parts.volumes.refresh(pod, downwardContext(parts, pod, this.observed.ips));
    }
    const { startFailures, group } = this;
    const { retryAtMs, acted } = await syncPod(
      {
        parts,
        pod,
        startFailures,
        group,
        restartAll: isRestartingAll(parts.statuses.latest(this.uid)),
        signal: AbortSignal.any([this.ending.signal, this.halt.signal]),
        sandboxMade: async (id) => {
          await this.publish((known) => withNewSandbox(parts.runtime, known, id));
          return this.observed;
        },
      },
      this.observed,
    );
    if (acted) await this.publish();
    const times = [retryAtMs, deadlineMs, parts.volumes.refreshAtMs(this.uid)].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  private deadlineMs(): number | undefined {
    const { activeDeadlineSeconds } = this.pod.spec;
    const startedMs = parseTime(this.parts.statuses.latest(this.uid)?.startTime ?? this.pod.status?.startTime);
    return activeDeadlineSeconds === undefined || startedMs === undefined ? undefined : startedMs + activeDeadlineSeconds * 1000;
  }

  private async terminate(): Promise<number | undefined> {
    const { parts } = this;
    await this.publish();
    parts.probes.stopLivenessAndStartup(this.uid);
    const grace = this.forcedGrace();
    let ends: Promise<unknown> = endContainers(parts, this.pod, this.observed, grace);
    ends.catch(() => undefined);
    for (;;) {
      const { signal } = this.hurry;
      await abortable(ends, AbortSignal.any([signal, this.halt.signal]));
      if (this.stopped) return undefined;
      if (!signal.aborted) break;
      this.hurry = new AbortController();
      const before = ends;
      ends = Promise.all([before, hastenContainers(parts, await this.observe(), this.forcedGrace() ?? this.pod.metadata.deletionGracePeriodSeconds ?? 0)]);
      ends.catch(() => undefined);
    }
    await ends;
    await stopSandboxes(parts, await this.observe());
    parts.probes.removePod(this.uid);
    this.terminal = true;
    this.state = "terminated";
    await this.publish();
    this.pending = true;
    return undefined;
  }

  /** A pod that is gone already is not waited for. */
  private forcedGrace(): number | undefined {
    const { deletionGracePeriodSeconds } = this.pod.metadata;
    const graceSeconds = this.eviction?.graceSeconds;
    if (graceSeconds !== undefined) return Math.min(graceSeconds, deletionGracePeriodSeconds ?? graceSeconds);
    if (this.isRemoved) return deletionGracePeriodSeconds ?? this.pod.spec.terminationGracePeriodSeconds ?? 0;
    return deletionGracePeriodSeconds === 0 ? 0 : undefined;
  }

  private async conclude(): Promise<number | undefined> {
    const { parts } = this;
    await releaseResources(parts, this.pod);
    if (!this.isRemoved) {
      await this.publish();
      await parts.statuses.flushed(this.uid);
      const isDeleted = this.pod.metadata.deletionTimestamp !== undefined;
      if (isDeleted && !this.deletedFromApi) {
        await deleteFromApi(parts, this.pod);
        this.deletedFromApi = true;
      }
      // An ended pod keeps its containers for their logs until it is deleted.
      if (!isDeleted) return undefined;
    }
    await forgetRuntimePod(parts, this.pod, await this.observe());
    if (!this.isRemoved) return undefined;
    this.state = "finished";
    parts.statuses.forget(this.uid);
    parts.allocations.forget(this.uid);
    parts.finished(this.pod);
    return undefined;
  }

  private async observe(): Promise<RuntimePod> {
    const { runtime, host } = this.parts;
    this.observed = await observePod(runtime, this.uid, this.observed, (status) => readTerminationMessage(host, status));
    return this.observed;
  }

  /** Reports what is so now. Calls that come before a report has begun share it; one that knows where to look is on its own. */
  private publish(look?: (known: RuntimePod) => Promise<RuntimePod>): Promise<void> {
    if (this.queuedReport !== undefined && look === undefined) return this.queuedReport;
    const report = this.reports.then(() => {
      if (look !== undefined) return this.publishOnce(async () => (this.observed = await look(this.observed)));
      this.queuedReport = undefined;
      this.stale = false;
      return this.publishOnce(() => this.observe());
    });
    if (look === undefined) this.queuedReport = report;
    this.reports = report.catch(() => {
      this.stale = true;
    });
    return report;
  }

  private async publishOnce(look: () => Promise<RuntimePod>): Promise<void> {
    const { parts } = this;
    const runtimePod = await look();
    if (this.isRemoved || this.stopped) return;
    const pod = this.allocated;
    const actuated = parts.allocations.actuated(this.pod);
    parts.allocations.progress(pod, this.terminal || !isResizeInProgress(pod, actuated, runtimePod));
    const status = computePodStatus({
      pod,
      actuated,
      resize: parts.allocations.state(this.uid),
      runtimePod,
      previous: parts.statuses.latest(this.uid) ?? this.pod.status,
      startFailures: this.startFailures,
      readiness: parts.probes,
      terminal: this.terminal,
      ...(this.eviction === undefined ? {} : { eviction: this.eviction }),
      nodeIps: parts.node.ips,
      nowMs: parts.env.clock.now(),
    });
    parts.statuses.report(this.pod, this.state === "terminated" ? endedPodStatus(this.pod, status) : status);
    parts.probes.observe(this.uid);
  }

  private name(): { pod: string; namespace: string } {
    return { pod: podName(this.pod), namespace: podNamespace(this.pod) };
  }
}

function isRestartingAll(status: PodStatus | undefined): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "AllContainersRestarting" && value === "True") === true;
}

/** What the downward API shows of a pod's metadata that may change. */
function shownMetadata({ metadata: { labels, annotations } }: Pod): string {
  return JSON.stringify([labels, annotations]);
}
