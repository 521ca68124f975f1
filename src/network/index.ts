// The public face of network/.
export { cniConfig, POD_BRIDGE } from "./cni.ts";
export { createNodeNetwork, type NetworkApplier, type NodeNetwork, type NodeNetworkOptions } from "./node-network.ts";
export { type NetworkPlan, type PodNetwork, planNetwork, type Route } from "./plan.ts";
