// The default profile: kube-scheduler's plugins in their order, with the weights of their scores
// (https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins). The cheap and final ones come first. Pods are tried
// by priority (PrioritySort, see queue.ts) and bound through the API (DefaultBinder, see pod-writer.ts) in every profile.
import { createDefaultPreemption } from "./plugins/default-preemption.ts";
import { dynamicResources } from "./plugins/dynamic-resources.ts";
import { imageLocality } from "./plugins/image-locality.ts";
import { createInterPodAffinity } from "./plugins/inter-pod-affinity.ts";
import { createNodeAffinity } from "./plugins/node-affinity.ts";
import { nodeDeclaredFeatures } from "./plugins/node-declared-features.ts";
import { nodeName } from "./plugins/node-name.ts";
import { nodePorts } from "./plugins/node-ports.ts";
import { createNodeResourcesBalancedAllocation } from "./plugins/node-resources-balanced-allocation.ts";
import { createNodeResourcesFit } from "./plugins/node-resources-fit.ts";
import { nodeUnschedulable } from "./plugins/node-unschedulable.ts";
import { nodeVolumeLimits } from "./plugins/node-volume-limits.ts";
import { createPodTopologySpread } from "./plugins/pod-topology-spread.ts";
import { schedulingGates } from "./plugins/scheduling-gates.ts";
import { taintToleration } from "./plugins/taint-toleration.ts";
import { volumeBinding } from "./plugins/volume-binding.ts";
import { volumeRestrictions } from "./plugins/volume-restrictions.ts";
import { volumeZone } from "./plugins/volume-zone.ts";
import { profileOf } from "./profile.ts";

export const defaultProfile = profileOf("default-scheduler", [
  { plugin: schedulingGates },
  { plugin: nodeUnschedulable },
  { plugin: nodeName },
  { plugin: taintToleration, weight: 3 },
  { plugin: createNodeAffinity(), weight: 2 },
  { plugin: nodePorts },
  { plugin: createNodeResourcesFit(), weight: 1 },
  { plugin: volumeRestrictions },
  { plugin: nodeVolumeLimits },
  { plugin: volumeBinding },
  { plugin: volumeZone },
  { plugin: createPodTopologySpread(), weight: 2 },
  { plugin: createInterPodAffinity(), weight: 2 },
  { plugin: dynamicResources },
  { plugin: createDefaultPreemption() },
  { plugin: createNodeResourcesBalancedAllocation(), weight: 1 },
  { plugin: imageLocality, weight: 1 },
  { plugin: nodeDeclaredFeatures },
]);
