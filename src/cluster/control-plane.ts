// The control plane in one process: API server, controllers, scheduler. Each meets the others through the API alone.
import { type ApiServer, type ApiServerOptions, createApiServer, createSecretTokenIssuer, generateServiceAccountKeys } from "../apiserver/index.ts";
import type { Env } from "../base/index.ts";
import { createInformerFactory } from "../client/index.ts";
import { createControllerManager, createKindDiscovery, type NodeIpamOptions } from "../controllers/index.ts";
import { type CertificatePair, createRequestSigner } from "../kubeadm/index.ts";
import { createScheduler, type SchedulerSettings } from "../scheduler/index.ts";
import { ADMINISTRATOR, CONTROLLER_MANAGER, SCHEDULER, serviceAccount } from "./identities.ts";
import { createNodeDirectories, installLocalPath } from "./local-path.ts";

export interface ControlPlaneOptions extends ApiServerOptions {
  /** Published in every namespace as `kube-root-ca.crt`. */
  readonly rootCaPem?: string;
  /** Signs certificates of clients and kubelets that were approved. Absent: nobody does. */
  readonly signingAuthority?: CertificatePair;
  /** How nodes get the ranges of their pods' addresses. */
  readonly nodeIpam: NodeIpamOptions;
  /** Profiles of the scheduler and how it tries; absent: kube-scheduler's defaults. */
  readonly scheduler?: SchedulerSettings;
}

export interface ControlPlane {
  readonly apiServer: ApiServer;
  /** Starts controllers and scheduler, once the API server is ready. */
  startControllers(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when the API server is ready. */
export async function startControlPlane(env: Env, options: ControlPlaneOptions): Promise<ControlPlane> {
  const serviceAccountKeys = options.serviceAccountKeys ?? (await generateServiceAccountKeys());
  let started = false;
  let state: "new" | "running" | "stopped" = "new";
  const running = (): string | undefined => (state === "running" ? undefined : "not running");
  const components = { scheduler: running, "controller-manager": running };
  const apiServer = createApiServer(env, { ...options, serviceAccountKeys, components });
  await apiServer.start();
  const managerClient = apiServer.localClient(CONTROLLER_MANAGER);
  // One cache a kind for both: objects are shared, so that a second one would cost only its index, but why pay for it.
  const informers = createInformerFactory(env, managerClient);
  const controllers = createControllerManager(env, managerClient, {
    informers,
    kinds: createKindDiscovery(apiServer.customKinds),
    rootCaPem: options.rootCaPem,
    nodeIpam: options.nodeIpam,
    secretTokens: createSecretTokenIssuer(serviceAccountKeys),
    ...(options.signingAuthority === undefined ? {} : { requestSigner: createRequestSigner(env, options.signingAuthority) }),
    clientFor: (name) => apiServer.localClient(serviceAccount(name)),
    ...(options.nodes === undefined ? {} : { nodeDirectories: createNodeDirectories(env, options.nodes) }),
  });
  const scheduler = createScheduler(env, apiServer.localClient(SCHEDULER), { informers, ...options.scheduler });
  return {
    apiServer,
    startControllers: async () => {
      started = true;
      await installLocalPath(apiServer.localClient(ADMINISTRATOR));
      await Promise.all([controllers.start(), scheduler.start()]);
      state = "running";
    },
    stop: async () => {
      state = "stopped";
      if (started) await Promise.all([controllers.stop(), scheduler.stop()]);
      informers.stop();
      await apiServer.stop();
    },
  };
}
