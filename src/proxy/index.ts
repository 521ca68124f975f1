// The public face of proxy/.
export type { Flow } from "./conntrack.ts";
export type { ProxyOptions } from "./plan.ts";
export { createProxy, type ProxyApplier, type ServiceProxy } from "./proxy.ts";
