// The public face of dns/.
export { createDns, type Dns, type DnsAnswer, type DnsOptions, type ResponseCode, type Upstream } from "./dns.ts";
export type { DnsRecord, Question } from "./records.ts";
