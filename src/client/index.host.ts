// The part of client/ that touches the machine.
export { createHttpsClient, type HttpsClient, type HttpsClientOptions } from "./https.host.ts";
export * from "./index.ts";
