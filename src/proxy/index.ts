// The public face of proxy/.
export type { Flow } from "./conntrack.ts";
export type { ProxyApplier } from "./family-rules.ts";
export { createProxy, HEALTH_PORT, type ProxyOptions, type ServiceProxy } from "./proxy.ts";
