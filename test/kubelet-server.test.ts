// The kubelet's HTTPS server with a cluster's certificates: who is let in, what it answers, how it refuses.
import { Agent, request } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createVirtualEnv } from "../src/base/index.ts";
import { createPki, type Pki } from "../src/kubeadm/index.ts";
import { type KubeletAccess, type KubeletServer, startKubeletServer } from "../src/kubelet/index.host.ts";
import { DEFAULT_KUBELET_CONFIGURATION, type KubeletApi, KubeletApiError } from "../src/kubelet/index.ts";

const encoder = new TextEncoder();

/** A kubelet with one pod that says `line` on and on. */
const kubelet: KubeletApi = {
  pod: () => undefined,
  pods: () => [],
  runningPods: async () => [],
  containerLogs: async ({ pod }, options) => {
    if (pod !== "web") throw new KubeletApiError(404, `pod "${pod}" not found`);
    return (async function* () {
      yield encoder.encode(`line 1 of ${options.tailLines}\n`);
      yield encoder.encode("line 2\n");
    })();
  },
  exec: async () => {
    throw new KubeletApiError(404, "container not found");
  },
  attach: async () => {
    throw new KubeletApiError(404, "container not found");
  },
  portForward: async () => "http://127.0.0.1:1/nothing",
  run: async (_target, command) => encoder.encode(command.join("|")),
  statsSummary: async () => {
    throw new KubeletApiError(503, "no figures yet");
  },
  metrics: async () => "metric 0\n",
  resourceMetrics: async () => "metric 1\n",
  configuration: () => DEFAULT_KUBELET_CONFIGURATION,
  cadvisorMetrics: async () => "",
  healthProblem: () => undefined,
  volumeDirectories: { make: async (name) => `/storage/${name}`, remove: async () => undefined },
};

/** Lets the API server and the holder of one token do all, others nothing. */
const access: KubeletAccess = {
  authenticateToken: async (token) => (token === "good" ? { name: "metrics-reader", groups: [] } : undefined),
  authorize: async (user, { subresources }) => user.groups.includes("system:masters") || (user.name === "metrics-reader" && subresources.includes("metrics")),
};

describe("the kubelet's HTTPS server", () => {
  let pki: Pki;
  let server: KubeletServer;
  let agent: Agent;

  beforeAll(async () => {
    const { env } = createVirtualEnv({ startMs: Date.now() });
    pki = await createPki(env, { nodeName: "node-1", nodeIps: ["127.0.0.1"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" });
    const tls = { certificate: pki.kubeletServing.certificate, privateKey: pki.kubeletServing.key, clientAuthorities: pki.ca.certificate };
    server = await startKubeletServer(env, { kubelet, access, port: 0, host: "127.0.0.1", tls });
    agent = new Agent({ ca: pki.ca.certificate, cert: pki.apiServerKubeletClient.certificate, key: pki.apiServerKubeletClient.key });
  });

  afterAll(async () => {
    agent?.destroy();
    await server?.stop();
  });

  function ask(path: string, options: { readonly method?: string; readonly agent?: Agent; readonly headers?: Record<string, string> } = {}) {
    return new Promise<{ status: number; body: string }>((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port: server.port, path, ca: pki.ca.certificate, agent, ...options }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  /** A caller who shows no certificate. */
  const stranger = (token?: string): { agent: Agent; headers: Record<string, string> } => ({
    agent: new Agent({ ca: pki.ca.certificate, keepAlive: false }),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

  it("answers the API server", async () => {
    expect(await ask("/healthz")).toEqual({ status: 200, body: "ok" });
    expect(JSON.parse((await ask("/pods")).body)).toEqual({ kind: "PodList", apiVersion: "v1", metadata: {}, items: [] });
    expect((await ask("/metrics/resource")).body).toBe("metric 1\n");
    expect(JSON.parse((await ask("/configz")).body)).toMatchObject({ kubeletconfig: { maxPods: 110, imageMinimumGCAge: "2m0s" } });
    expect(await ask("/run/default/web/main?cmd=ls%20-l", { method: "POST" })).toEqual({ status: 200, body: "ls|-l" });
  });

  it("streams logs", async () => {
    expect(await ask("/containerLogs/default/web/main?tailLines=7")).toEqual({ status: 200, body: "line 1 of 7\nline 2\n" });
    expect(await ask("/containerLogs/default/other/main")).toEqual({ status: 404, body: 'pod "other" not found' });
  });

  it("lets nobody in without an identity, and others only where they may", async () => {
    expect(await ask("/pods", stranger())).toEqual({ status: 401, body: "Unauthorized" });
    expect(await ask("/metrics/resource", stranger("bad"))).toEqual({ status: 401, body: "Unauthorized" });
    expect((await ask("/metrics/resource", stranger("good"))).status).toBe(200);
    expect(await ask("/pods", stranger("good"))).toEqual({
      status: 403,
      body: "Forbidden (user=metrics-reader, verb=get, resource=nodes, subresource(s)=[pods proxy])\n",
    });
  });

  it("says why it cannot answer", async () => {
    expect((await ask("/nothing")).status).toBe(404);
    expect(await ask("/stats/summary")).toEqual({ status: 503, body: "no figures yet" });
    expect(await ask("/exec/default/web/main?output=1&command=ls", { method: "POST" })).toEqual({ status: 400, body: "Upgrade request required" });
  });

  it("refuses an upgrade before switching protocols", async () => {
    const headers = { connection: "Upgrade", upgrade: "SPDY/3.1" };
    expect(await ask("/exec/default/web/main?output=1&command=ls", { method: "POST", headers })).toEqual({ status: 404, body: "container not found" });
    expect((await ask("/portForward/default/web", { method: "POST", headers })).status).toBe(500);
    expect((await ask("/exec/default/web/main?output=1", { headers: { connection: "Upgrade", upgrade: "h2c" } })).status).toBe(404);
  });
});
