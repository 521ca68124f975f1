// The public face of dns/.
export { createDns, type Dns, type DnsAnswer, type DnsOptions, type ResponseCode, type Upstream, type UpstreamReply } from "./dns.ts";
export { FORWARDING_CONFIG } from "./forwarding.ts";
export type { DnsRecord, Question } from "./records.ts";
