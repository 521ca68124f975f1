// The controller manager: which controllers run, in one list, and their life together. A controller that fails to start does
// not keep the others from running.
import type { Env } from "../base/index.ts";
import {
  type Client,
  createEventRecorder,
  createInformerFactory,
  type EventRecorder,
  type InformerFactory,
  type LeaderElection,
  type LeaderElectionOptions,
  runLeaderElection,
} from "../client/index.ts";
import { bootstrapSigner, tokenCleaner } from "./bootstrap-tokens.ts";
import { clusterRoleAggregationController } from "./clusterrole-aggregation.ts";
import type { Controller, RunningController } from "./controller.ts";
import { cronJobController } from "./cronjob.ts";
import { csrApprovingController } from "./csr-approving.ts";
import { csrCleanerController } from "./csr-cleaner.ts";
import { csrSigningController, type RequestSigner } from "./csr-signing.ts";
import { daemonSetController } from "./daemonset.ts";
import { deploymentController } from "./deployment.ts";
import { disruptionController, staleDisruptionController } from "./disruption.ts";
import { endpointsController } from "./endpoints.ts";
import { endpointSliceController } from "./endpointslice.ts";
import { endpointSliceMirroringController } from "./endpointslice-mirroring.ts";
import { ephemeralVolumeController } from "./ephemeral-volume.ts";
import { garbageCollector } from "./garbage-collector.ts";
import { horizontalPodAutoscalerController } from "./horizontal-pod-autoscaler.ts";
import { jobController, jobOrphanController, ttlAfterFinishedController } from "./job.ts";
import { createKindDiscovery, type KindDiscovery } from "./kind-discovery.ts";
import { LOCAL_PATH_PROVISIONER, localPathProvisioners, type NodeDirectories } from "./local-path-provisioner.ts";
import { namespaceController } from "./namespace.ts";
import { type NodeIpamOptions, nodeIpamController } from "./node-ipam.ts";
import { type NodeLifecycleOptions, nodeLifecycleController } from "./node-lifecycle.ts";
import { nodeTtlController } from "./node-ttl.ts";
import { podGarbageCollector } from "./pod-gc.ts";
import { replicaSetController, replicationControllerController } from "./replicaset.ts";
import { resourceQuotaController } from "./resourcequota.ts";
import { rootCaController } from "./root-ca.ts";
import { serviceAccountOf } from "./service-accounts.ts";
import { serviceCidrController } from "./service-cidr.ts";
import { serviceLoadBalancerController } from "./service-lb.ts";
import { serviceAccountController } from "./serviceaccount.ts";
import { type SecretTokenIssuer, serviceAccountTokenController } from "./serviceaccount-tokens.ts";
import { staleTokenController } from "./stale-tokens.ts";
import { statefulSetController } from "./statefulset.ts";
import { attributesClassProtection, claimProtection, volumeProtection } from "./storage-protection.ts";
import { taintEvictionController } from "./taint-eviction.ts";
import { volumeClaimBinder } from "./volume-claim-binder.ts";
import { volumeExpandController } from "./volume-expand.ts";
import { volumeReclaim } from "./volume-reclaim.ts";

export interface ControllerManagerOptions extends NodeLifecycleOptions {
  /** Published in every namespace. Absent: nothing is published. */
  readonly rootCaPem?: string;
  /** Caches shared with other components of the process; absent: own ones. */
  readonly informers?: InformerFactory;
  /** How nodes get the ranges of their pods' addresses. Absent: they get none. */
  readonly nodeIpam?: NodeIpamOptions;
  /** Ended pods beyond this number are deleted; 0: none. Default 12500. */
  readonly terminatedPodGcThreshold?: number;
  /** Issues the tokens that secrets keep. Absent: such secrets stay empty. */
  readonly secretTokens?: SecretTokenIssuer;
  /** Signs for the cluster's own signers. Absent: nothing is signed. */
  readonly requestSigner?: RequestSigner;
  /** Certificates live so long at most. Default: a year. */
  readonly clusterSigningSeconds?: number;
  /** The kinds that are served; absent: the built-in ones. */
  readonly kinds?: KindDiscovery;
  /**
   * The client that acts as the named service account of kube-system, so that each controller has no more rights than its
   * own role gives. Absent: all act as `client`.
   */
  readonly clientFor?: (serviceAccount: string) => Client;
  /** The nodes' directories that the class local-path hands out as volumes. Absent: its claims wait. */
  readonly nodeDirectories?: NodeDirectories;
  /** Only one of several managers works, by the Lease `kube-system/kube-controller-manager`. Absent: this one works at once. */
  readonly leaderElection?: Pick<LeaderElectionOptions, "identity" | "leaseDurationMs" | "renewDeadlineMs" | "retryPeriodMs">;
  /** Names of controllers to leave out. */
  readonly disabled?: readonly string[];
}

