// Graceful node shutdown: holds the machine's shutdown up until its pods have ended in the order of their priority
// (https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#graceful-node-shutdown).
//
// Invariants: the machine is never held up for longer than the periods add up to; while it shuts down the node is not ready and takes
// no pod; a shutdown that is called off leaves the node as before, and the next one is held up again.
import type { Env, Logger, Timer } from "../../base/index.ts";
import { type Backoff, createBackoff } from "../../client/index.ts";
import type { ShutdownGracePeriod } from "../configuration/kubelet-configuration.ts";
import type { EvictablePod } from "../eviction/eviction-manager.ts";
import type { ShutdownHold, ShutdownSource } from "../host.ts";
import type { AdmissionResult } from "../pods/pod-admission.ts";
import { podUid } from "../pods/pod-spec.ts";
import { type ShutdownGroup, shutdownDelayMs, shutdownGroups } from "./shutdown-groups.ts";

export interface NodeShutdownParts {
  readonly source: ShutdownSource;
  /** Empty: the machine is not held up. */
  readonly periods: readonly ShutdownGracePeriod[];
  readonly pods: () => readonly EvictablePod[];
  readonly tellNode: (type: "Normal" | "Warning", reason: string, message: string) => void;
  readonly statusChanged: () => void;
}

export interface NodeShutdown {
  start(): void;
  stop(): void;
  admit(): AdmissionResult;
  /** Why the node is not ready. */
  readonly problems: readonly string[];
}

const REASON = "Terminated";
const MESSAGE = "Pod was terminated in response to imminent node shutdown.";
const RETRY = { firstDelayMs: 1000, largestDelayMs: 60_000, jitter: 0.2 } as const;
const POLL_MS = 200;

export function createNodeShutdown(env: Env, parts: NodeShutdownParts): NodeShutdown {
  return new ShutdownManager(env, parts);
}

class ShutdownManager implements NodeShutdown {
  private hold: ShutdownHold | undefined;
  private isShuttingDown = false;
  /** Which shutdown it is: one that was called off does not let go of the machine for the next. */
  private shutdowns = 0;
  private stopped = false;
  private timer: Timer | undefined;
  private readonly retry: Backoff;
  private readonly log: Logger;

  constructor(
    private readonly env: Env,
    private readonly parts: NodeShutdownParts,
  ) {
    this.log = env.log.child("shutdown");
    this.retry = createBackoff(env, RETRY);
  }

  get problems(): readonly string[] {
    return this.isShuttingDown ? ["node is shutting down"] : [];
  }
  admit(): AdmissionResult {
    if (!this.isShuttingDown) return { admitted: true };
    return { admitted: false, reason: "NodeShutdown", message: "Pod was rejected as the node is shutting down." };
  }

  start(): void {
    if (this.parts.periods.length > 0) this.connect().catch((error: unknown) => this.lost(error));
  }
  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.hold?.close();
  }

  private async connect(): Promise<void> {
    const { source, periods } = this.parts;
    const hold = await source.hold({
      delayMs: shutdownDelayMs(periods),
      changed: (shuttingDown) => this.changed(shuttingDown),
      lost: (error) => this.lost(error),
    });
    this.hold = hold;
    if (this.stopped) hold.close();
    this.retry.reset();
  }

  private lost(error: unknown): void {
    this.hold?.close();
    this.hold = undefined;
    if (this.stopped) return;
    this.timer?.cancel();
    const delayMs = this.retry.next();
    this.log.warn("cannot hold up the machine's shutdown, will retry", { error, delayMs: Math.round(delayMs) });
    this.timer = this.env.clock.setTimeout(() => this.start(), delayMs);
  }

  private changed(shuttingDown: boolean): void {
    if (shuttingDown === this.isShuttingDown || this.stopped) return;
    this.isShuttingDown = shuttingDown;
    this.parts.tellNode("Normal", "NodeShutdown", `Shutdown manager detected shutdown ${shuttingDown ? "event" : "cancellation"}`);
    this.parts.statusChanged();
    if (!shuttingDown) {
      this.hold?.renew();
      return;
    }
    const shutdown = ++this.shutdowns;
    const goesOn = (): boolean => this.isShuttingDown && shutdown === this.shutdowns;
    this.endPods(goesOn)
      .catch((error: unknown) => this.log.error("cannot end the pods before the machine shuts down", { error }))
      .finally(() => goesOn() && this.hold?.release());
  }

  private async endPods(goesOn: () => boolean): Promise<void> {
    for (const group of shutdownGroups(this.parts.periods, this.parts.pods())) {
      if (!goesOn()) return;
      this.log.info("ending pods before the machine shuts down", { pods: group.pods.length, seconds: group.seconds });
      await this.endGroup(group);
    }
  }

  private async endGroup({ seconds, pods }: ShutdownGroup<EvictablePod>): Promise<void> {
    for (const candidate of pods) {
      const graceSeconds = Math.min(seconds, candidate.pod.spec.terminationGracePeriodSeconds ?? seconds);
      candidate.evict({ reason: REASON, message: MESSAGE, graceSeconds, disruption: MESSAGE });
    }
    const uids = new Set(pods.map(({ pod }) => podUid(pod)));
    const endMs = this.env.clock.monotonic() + seconds * 1000;
    while (!this.stopped && this.env.clock.monotonic() < endMs && this.parts.pods().some(({ pod }) => uids.has(podUid(pod)))) {
      await new Promise<void>((resolve) => this.env.clock.setTimeout(resolve, POLL_MS));
    }
  }
}
