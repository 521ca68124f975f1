// Keeps this node's part of the pod network as the nodes' objects say it should be, whatever others do to it.
import type { Node } from "../api/index.ts";
import type { Env, Logger, Timer } from "../base/index.ts";
import type { Informer } from "../client/index.ts";
import { type NetworkPlan, planNetwork } from "./plan.ts";

/** Makes a plan true on the machine. Idempotent. */
export interface NetworkApplier {
  apply(plan: NetworkPlan): Promise<void>;
  /** False when somebody took away what `apply` made. */
  isIntact(plan: NetworkPlan): Promise<boolean>;
}

export interface NodeNetworkOptions {
  readonly nodeName: string;
  readonly nodes: Informer<Node>;
  readonly applier: NetworkApplier;
}

export interface NodeNetwork {
  start(): void;
  /** What was made stays: pods go on talking. Resolves when nothing is being applied any more. */
  stop(): Promise<void>;
}

const RETRY_MS = 2000;
const CHECK_INTERVAL_MS = 30_000;

export function createNodeNetwork(env: Env, options: NodeNetworkOptions): NodeNetwork {
  return new InformedNodeNetwork(env, options);
}

class InformedNodeNetwork implements NodeNetwork {
  private readonly log: Logger;
  /** The plan that holds on the machine, as text. */
  private applied = "";
  private running: Promise<void> | undefined;
  private again = false;
  private retry: Timer | undefined;
  private checkTimer: Timer | undefined;
  private removeHandler: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly env: Env,
    private readonly options: NodeNetworkOptions,
  ) {
    this.log = env.log.child("network");
  }

  start(): void {
    const changed = () => this.changed();
    const { nodes } = this.options;
    this.removeHandler = nodes.addHandler({ added: changed, updated: changed, deleted: changed });
    void nodes.synced().then(changed);
    this.checkLater();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.removeHandler?.();
    this.retry?.cancel();
    this.checkTimer?.cancel();
    await this.running;
  }

  /** One application at a time; what changes meanwhile causes one more. */
  private changed(): void {
    this.again = true;
    this.running ??= this.run().finally(() => {
      this.running = undefined;
      if (this.again && !this.stopped) this.changed();
    });
  }

  private async run(): Promise<void> {
    while (this.again && !this.stopped) {
      this.again = false;
      await this.apply();
    }
  }

  private async apply(): Promise<void> {
    const { nodeName, nodes, applier } = this.options;
    // With half of the nodes known, the ways to the others would be taken away.
    if (!nodes.hasSynced()) return;
    const plan = planNetwork(nodeName, nodes.list());
    const text = JSON.stringify(plan);
    if (plan === undefined || text === this.applied) return;
    this.retry?.cancel();
    try {
      await applier.apply(plan);
      this.applied = text;
      this.log.info("pod network is set up", { podCidrs: plan.networks.map(({ podCidr }) => podCidr), routes: plan.routes.length });
    } catch (error) {
      // Half of it may be there: the former plan holds no more either.
      this.applied = "";
      this.log.error("pod network could not be set up", { error, retryInMs: RETRY_MS });
      if (!this.stopped) this.retry = this.env.clock.setTimeout(() => this.changed(), RETRY_MS);
    }
  }

  private checkLater(): void {
    if (this.stopped) return;
    this.checkTimer = this.env.clock.setTimeout(() => void this.check().finally(() => this.checkLater()), CHECK_INTERVAL_MS);
  }

  private async check(): Promise<void> {
    const { nodeName, nodes, applier } = this.options;
    const plan = planNetwork(nodeName, nodes.list());
    if (plan === undefined || this.running !== undefined || this.applied !== JSON.stringify(plan)) return;
    try {
      if ((await applier.isIntact(plan)) || this.stopped) return;
      this.log.warn("somebody changed the pod network; it is put back");
      this.applied = "";
      this.changed();
    } catch (error) {
      this.log.error("the pod network could not be looked at", { error });
    }
  }
}
