// The public face of controllers/.

export { type CustomKinds, createKindDiscovery, type KindDiscovery } from "./kind-discovery.ts";
export { type ControllerManager, type ControllerManagerOptions, createControllerManager } from "./manager.ts";
