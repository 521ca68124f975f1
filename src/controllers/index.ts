// The public face of controllers/.
export { type ControllerManager, type ControllerManagerOptions, createControllerManager } from "./manager.ts";
