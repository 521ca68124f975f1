// The part of dns/ that touches the machine.
export { type DnsListener, listenDns } from "./listener.host.ts";
export { listenMetrics } from "./metrics.host.ts";
export { createUpstream } from "./upstream.host.ts";
