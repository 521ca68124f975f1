import { expect, it } from "vitest";
import { type EtcdFlags, etcd } from "./etcd.ts";

const FLAGS: EtcdFlags = {
  name: "m",
  listenClientUrls: "https://127.0.0.1:0",
  quotaBackendBytes: 0,
  autoCompactionMode: "periodic",
  autoCompactionRetention: "0",
  logLevel: "error",
  trustedCaFile: "ca.crt",
  clientCertAuth: true,
};

it.each([
  ["clients are served in plain text", { listenClientUrls: "https://127.0.0.1:0,http://127.0.0.1:1" }, "who comes to http://127.0.0.1:1 shows no certificate"],
  ["metrics are, and with them everything", { listenMetricsUrls: "http://127.0.0.1:2" }, "who comes to http://127.0.0.1:2 shows no certificate"],
])("kubets etcd --client-cert-auth is refused where %s", async (_where, flags, expected) => {
  await expect(etcd({ ...FLAGS, ...flags })).rejects.toThrow(expected);
});
