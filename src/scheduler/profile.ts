// Which plugins run, in what order, and how much their scores count: the default profile of kube-scheduler
// (https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins), as far as its plugins are built.
import type { Plugin } from "./plugin.ts";
import { imageLocality } from "./plugins/image-locality.ts";
import { interPodAffinity } from "./plugins/inter-pod-affinity.ts";
import { nodeAffinity } from "./plugins/node-affinity.ts";
import { nodeName } from "./plugins/node-name.ts";
import { nodePorts } from "./plugins/node-ports.ts";
import { nodeResourcesBalancedAllocation } from "./plugins/node-resources-balanced-allocation.ts";
import { nodeResourcesFit } from "./plugins/node-resources-fit.ts";
import { nodeUnschedulable } from "./plugins/node-unschedulable.ts";
import { nodeVolumeLimits } from "./plugins/node-volume-limits.ts";
import { podTopologySpread } from "./plugins/pod-topology-spread.ts";
import { schedulingGates } from "./plugins/scheduling-gates.ts";
import { taintToleration } from "./plugins/taint-toleration.ts";
import { volumeBinding } from "./plugins/volume-binding.ts";
import { volumeRestrictions } from "./plugins/volume-restrictions.ts";
import { volumeZone } from "./plugins/volume-zone.ts";

export interface Profile {
  readonly schedulerName: string;
  /** In the order in which they run; the cheap and final ones come first. */
  readonly plugins: readonly { readonly plugin: Plugin; readonly scoreWeight: number }[];
}

export const defaultProfile: Profile = {
  schedulerName: "default-scheduler",
  plugins: [
    { plugin: schedulingGates, scoreWeight: 0 },
    { plugin: nodeUnschedulable, scoreWeight: 0 },
    { plugin: nodeName, scoreWeight: 0 },
    { plugin: taintToleration, scoreWeight: 3 },
    { plugin: nodeAffinity, scoreWeight: 2 },
    { plugin: nodePorts, scoreWeight: 0 },
    { plugin: nodeResourcesFit, scoreWeight: 1 },
    { plugin: volumeRestrictions, scoreWeight: 0 },
    { plugin: nodeVolumeLimits, scoreWeight: 0 },
    { plugin: volumeBinding, scoreWeight: 0 },
    { plugin: volumeZone, scoreWeight: 0 },
    { plugin: podTopologySpread, scoreWeight: 2 },
    { plugin: interPodAffinity, scoreWeight: 2 },
    { plugin: nodeResourcesBalancedAllocation, scoreWeight: 1 },
    { plugin: imageLocality, scoreWeight: 1 },
  ],
};
