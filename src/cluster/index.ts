// What `import ... from "kubets"` gives: an embeddable cluster, the kinds and types of the API, virtual time.
export * from "../api/index.ts";
export type { UserInfo } from "../apiserver/index.ts";
export { createVirtualEnv, type Env, type VirtualClock, type VirtualEnvOptions } from "../base/index.ts";
export type { Client, ListOptions, Watch, WatchHandler, WatchOptions, WriteOptions } from "../client/index.ts";
export { createInformer, createInformerFactory, createWorkQueue, type Informer, type InformerFactory, type WorkQueue } from "../client/index.ts";
export type { SimulatedBehaviour, SimulatedContainer, SimulatedRuntime } from "../kubelet/index.ts";
export { type Cluster, type EmbeddedNode, type StartClusterOptions, startCluster } from "./embedded.ts";
