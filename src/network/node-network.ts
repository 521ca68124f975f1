// Keeps this node's part of the pod network as the nodes' objects say it should be.
import type { Node } from "../api/index.ts";
import type { Env, Timer } from "../base/index.ts";
import type { Informer } from "../client/index.ts";
import { type NetworkPlan, planNetwork } from "./plan.ts";

/** Makes a plan true on the machine. Idempotent. */
export interface NetworkApplier {
  apply(plan: NetworkPlan): Promise<void>;
}

export interface NodeNetworkOptions {
  readonly nodeName: string;
  readonly nodes: Informer<Node>;
  readonly applier: NetworkApplier;
}

export interface NodeNetwork {
  start(): void;
  stop(): void;
}

const RETRY_MS = 2000;

export function createNodeNetwork(env: Env, { nodeName, nodes, applier }: NodeNetworkOptions): NodeNetwork {
  const log = env.log.child("network");
  let applied = "";
  let running = false;
  let stopped = false;
  let again = false;
  let retry: Timer | undefined;

  const apply = async (): Promise<void> => {
    if (stopped) return;
    const plan = planNetwork(nodeName, nodes.list());
    const text = JSON.stringify(plan);
    if (plan === undefined || text === applied) return;
    try {
      await applier.apply(plan);
      applied = text;
      log.info("pod network is set up", { podCidr: plan.podCidr, routes: plan.routes.length });
    } catch (error) {
      log.error("pod network could not be set up", { error, retryInMs: RETRY_MS });
      retry = env.clock.setTimeout(changed, RETRY_MS);
    }
  };
  // One application at a time; what changes meanwhile causes one more.
  const changed = (): void => {
    again = true;
    if (running) return;
    running = true;
    void (async () => {
      while (again) {
        again = false;
        await apply();
      }
      running = false;
    })();
  };

  let removeHandler: (() => void) | undefined;
  return {
    start: () => {
      removeHandler = nodes.addHandler({ added: changed, updated: changed, deleted: changed });
    },
    stop: () => {
      stopped = true;
      removeHandler?.();
      retry?.cancel();
    },
  };
}
