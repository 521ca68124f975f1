// The kubelet's configuration as numbers: what the rest of the kubelet reads.
import type { Taint } from "../../api/index.ts";
import { formatDuration, parseDuration, type Quantity, tryParseQuantity } from "../../base/index.ts";
import { parseThresholds, type Threshold } from "../eviction/thresholds.ts";
import { type KubeletConfiguration, KubeletConfigurationError, type ShutdownGracePeriod } from "./kubelet-configuration.ts";

export interface KubeletSettings {
  readonly staticPodPath: string;
  readonly maxPods: number;
  readonly podsPerCore: number;
  /** Absent: as many as the node has. */
  readonly podPidsLimit?: number;
  readonly registerWithTaints: readonly Taint[];
  readonly providerId: string;
  /** `Infinity`: all. */
  readonly nodeStatusMaxImages: number;
  readonly nodeStatusUpdateMs: number;
  readonly nodeStatusReportMs: number;
  readonly nodeLeaseSeconds: number;
  readonly imageGc: ImageGcSettings;
  readonly eviction: EvictionSettings;
  /** What pods may not have, by resource: cpu, memory, ephemeral-storage, pid. */
  readonly reserved: ReadonlyMap<string, Quantity>;
  /** All pods together are held to what they may have. */
  readonly enforcesAllocatable: boolean;
  /** By priority, lowest first; empty: the machine's shutdown is not waited with. */
  readonly shutdownGracePeriods: readonly ShutdownGracePeriod[];
  readonly logRotation: { readonly maxSizeBytes: number; readonly maxFiles: number; readonly periodMs: number };
}

export interface ImageGcSettings {
  readonly minimumAgeMs: number;
  /** 0: images do not age. */
  readonly maximumAgeMs: number;
  readonly highPercent: number;
  readonly lowPercent: number;
}

export interface EvictionSettings {
  readonly thresholds: readonly Threshold[];
  readonly pressureTransitionMs: number;
  /** The longest that a pod may take to end at a soft threshold. */
  readonly maxPodGraceSeconds: number;
  readonly localStorageIsolation: boolean;
}

const RESERVABLE: readonly string[] = ["cpu", "memory", "ephemeral-storage", "pid"];
const SYSTEM_CRITICAL = 2_000_000_000;

/** Throws `KubeletConfigurationError` when values do not fit together. */
export function kubeletSettings(configuration: KubeletConfiguration): KubeletSettings {
  const problems = contradictions(configuration);
  const thresholds = parseThresholds(configuration, problems);
  const reserved = reservedAmounts(configuration, problems);
  const shutdownGracePeriods = shutdownPeriods(configuration, problems);
  if (problems.length > 0) throw new KubeletConfigurationError(problems);
  const { podPidsLimit, nodeStatusMaxImages } = configuration;
  return {
    staticPodPath: configuration.staticPodPath,
    maxPods: configuration.maxPods,
    podsPerCore: configuration.podsPerCore,
    ...(podPidsLimit < 0 ? {} : { podPidsLimit }),
    registerWithTaints: configuration.registerWithTaints,
    providerId: configuration.providerID,
    nodeStatusMaxImages: nodeStatusMaxImages < 0 ? Infinity : nodeStatusMaxImages,
    nodeStatusUpdateMs: milliseconds(configuration.nodeStatusUpdateFrequency),
    nodeStatusReportMs: milliseconds(configuration.nodeStatusReportFrequency),
    nodeLeaseSeconds: configuration.nodeLeaseDurationSeconds,
    imageGc: {
      minimumAgeMs: milliseconds(configuration.imageMinimumGCAge),
      maximumAgeMs: milliseconds(configuration.imageMaximumGCAge),
      highPercent: configuration.imageGCHighThresholdPercent,
      lowPercent: configuration.imageGCLowThresholdPercent,
    },
    eviction: {
      thresholds,
      pressureTransitionMs: milliseconds(configuration.evictionPressureTransitionPeriod),
      maxPodGraceSeconds: configuration.evictionMaxPodGracePeriod,
      localStorageIsolation: configuration.localStorageCapacityIsolation,
    },
    reserved,
    enforcesAllocatable: configuration.enforceNodeAllocatable.includes("pods"),
    shutdownGracePeriods,
    logRotation: {
      maxSizeBytes: tryParseQuantity(configuration.containerLogMaxSize)?.value() ?? 0,
      maxFiles: configuration.containerLogMaxFiles,
      periodMs: milliseconds(configuration.containerLogMonitorInterval),
    },
  };
}

