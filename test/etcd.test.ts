// A cluster's store through an unmodified etcdctl, from the same command line that users type. Containers are simulated.
import { spawnSync } from "node:child_process";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestCluster, testCluster } from "./e2e/cluster.host.ts";

const missing = spawnSync("etcdctl", ["version"]).error === undefined ? "" : " (skipped: there is no etcdctl)";

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

describe.skipIf(missing !== "")(`kubets start --etcd-port${missing}`, () => {
  let cluster: TestCluster;
  let port: number;
  beforeAll(async () => {
    cluster = testCluster();
    port = await freePort();
    await cluster.kubets("start", "--runtime=simulated", "--etcd-port", String(port), "--api-port", String(await freePort()));
  });
  afterAll(() => cluster?.dispose());

  const etcdctl = (certificate: string, ...args: string[]) => {
    const pki = join(cluster.dataDirectory, "pki");
    const identity = ["--cacert", join(pki, "etcd/ca.crt"), "--cert", join(pki, `${certificate}.crt`), "--key", join(pki, `${certificate}.key`)];
    const flags = ["--endpoints", `127.0.0.1:${port}`, "--command-timeout", "3s", ...identity];
    return spawnSync("etcdctl", [...flags, ...args], { encoding: "utf8", env: { ...process.env, ETCDCTL_API: "3" } });
  };

  it("shows what the cluster holds, where upstream has it", async () => {
    await cluster.kubectl.run(["create", "configmap", "seen", "--from-literal=a=1"]);
    const { stdout } = etcdctl("etcd/healthcheck-client", "get", "/", "--prefix", "--keys-only");
    const keys = stdout.split("\n");
    for (const key of ["configmaps/default/seen", "namespaces/kube-system", "services/specs/default/kubernetes", "clusterroles/cluster-admin"])
      expect(keys).toContain(`/registry/${key}`);
    const value = etcdctl("etcd/healthcheck-client", "get", "/registry/configmaps/default/seen", "--print-value-only").stdout;
    expect(JSON.parse(value)).toMatchObject({ kind: "ConfigMap", data: { a: "1" } });
  });

  it("opens for no certificate of the cluster", () => {
    const { status, stderr } = etcdctl("apiserver-kubelet-client", "--debug", "get", "/", "--prefix", "--keys-only");
    expect(status).not.toBe(0);
    // The connection failed; the server was not merely slow.
    expect(stderr).toContain("TRANSIENT_FAILURE");
  });
});
