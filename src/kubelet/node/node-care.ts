// Looks after the node beside its pods: what runs short, what is left over, what grows. Everything on one housekeeping timer.
import type { Pod } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { KubeletSettings } from "../configuration/kubelet-settings.ts";
import { collectGarbage, type PodStanding } from "../containers/container-garbage.ts";
import { createEvictionManager, type EvictablePod, type EvictionManager } from "../eviction/eviction-manager.ts";
import type { KubeletHost } from "../host.ts";
import { createImageGarbage } from "../images/image-garbage.ts";
import { createLogRotation } from "../logs/log-rotation.ts";
import type { PodEvents } from "../pod-events.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import type { Housekeeping } from "./housekeeping.ts";

export interface NodeCareParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly events: PodEvents;
  readonly settings: KubeletSettings;
  readonly housekeeping: Housekeeping;
  readonly kubepods: string;
  readonly pods: () => readonly EvictablePod[];
  readonly standing: (podUid: string) => PodStanding;
  readonly pinnedImages: () => Promise<readonly string[]>;
  readonly tellNode: (type: "Normal" | "Warning", reason: string, message: string) => void;
  /** The node's conditions are others now. */
  readonly conditionsChanged: () => void;
}

export interface NodeCare {
  /** Resolves after the first look at the node. */
  start(): Promise<void>;
  stop(): void;
  readonly eviction: EvictionManager;
  /** Some container or sandbox has ended: there may be something to collect. */
  somethingEnded(): void;
}

const EVICTION_PERIOD_MS = 10_000;
const IMAGE_GC_PERIOD_MS = 5 * 60_000;
const CONTAINER_GC_PERIOD_MS = 60_000;

export function createNodeCare(env: Env, parts: NodeCareParts): NodeCare {
  const { host, runtime, settings, housekeeping, standing, tellNode } = parts;
  const log = env.log.child("garbage");
  // What a former kubelet left counts too.
  let ended = true;
  const images = createImageGarbage(env, {
    ...{ host, runtime, tellNode, settings: settings.imageGc, pinned: parts.pinnedImages },
    pods: (): readonly Pod[] => parts.pods().map(({ pod }) => pod),
  });
  const collect = (everything: boolean): Promise<void> => collectGarbage({ runtime, host, log, standing }, everything);
  const eviction = createEvictionManager(env, {
    ...{ host, runtime, events: parts.events, settings: settings.eviction, kubepods: parts.kubepods, pods: parts.pods, tellNode },
    conditionsChanged: parts.conditionsChanged,
    reclaimDisk: async () => {
      await collect(true);
      await images.removeUnused();
    },
  });
  const { periodMs, ...limits } = settings.logRotation;
  const rotation = createLogRotation(env, { host, runtime }, limits);
  return {
    eviction,
    async start() {
      await eviction.synchronize().catch((error: unknown) => log.warn("cannot look at the node", { error }));
      housekeeping.every(EVICTION_PERIOD_MS, "eviction", () => eviction.synchronize());
      housekeeping.every(periodMs, "log rotation", () => rotation.rotate());
      housekeeping.every(IMAGE_GC_PERIOD_MS, "image garbage collection", () => images.collect());
      housekeeping.every(CONTAINER_GC_PERIOD_MS, "container garbage collection", async () => {
        if (!ended) return;
        ended = false;
        await collect(false);
      });
    },
    stop: () => eviction.stop(),
    somethingEnded: () => {
      ended = true;
    },
  };
}
