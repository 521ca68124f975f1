// The kubelet's parts that touch the machine.
export { type CriRuntime, type CriRuntimeOptions, createCriRuntime } from "./cri/grpc.host.ts";
export { createLinuxKubeletHost, type LinuxHostOptions } from "./linux.host.ts";
export { createDelegatedAccess, type KubeletAccess, type KubeletUser } from "./server/access.ts";
export { type KubeletServer, type KubeletServerOptions, startKubeletServer } from "./server/http.host.ts";