function milliseconds(text: string): number {
  return parseDuration(text) ?? 0;
}

function contradictions(configuration: KubeletConfiguration): string[] {
  const problems: string[] = [];
  const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low, imageMaximumGCAge, imageMinimumGCAge, enforceNodeAllocatable } = configuration;
  if (low >= high) problems.push(`imageGCLowThresholdPercent ${low} must be less than imageGCHighThresholdPercent ${high}`);
  const maximumMs = milliseconds(imageMaximumGCAge);
  if (maximumMs > 0 && maximumMs <= milliseconds(imageMinimumGCAge)) {
    problems.push(`imageMaximumGCAge ${imageMaximumGCAge} must be greater than imageMinimumGCAge ${imageMinimumGCAge}`);
  }
  const known = [[], ["pods"], ["none"]].some((allowed) => JSON.stringify(allowed) === JSON.stringify(enforceNodeAllocatable));
  if (!known) problems.push(`enforceNodeAllocatable: ${JSON.stringify(enforceNodeAllocatable)} is not supported; this kubelet knows only ["pods"] or ["none"]`);
  if (configuration.staticPodPath !== "" && !configuration.staticPodPath.startsWith("/")) {
    problems.push(`staticPodPath must be an absolute path, not "${configuration.staticPodPath}"`);
  }
  if (milliseconds(configuration.containerLogMonitorInterval) < 3000) {
    problems.push(`containerLogMonitorInterval must be at least 3s, not ${configuration.containerLogMonitorInterval}`);
  }
  if ((tryParseQuantity(configuration.containerLogMaxSize)?.value() ?? 0) <= 0) problems.push("containerLogMaxSize must be positive");
  return problems;
}

function reservedAmounts({ kubeReserved, systemReserved }: KubeletConfiguration, problems: string[]): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  for (const [field, amounts] of Object.entries({ kubeReserved, systemReserved })) {
    for (const [name, text] of Object.entries(amounts)) {
      const quantity = tryParseQuantity(text);
      if (!RESERVABLE.includes(name)) problems.push(`${field}: "${name}" cannot be reserved; one can reserve ${RESERVABLE.join(", ")}`);
      else if (quantity === undefined || quantity.nanos < 0n) problems.push(`${field}: ${name} must be an amount of zero or more, not "${text}"`);
      else total.set(name, total.get(name)?.add(quantity) ?? quantity);
    }
  }
  return total;
}

/** Two periods stand for two steps of priority: ordinary pods, then critical ones. */
function shutdownPeriods(configuration: KubeletConfiguration, problems: string[]): ShutdownGracePeriod[] {
  const { shutdownGracePeriodByPodPriority: byPriority } = configuration;
  const fields = ["shutdownGracePeriod", "shutdownGracePeriodCriticalPods"] as const;
  const [totalMs, criticalMs] = [milliseconds(configuration.shutdownGracePeriod), milliseconds(configuration.shutdownGracePeriodCriticalPods)];
  if (criticalMs > totalMs)
    problems.push(`shutdownGracePeriodCriticalPods ${formatDuration(criticalMs)} must be <= shutdownGracePeriod ${formatDuration(totalMs)}`);
  for (const [index, valueMs] of [totalMs, criticalMs].entries()) {
    if (valueMs > 0 && valueMs < 1000) problems.push(`${fields[index]} ${formatDuration(valueMs)} must be either zero or otherwise >= 1 sec`);
  }
  if (byPriority.length > 0 && totalMs > 0) problems.push("shutdownGracePeriodByPodPriority and shutdownGracePeriod cannot both be given");
  if (byPriority.length > 0) return [...byPriority].sort((a, b) => a.priority - b.priority);
  if (totalMs === 0) return [];
  return [
    { priority: 0, shutdownGracePeriodSeconds: Math.floor((totalMs - criticalMs) / 1000) },
    { priority: SYSTEM_CRITICAL, shutdownGracePeriodSeconds: Math.floor(criticalMs / 1000) },
  ];
}
