// The controller manager: which controllers run, in one list, and their life together. A controller that fails to start does
// not keep the others from running.
import type { Env } from "../base/index.ts";
import { type Client, createEventRecorder, createInformerFactory, type InformerFactory } from "../client/index.ts";
import type { Controller, RunningController } from "./controller.ts";
import { deploymentController } from "./deployment.ts";
import { replicaSetController, replicationControllerController } from "./replicaset.ts";
import { rootCaController } from "./root-ca.ts";
import { serviceAccountController } from "./serviceaccount.ts";

export interface ControllerManagerOptions {
  /** Published in every namespace. Absent: nothing is published. */
  readonly rootCaPem?: string;
  /** Caches shared with other components of the process; absent: own ones. */
  readonly informers?: InformerFactory;
  /** Pods get their addresses out of this network, a /24 (or /64) a node. Absent: nodes get no range. */
  readonly clusterCidr?: string;
  /** Names of controllers to leave out. */
  readonly disabled?: readonly string[];
}

export interface ControllerManager {
  /** Resolves when all controllers' caches are filled and they work. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Every controller, in the order in which a new cluster needs them. */
function controllersOf(options: ControllerManagerOptions): readonly Controller[] {
  return [
    serviceAccountController,
    ...(options.rootCaPem === undefined ? [] : [rootCaController(options.rootCaPem)]),
    deploymentController,
    replicaSetController,
    replicationControllerController,
  ];
}

export function createControllerManager(env: Env, client: Client, options: ControllerManagerOptions = {}): ControllerManager {
  const log = env.log.child("controller-manager");
  const informers = options.informers ?? createInformerFactory(env, client);
  const running: RunningController[] = [];
  const recorders: { stop(): void }[] = [];
  const startOne = async (controller: Controller): Promise<void> => {
    const recorder = createEventRecorder(env, client, `${controller.name}-controller`);
    recorders.push(recorder);
    running.push(await controller.start({ env, client, informers, recorder }));
    log.debug("controller works", { controller: controller.name });
  };
  return {
    start: async () => {
      informers.start();
      const disabled = new Set(options.disabled ?? []);
      await Promise.all(
        controllersOf(options)
          .filter(({ name }) => !disabled.has(name))
          .map(startOne),
      );
    },
    stop: async () => {
      for (const recorder of recorders) recorder.stop();
      await Promise.all(running.splice(0).map((controller) => controller.stop()));
      if (options.informers === undefined) informers.stop();
    },
  };
}