export interface ControllerManager {
  /** Resolves when all controllers' caches are filled and they work; where a leader is elected, as soon as this one takes part. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** From the moment at which the controllers may work to the one at which they no longer may. */
interface Term {
  /** Resolves when all work; rejects when one does not start, and the others go on. */
  readonly started: Promise<void>;
  stop(): Promise<void>;
}

const LEASE = { namespace: "kube-system", name: "kube-controller-manager" };

/** They have no role of their own: the manager's lets them write secrets. */
const ACT_AS_MANAGER: ReadonlySet<string> = new Set(["serviceaccount-token"]);

/** The component that events name, where it is not the controller's service account. */
const EVENT_SOURCES: Readonly<Record<string, string>> = {
  daemonset: "daemonset-controller",
  disruption: "controllermanager",
  "endpoint-slice": "endpoint-slice-controller",
  "ephemeral-volume": "ephemeral_volume",
  "endpoint-slice-mirroring": "endpoint-slice-mirroring-controller",
  "local-path-provisioner": LOCAL_PATH_PROVISIONER,
  "local-path-reclaimer": LOCAL_PATH_PROVISIONER,
  "node-ipam": "cidrAllocator",
  "persistentvolume-claim-binder": "persistentvolume-controller",
  "persistentvolume-reclaim": "persistentvolume-controller",
  "service-lb": "service-controller",
  "taint-eviction": "taint-eviction-controller",
  "volume-expand": "volume_expand",
};

/** Every controller, in the order in which a new cluster needs them. */
function controllersOf(options: ControllerManagerOptions): readonly Controller[] {
  const kinds = options.kinds ?? createKindDiscovery();
  const { rootCaPem, nodeIpam, requestSigner, secretTokens } = options;
  return [
    serviceAccountController,
    ...(secretTokens === undefined ? [] : [serviceAccountTokenController({ issuer: secretTokens, rootCaPem })]),
    ...(rootCaPem === undefined ? [] : [rootCaController(rootCaPem)]),
    deploymentController,
    replicaSetController,
    replicationControllerController,
    daemonSetController(),
    statefulSetController,
    jobController,
    jobOrphanController,
    ttlAfterFinishedController,
    cronJobController,
    endpointSliceController,
    endpointsController,
    endpointSliceMirroringController,
    serviceLoadBalancerController,
    serviceCidrController,
    ...(nodeIpam === undefined ? [] : [nodeIpamController(nodeIpam)]),
    nodeLifecycleController(options),
    taintEvictionController(),
    podGarbageCollector(options.terminatedPodGcThreshold),
    disruptionController(kinds),
    staleDisruptionController,
    ...(options.nodeDirectories === undefined ? [] : localPathProvisioners(options.nodeDirectories)),
    volumeClaimBinder,
    volumeReclaim,
    claimProtection,
    volumeProtection,
    attributesClassProtection,
    ephemeralVolumeController,
    volumeExpandController,
    clusterRoleAggregationController,
    csrApprovingController,
    ...(requestSigner === undefined ? [] : [csrSigningController(requestSigner, options.clusterSigningSeconds)]),
    csrCleanerController,
    bootstrapSigner,
    tokenCleaner,
    staleTokenController,
    nodeTtlController(),
    horizontalPodAutoscalerController(kinds),
    resourceQuotaController(kinds),
    namespaceController(kinds),
    garbageCollector(kinds),
  ];
}

export function createControllerManager(env: Env, client: Client, options: ControllerManagerOptions = {}): ControllerManager {
  const log = env.log.child("controller-manager");
  const informers = options.informers ?? createInformerFactory(env, client);
  const disabled = new Set(options.disabled ?? []);
  const beginTerm = (controllers: readonly Controller[]): Term => {
    let isOver = false;
    const recorders: EventRecorder[] = [];
    const running: RunningController[] = [];
    const startOne = async (controller: Controller): Promise<void> => {
      const account = serviceAccountOf(controller.name);
      const own = ACT_AS_MANAGER.has(controller.name) ? client : (options.clientFor?.(account) ?? client);
      const recorder = createEventRecorder(env, own, EVENT_SOURCES[controller.name] ?? account);
      recorders.push(recorder);
      const started = await controller.start({ env, client: own, informers, recorder });
      if (isOver) return started.stop();
      running.push(started);
      log.debug("controller works", { controller: controller.name });
    };
    informers.start();
    return {
      started: Promise.all(controllers.map(startOne)).then(() => undefined),
      stop: async () => {
        isOver = true;
        for (const recorder of recorders) recorder.stop();
        await Promise.all(running.splice(0).map((controller) => controller.stop()));
      },
    };
  };
  let term: Term | undefined;
  const begin = (): Promise<void> => {
    term = beginTerm(controllersOf(options).filter(({ name }) => !disabled.has(name)));
    return term.started;
  };
  /** Does not wait for controllers whose caches never fill: they end as soon as they could begin. */
  const halt = async (): Promise<void> => {
    const ending = term;
    term = undefined;
    await ending?.stop();
  };
  let election: LeaderElection | undefined;
  return {
    start: async () => {
      if (options.leaderElection === undefined) {
        await begin();
        return;
      }
      election = runLeaderElection(env, client, {
        ...options.leaderElection,
        lease: LEASE,
        onStartedLeading: () => void begin().catch((error: unknown) => log.error("a controller does not start", { error })),
        // What is under way is ended, not awaited: another leads already.
        onStoppedLeading: () => void halt().catch((error: unknown) => log.error("the controllers do not stop", { error })),
        onNewLeader: (identity) => log.info("a leader was elected", { identity }),
      });
    },
    stop: async () => {
      await halt();
      await election?.stop();
      if (options.informers === undefined) informers.stop();
    },
  };
}
