// The control groups that all pods of the node are in, with what pods together may have
// (https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/#enforcing-node-allocatable).
import type { Pod } from "../../api/index.ts";
import type { Env, Logger } from "../../base/index.ts";
import type { KubeletSettings } from "../configuration/kubelet-settings.ts";
import { burstableShares, CPU_PERIOD_MICROS, milliCpuToShares } from "../containers/resources.ts";
import type { KubeletHost } from "../host.ts";
import { nodeCapacity } from "./node-object.ts";

export interface NodeCgroups {
  /** Makes the groups, or changes their limits. */
  apply(): Promise<void>;
  /** Burstable pods together weigh as much as they asked for. */
  weigh(active: readonly Pod[]): void;
}

export interface NodeCgroupsParts {
  readonly host: KubeletHost;
  readonly settings: KubeletSettings;
  /** The group of all pods. */
  readonly kubepods: string;
  readonly tellNode: (type: "Normal" | "Warning", reason: string, message: string) => void;
}

const ROOT_SHARES = 1024;
const BEST_EFFORT_SHARES = 2;

export function createNodeCgroups(env: Env, { host, settings, kubepods, tellNode }: NodeCgroupsParts): NodeCgroups {
  const log: Logger = env.log.child("node-cgroups");
  const { cgroups } = host;
  const cpuPeriodMicros = CPU_PERIOD_MICROS;
  let burstable = burstableShares([]);

  const enforce = async (): Promise<void> => {
    const facts = await host.facts();
    const capacity = nodeCapacity(settings, { facts });
    const rest = (name: string, total: number): number => Math.max(0, total - (settings.reserved.get(name)?.value() ?? 0));
    const cpuMilli = (capacity.get("cpu")?.milliValue() ?? 0) - (settings.reserved.get("cpu")?.milliValue() ?? 0);
    const { maxProcesses } = await host.headroom();
    await cgroups.apply(kubepods, {
      cpuShares: milliCpuToShares(cpuMilli),
      cpuPeriodMicros,
      memoryLimitBytes: rest("memory", facts.memoryBytes),
      ...(settings.reserved.has("pid") ? { pidsLimit: rest("pid", maxProcesses) } : {}),
    });
    tellNode("Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods");
  };

  return {
    async apply() {
      if (!settings.enforcesAllocatable) await cgroups.apply(kubepods, { cpuShares: ROOT_SHARES, cpuPeriodMicros });
      else {
        await enforce().catch(async (error: unknown) => {
          // The kernel refuses a limit below what is in use; the pods are still to run.
          const text = error instanceof Error ? error.message : String(error);
          tellNode("Warning", "FailedNodeAllocatableEnforcement", `Failed to update Node Allocatable Limits ${JSON.stringify(kubepods)}: ${text}`);
          await cgroups.apply(kubepods, { cpuShares: ROOT_SHARES, cpuPeriodMicros });
        });
      }
      await cgroups.apply(`${kubepods}/besteffort`, { cpuShares: BEST_EFFORT_SHARES, cpuPeriodMicros });
      await cgroups.apply(`${kubepods}/burstable`, { cpuShares: burstable, cpuPeriodMicros });
    },
    weigh(active) {
      const cpuShares = burstableShares(active);
      if (cpuShares === burstable) return;
      burstable = cpuShares;
      cgroups.apply(`${kubepods}/burstable`, { cpuShares, cpuPeriodMicros }).catch((error: unknown) => log.warn("cannot weigh burstable pods", { error }));
    },
  };
}
