// The public face of the kubelet.
export * from "./configuration/kubelet-configuration.ts";
export { readKubeletConfiguration } from "./configuration/read-configuration.ts";
export * from "./host.ts";
export { createKubelet, type Kubelet, type KubeletOptions } from "./kubelet.ts";
export * from "./kubelet-api.ts";
export * from "./runtime/runtime.ts";
export {
  createSimulatedRuntime,
  type SimulatedBehaviour,
  type SimulatedContainer,
  type SimulatedExecResult,
  type SimulatedRuntime,
  type SimulatedRuntimeOptions,
} from "./runtime/simulated.ts";
export { answerKubeletRequest, openKubeletStream, Refusal } from "./server/answers.ts";
export { createSimulatedKubeletHost, type SimulatedHost, type SimulatedHostOptions } from "./simulated-host.ts";
export type * from "./stats/summary.ts";
