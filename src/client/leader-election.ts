// One leader among several candidates, by a Lease that the leader renews
// (https://kubernetes.io/docs/concepts/architecture/leases/#leader-election). A candidate judges a lease's age by its own
// clock from when it last saw the lease change, never by the times written in it: clocks differ.
import { isStatus, type Lease, leases } from "../api/index.ts";
import { type Env, formatMicroTime, type Timer } from "../base/index.ts";
import { delay } from "./backoff.ts";
import type { Client } from "./client.ts";

export interface LeaderElectionOptions {
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique among the candidates. */
  readonly identity: string;
  /** Others take over this long after the last renewal they saw. Default 15 s. */
  readonly leaseDurationMs?: number;
  /** The leader gives up when it could not renew for so long. Default 10 s; less than the lease's duration. */
  readonly renewDeadlineMs?: number;
  /** Between attempts. Default 2 s. */
  readonly retryPeriodMs?: number;
  /** Called when this candidate begins to lead; `signal` aborts when it no longer does. */
  readonly onStartedLeading: (signal: AbortSignal) => void;
  readonly onStoppedLeading?: () => void;
  readonly onNewLeader?: (identity: string) => void;
}

export interface LeaderElection {
  isLeader(): boolean;
  /** Stops taking part and gives the lease free, so that another leads at once. */
  stop(): Promise<void>;
}

/** Takes part until stopped: after leadership is lost it waits to lead again. */
export function runLeaderElection(env: Env, client: Client, options: LeaderElectionOptions): LeaderElection {
  return new Candidate(env, client, options);
}

class Candidate implements LeaderElection {
  private readonly leaseDurationMs: number;
  private readonly renewDeadlineMs: number;
  private readonly retryPeriodMs: number;
  private readonly abort = new AbortController();
  private readonly loop: Promise<void>;
  private observed: Lease | undefined;
  private observedAtMs = 0;
  private leader = "";
  private leading: AbortController | undefined;
  /** Ends leadership that was not renewed in time, though a request may still hang. */
  private deadline: Timer | undefined;

  constructor(
    private readonly env: Env,
    private readonly client: Client,
    private readonly options: LeaderElectionOptions,
  ) {
    this.leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.retryPeriodMs = options.retryPeriodMs ?? 2000;
    this.loop = this.run();
  }

  isLeader(): boolean {
    return this.leading !== undefined;
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    const { signal } = this.abort;
    const log = this.env.log.child("leader-election");
    while (!signal.aborted) {
      try {
        if (!(await this.tryToLead())) this.stopLeading();
      } catch (error) {
        log.warn("cannot reach the lease", { lease: this.options.lease, error });
      }
      if (signal.aborted) break;
      const jitter = this.leading === undefined ? 1 + 1.2 * this.env.random.next() : 1;
      await delay(this.env, this.retryPeriodMs * jitter, signal);
    }
    if (this.leading !== undefined) {
      this.stopLeading();
      await this.release().catch((error: unknown) => log.debug("cannot release the lease", { error }));
    }
  }

  /** True when this candidate holds the lease afterwards. */
  private async tryToLead(): Promise<boolean> {
    const { lease, identity } = this.options;
    const current = await this.read();
    if (current === undefined) {
      const time = formatMicroTime(this.env.clock.now());
      const created = await this.write("create", {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { ...lease },
        spec: { ...this.term(), acquireTime: time, renewTime: time, leaseTransitions: 0 },
      });
      return created;
    }
    this.observe(current);
    const holder = current.spec.holderIdentity ?? "";
    const fresh = this.env.clock.monotonic() - this.observedAtMs < (current.spec.leaseDurationSeconds ?? this.leaseDurationMs / 1000) * 1000;
    if (holder !== "" && holder !== identity && fresh) return false;
    const time = formatMicroTime(this.env.clock.now());
    const kept = holder === identity;
    return this.write("update", {
      ...current,
      spec: {
        ...current.spec,
        ...this.term(),
        acquireTime: kept ? current.spec.acquireTime : time,
        renewTime: time,
        leaseTransitions: (current.spec.leaseTransitions ?? 0) + (kept ? 0 : 1),
      },
    });
  }

  private term(): { holderIdentity: string; leaseDurationSeconds: number } {
    return { holderIdentity: this.options.identity, leaseDurationSeconds: Math.ceil(this.leaseDurationMs / 1000) };
  }

  /** A leader knows its own last write and saves the read. */
  private async read(): Promise<Lease | undefined> {
    if (this.leading !== undefined && this.observed !== undefined) return this.observed;
    try {
      return await this.client.get(leases, this.options.lease);
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  private async write(verb: "create" | "update", lease: Lease): Promise<boolean> {
    try {
      this.observe(await this.client[verb](leases, lease));
    } catch (error) {
      if (isStatus(error, "Conflict", "AlreadyExists")) {
        // Somebody else was first, or somebody edited the lease: look before the next attempt.
        const current = await this.client.get(leases, this.options.lease);
        this.observe(current);
        return current.spec.holderIdentity === this.options.identity && this.leading !== undefined;
      }
      if (isStatus(error, "NotFound")) this.observed = undefined;
      throw error;
    }
    this.deadline?.cancel();
    this.deadline = this.env.clock.setTimeout(() => this.stopLeading(), this.renewDeadlineMs);
    if (this.leading === undefined) {
      this.leading = new AbortController();
      this.options.onStartedLeading(this.leading.signal);
    }
    return true;
  }

  private observe(lease: Lease): void {
    if (lease.metadata.resourceVersion !== this.observed?.metadata.resourceVersion) this.observedAtMs = this.env.clock.monotonic();
    this.observed = lease;
    const holder = lease.spec.holderIdentity ?? "";
    if (holder === this.leader) return;
    this.leader = holder;
    if (holder !== "") this.options.onNewLeader?.(holder);
  }

  private stopLeading(): void {
    this.deadline?.cancel();
    if (this.leading === undefined) return;
    this.leading.abort();
    this.leading = undefined;
    this.options.onStoppedLeading?.();
  }

  private async release(): Promise<void> {
    if (this.observed === undefined) return;
    const time = formatMicroTime(this.env.clock.now());
    const { leaseTransitions } = this.observed.spec;
    await this.client.update(leases, {
      ...this.observed,
      spec: { holderIdentity: "", leaseDurationSeconds: 1, acquireTime: time, renewTime: time, leaseTransitions },
    });
  }
}
