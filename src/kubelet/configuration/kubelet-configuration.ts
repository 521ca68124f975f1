// How a node's kubelet is to behave: the fields of KubeletConfiguration that it follows
// (https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/), with upstream's defaults where a field is absent.
// Durations and amounts stay text here, as users write them; `kubelet-settings.ts` makes numbers of them.
import type { Taint } from "../../api/index.ts";

export interface KubeletConfiguration {
  /** A folder of pod manifests, or one manifest; empty: no static pods. */
  readonly staticPodPath: string;
  readonly maxPods: number;
  /** 0: only `maxPods` limits. */
  readonly podsPerCore: number;
  /** -1: as many processes as the node has. */
  readonly podPidsLimit: number;
  /** Only when the node is new. */
  readonly registerWithTaints: readonly Taint[];
  readonly providerID: string;
  /** -1: all. */
  readonly nodeStatusMaxImages: number;
  readonly nodeStatusUpdateFrequency: string;
  readonly nodeStatusReportFrequency: string;
  readonly nodeLeaseDurationSeconds: number;
  readonly imageMinimumGCAge: string;
  /** `0s`: images do not age. */
  readonly imageMaximumGCAge: string;
  readonly imageGCHighThresholdPercent: number;
  readonly imageGCLowThresholdPercent: number;
  readonly evictionHard: Readonly<Record<string, string>>;
  readonly evictionSoft: Readonly<Record<string, string>>;
  readonly evictionSoftGracePeriod: Readonly<Record<string, string>>;
  readonly evictionMinimumReclaim: Readonly<Record<string, string>>;
  readonly evictionPressureTransitionPeriod: string;
  readonly evictionMaxPodGracePeriod: number;
  /** Thresholds that `evictionHard` does not name keep their defaults. */
  readonly mergeDefaultEvictionSettings: boolean;
  readonly kubeReserved: Readonly<Record<string, string>>;
  readonly systemReserved: Readonly<Record<string, string>>;
  /** `pods`: all pods together get no more than the node's allocatable. */
  readonly enforceNodeAllocatable: readonly string[];
  readonly localStorageCapacityIsolation: boolean;
  readonly shutdownGracePeriod: string;
  readonly shutdownGracePeriodCriticalPods: string;
  readonly shutdownGracePeriodByPodPriority: readonly ShutdownGracePeriod[];
  readonly containerLogMaxSize: string;
  readonly containerLogMaxFiles: number;
  readonly containerLogMonitorInterval: string;
}

export interface ShutdownGracePeriod {
  /** Pods of this priority and above, up to the next. */
  readonly priority: number;
  readonly shutdownGracePeriodSeconds: number;
}

/** In force where `evictionHard` says nothing. */
export const DEFAULT_EVICTION_HARD: Readonly<Record<string, string>> = {
  "memory.available": "100Mi",
  "nodefs.available": "10%",
  "nodefs.inodesFree": "5%",
  "imagefs.available": "15%",
  "imagefs.inodesFree": "5%",
};

export const DEFAULT_KUBELET_CONFIGURATION: KubeletConfiguration = {
  staticPodPath: "",
  maxPods: 110,
  podsPerCore: 0,
  podPidsLimit: -1,
  registerWithTaints: [],
  providerID: "",
  nodeStatusMaxImages: 50,
  nodeStatusUpdateFrequency: "10s",
  nodeStatusReportFrequency: "5m0s",
  nodeLeaseDurationSeconds: 40,
  imageMinimumGCAge: "2m0s",
  imageMaximumGCAge: "0s",
  imageGCHighThresholdPercent: 85,
  imageGCLowThresholdPercent: 80,
  evictionHard: DEFAULT_EVICTION_HARD,
  evictionSoft: {},
  evictionSoftGracePeriod: {},
  evictionMinimumReclaim: {},
  evictionPressureTransitionPeriod: "5m0s",
  evictionMaxPodGracePeriod: 0,
  mergeDefaultEvictionSettings: false,
  kubeReserved: {},
  systemReserved: {},
  enforceNodeAllocatable: ["pods"],
  localStorageCapacityIsolation: true,
  shutdownGracePeriod: "0s",
  shutdownGracePeriodCriticalPods: "0s",
  shutdownGracePeriodByPodPriority: [],
  containerLogMaxSize: "10Mi",
  containerLogMaxFiles: 5,
  containerLogMonitorInterval: "10s",
};

/** A configuration that cannot be followed. The message names each field, what is wrong with it and what would be right. */
export class KubeletConfigurationError extends Error {
  override readonly name = "KubeletConfigurationError";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("; "));
  }
}
