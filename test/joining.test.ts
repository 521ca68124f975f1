// A machine joins a cluster as a node: over TLS, with nothing but a bootstrap token and the cluster's authority to begin with.
import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { certificateSigningRequests, nodes, secrets } from "../src/api/index.ts";
import { createSystemEnv } from "../src/base/index.host.ts";
import { present } from "../src/base/index.ts";
import type { HttpsClient } from "../src/client/index.host.ts";
import { type Cluster, startCluster } from "../src/cluster/index.ts";
import { type ClusterAccess, clientWith, readAccess } from "../src/cluster/kubeconfig-client.host.ts";
import { startServingApprover } from "../src/cluster/nodes/serving-approver.ts";
import {
  allowNodesToJoin,
  newBootstrapToken,
  publishBootstrapToken,
  requestNodeClientCertificate,
  requestNodeServingCertificate,
  withdrawBootstrapToken,
} from "../src/kubeadm/index.ts";

const env = createSystemEnv({ logLevel: "silent" });
const HOUR = { lifetimeMs: 3_600_000, description: "a test" };

describe("joining a cluster", () => {
  let cluster: Cluster;
  let administrator: ClusterAccess;
  const clients: HttpsClient[] = [];
  let stopApprover: () => void;

  const clientAs = (credentials: ClusterAccess["credentials"]): HttpsClient => {
    const client = clientWith(env, { ...administrator, credentials });
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    cluster = await startCluster({ env, nodes: [] });
    administrator = readAccess(await cluster.kubeconfig());
    stopApprover = startServingApprover(env, cluster.client(), async (name) => (name === "joiner" ? ["192.0.2.7"] : undefined));
    await allowNodesToJoin(cluster.client());
  });
  afterAll(async () => {
    stopApprover();
    for (const client of clients) client.close();
    await cluster.stop();
  });

  it("is a matter of two signed requests, after which the node is itself and nobody else", async () => {
    const token = newBootstrapToken(env);
    await publishBootstrapToken(env, cluster.client(), token, HOUR);
    const identity = await requestNodeClientCertificate(env, clientAs({ token }), "joiner");
    expect(new X509Certificate(identity.certificate).subject).toBe("O=system:nodes\nCN=system:node:joiner");

    const node = clientAs(identity);
    await node.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: "joiner" }, spec: {} });
    await expect(node.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: "other" }, spec: {} })).rejects.toThrow(/not allowed to modify node/);

    const serving = await requestNodeServingCertificate(env, node, "joiner", ["192.0.2.7"]);
    const certificate = new X509Certificate(serving.certificate);
    expect(certificate.subjectAltName).toBe("DNS:joiner, IP Address:192.0.2.7");
    expect(certificate.verify(new X509Certificate(administrator.certificateAuthority).publicKey)).toBe(true);
  });

  it("lets a node renew its certificate as itself", async () => {
    const token = newBootstrapToken(env);
    await publishBootstrapToken(env, cluster.client(), token, HOUR);
    const first = await requestNodeClientCertificate(env, clientAs({ token }), "renewer");
    const second = await requestNodeClientCertificate(env, clientAs(first), "renewer");
    expect(new X509Certificate(second.certificate).serialNumber).not.toBe(new X509Certificate(first.certificate).serialNumber);
  });

  it("is refused to who has no token, and to who has one that was withdrawn", async () => {
    const token = newBootstrapToken(env);
    await expect(requestNodeClientCertificate(env, clientAs({ token }), "stranger")).rejects.toMatchObject({ code: 401 });
    await publishBootstrapToken(env, cluster.client(), token, HOUR);
    await withdrawBootstrapToken(cluster.client(), token);
    await withdrawBootstrapToken(cluster.client(), token);
    await expect(requestNodeClientCertificate(env, clientAs({ token }), "stranger")).rejects.toMatchObject({ code: 401 });
  });

  it("lets the bearer of a token ask, and nothing more", async () => {
    const token = newBootstrapToken(env);
    await publishBootstrapToken(env, cluster.client(), token, HOUR);
    await expect(clientAs({ token }).list(secrets)).rejects.toMatchObject({ code: 403 });
  });

  it("leaves requests for addresses that nobody vouches for to the administrator", async () => {
    const token = newBootstrapToken(env);
    await publishBootstrapToken(env, cluster.client(), token, HOUR);
    const node = clientAs(await requestNodeClientCertificate(env, clientAs({ token }), "joiner"));
    const asked = requestNodeServingCertificate(env, node, "joiner", ["192.0.2.66"]);
    const { metadata } = await openRequest(cluster);
    // What comes later and is vouched for is approved and signed: whoever approves has seen the other one before.
    await requestNodeServingCertificate(env, node, "joiner", ["192.0.2.7"]);
    const pending = await cluster.client().get(certificateSigningRequests, metadata);
    expect(pending.status?.conditions).toBeUndefined();
    const denied = { type: "Denied", status: "True", reason: "NotYours", message: "no" };
    await cluster.client().update(certificateSigningRequests, { ...pending, status: { conditions: [denied] } }, { subresource: "approval" });
    await expect(asked).rejects.toThrow(/was refused: NotYours: no/);
  });
});

/** The request that is neither approved nor denied, once it is there. */
function openRequest(cluster: Cluster) {
  return vi.waitFor(async () => {
    const { items } = await cluster.client().list(certificateSigningRequests, { fieldSelector: "spec.signerName=kubernetes.io/kubelet-serving" });
    return present(
      items.find(({ status }) => (status?.conditions ?? []).length === 0),
      "open request",
    );
  }, 30_000);
}
