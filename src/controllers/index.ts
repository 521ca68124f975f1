// The public face of controllers/.

export { type CustomKinds, createKindDiscovery, type KindDiscovery } from "./kind-discovery.ts";
export { LOCAL_PATH_PROVISIONER, type NodeDirectories } from "./local-path-provisioner.ts";
export { type ControllerManager, type ControllerManagerOptions, createControllerManager } from "./manager.ts";
export type { NodeIpamOptions } from "./node-ipam.ts";
