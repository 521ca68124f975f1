// The metrics API over kubelets that a test scripts: what is told, how old it may be, and who is asked how often.
import { describe, expect, it } from "vitest";
import { type NodeMetrics, nodes, type PodMetrics, podMetrics, pods } from "../../api/index.ts";
import type { Backend } from "../node-connector.ts";
import { startTestServer, type TestServer, USER_TOKEN } from "../testing.ts";
import { parseResourceMetrics } from "./resource-metrics.ts";

const API = "/apis/metrics.k8s.io/v1beta1";
const TABLE = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };

interface List<T> {
  readonly kind: string;
  readonly metadata: object;
  readonly items: readonly T[];
}
interface Table {
  readonly columnDefinitions: readonly { readonly name: string }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

/** A kubelet whose containers each use a tenth of a core, and whose node uses half of one, always. */
class ScriptedKubelet {
  questions = 0;
  isSilent = false;
  containers: { pod: string; name: string; startedAtMs: number }[] = [];

  private readonly bootedAtMs: number;

  constructor(private readonly now: () => number) {
    this.bootedAtMs = now() - 1_000_000;
  }

  readonly backend: Backend = {
    request: async ({ target }) => {
      this.questions++;
      if (this.isSilent) return new Promise(() => undefined);
      const found = target === "/metrics/resource";
      return { status: found ? 200 : 404, headers: {}, body: new Response(found ? this.text() : "").body ?? new ReadableStream() };
    },
    upgrade: () => Promise.reject(new Error("no streams here")),
  };

  private text(): string {
    const now = this.now();
    const lines = [`node_cpu_usage_seconds_total ${(now - this.bootedAtMs) / 2000} ${now}`, `node_memory_working_set_bytes 1.048576e+09 ${now}`];
    for (const { pod, name, startedAtMs } of this.containers) {
      const labels = `container="${name}",namespace="default",pod="${pod}"`;
      lines.push(`container_cpu_usage_seconds_total{${labels}} ${(now - startedAtMs) / 10_000} ${now}`);
      lines.push(`container_memory_working_set_bytes{${labels}} 4194304 ${now}`, `container_start_time_seconds{${labels}} ${startedAtMs / 1000}`);
    }
    return `${lines.join("\n")}\n`;
  }
}

async function clusterWith(
  names: readonly string[],
): Promise<TestServer & { readonly kubelet: ScriptedKubelet; ask(path: string, headers?: object): ReturnType<TestServer["request"]> }> {
  const holder: { kubelet?: ScriptedKubelet } = {};
  const backend = (): Backend =>
    holder.kubelet?.backend ?? { request: () => Promise.reject(new Error("none")), upgrade: () => Promise.reject(new Error("none")) };
  const test = await startTestServer({ nodes: { kubelet: backend, endpoint: backend, server: backend } });
  const kubelet = new ScriptedKubelet(() => test.clock.now());
  holder.kubelet = kubelet;
  await test.client.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: "node-1", labels: { size: "small" } }, spec: {} });
  await test.request("POST", "/api/v1/namespaces/default/serviceaccounts", { body: { metadata: { name: "default" } } });
  for (const name of names) {
    const spec = { nodeName: "node-1", containers: [{ name: "main", image: "i" }] };
    const created = await test.client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", labels: { app: name } }, spec });
    await test.client.update(pods, { ...created, status: { phase: "Running" } }, { subresource: "status" });
    kubelet.containers.push({ pod: name, name: "main", startedAtMs: test.clock.now() - 3_600_000 });
  }
  const ask: TestServer["request"] = async (method, target, options) => {
    const answer = test.request(method, target, options);
    await test.clock.advance(2000);
    return answer;
  };
  return { ...test, kubelet, ask: (path, headers = {}) => ask("GET", `${API}${path}`, { headers: { ...headers } }) };
}

describe("the metrics API", () => {
  it("tells what nodes and containers use, at the first question", async () => {
    const { ask } = await clusterWith(["web"]);
    const [node] = (await ask("/nodes")).json<List<NodeMetrics>>().items;
    expect(node).toMatchObject({
      kind: "NodeMetrics",
      metadata: { name: "node-1", labels: { size: "small" } },
      window: "1.1s",
      usage: { cpu: "500m", memory: "1000Mi" },
    });
    const pod = (await ask("/namespaces/default/pods/web")).json<PodMetrics>();
    expect(pod.containers).toEqual([{ name: "main", usage: { cpu: "100m", memory: "4Mi" } }]);
    expect(pod.metadata).toMatchObject({ name: "web", namespace: "default", labels: { app: "web" } });
  });

  it("selects by labels and names, and prints tables", async () => {
    const { ask } = await clusterWith(["a", "b"]);
    const names = async (query: string) => (await ask(`/pods${query}`)).json<List<PodMetrics>>().items.map(({ metadata }) => metadata.name);
    expect(await names("")).toEqual(["a", "b"]);
    expect(await names("?labelSelector=app%3Db")).toEqual(["b"]);
    expect(await names("?fieldSelector=metadata.name%3Da")).toEqual(["a"]);
    expect((await ask("/pods")).json<List<PodMetrics>>()).toMatchObject({ kind: "PodMetricsList", metadata: {} });
    const table = (await ask("/namespaces/default/pods", TABLE)).json<Table>();
    expect(table.columnDefinitions.map(({ name }) => name)).toEqual(["Name", "Cpu", "Memory", "Window"]);
    expect(table.rows.map(({ cells }) => cells.slice(0, 3))).toEqual([
      ["a", "100m", "4Mi"],
      ["b", "100m", "4Mi"],
    ]);
  });

  it("asks a kubelet at most every 15 seconds, and not at all when nobody asks", async () => {
    const { ask, kubelet, clock } = await clusterWith(["web"]);
    await Promise.all([ask("/nodes"), ask("/pods")]);
    expect(kubelet.questions).toBe(2);
    await ask("/nodes");
    expect(kubelet.questions).toBe(2);
    await clock.advance(15_000);
    const [node] = (await ask("/nodes")).json<List<NodeMetrics>>().items;
    expect(kubelet.questions).toBe(3);
    expect(Number.parseFloat(node?.window ?? "")).toBeGreaterThanOrEqual(15);
    await clock.advance(3_600_000);
    expect(kubelet.questions).toBe(3);
    expect((await ask("/nodes")).json<List<NodeMetrics>>().items[0]?.window).toBe("1.1s");
  });

  it("measures a container that came since the last reading from its start, and leaves out one that is too young", async () => {
    const { ask, kubelet, clock } = await clusterWith(["web"]);
    await ask("/pods");
    await clock.advance(15_000);
    kubelet.containers = [{ pod: "web", name: "main", startedAtMs: clock.now() - 5000 }];
    expect((await ask("/namespaces/default/pods/web")).json<PodMetrics>()).toMatchObject({ window: "5s", containers: [{ usage: { cpu: "100m" } }] });
    await clock.advance(15_000);
    kubelet.containers = [{ pod: "web", name: "main", startedAtMs: clock.now() - 500 }];
    const young = await ask("/namespaces/default/pods/web");
    expect(young.json()).toMatchObject({ reason: "NotFound", message: 'podmetrics.metrics.k8s.io "default/web" not found' });
  });

  it("leaves out a node that does not answer in time, and does not ask it again at once", async () => {
    const { ask, kubelet, clock, request } = await clusterWith(["web"]);
    kubelet.isSilent = true;
    const asked = request("GET", `${API}/nodes`);
    await clock.advance(6000);
    expect((await asked).json<List<NodeMetrics>>().items).toEqual([]);
    kubelet.isSilent = false;
    expect((await ask("/nodes")).json<List<NodeMetrics>>().items).toEqual([]);
    expect(kubelet.questions).toBe(1);
    await clock.advance(15_000);
    expect((await ask("/nodes")).json<List<NodeMetrics>>().items).toHaveLength(1);
  });

  it("is read only, and not by everybody", async () => {
    const { request, client, ask } = await clusterWith([]);
    for (const [method, path] of [
      ["POST", "/namespaces/default/pods"],
      ["PUT", "/nodes/node-1"],
      ["DELETE", "/nodes/node-1"],
      ["GET", "/nodes?watch=true"],
    ] as const) {
      expect((await request(method, `${API}${path}`, { body: {} })).status, `${method} ${path}`).toBe(405);
    }
    await expect(client.delete(podMetrics, { namespace: "default", name: "web" })).rejects.toMatchObject({ reason: "MethodNotAllowed" });
    expect((await request("GET", `${API}/pods`, { token: USER_TOKEN })).status).toBe(403);
    expect((await ask("/nodes/none")).status).toBe(404);
  });

  it("comes with a role that viewers get, and with an APIService that is local until a user's own replaces it", async () => {
    const { request, clock } = await clusterWith([]);
    await clock.advance(1000);
    const role = (await request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/view")).json<{ rules: { apiGroups: string[]; verbs: string[] }[] }>();
    expect(role.rules.find(({ apiGroups }) => apiGroups[0] === "metrics.k8s.io")?.verbs).toEqual(["get", "list", "watch"]);
    const services = (await request("GET", "/apis/apiregistration.k8s.io/v1/apiservices", { headers: TABLE })).json<Table>();
    const rows = services.rows.map(({ cells }) => cells.slice(0, 3));
    expect(rows).toContainEqual(["v1beta1.metrics.k8s.io", "Local", "True"]);
    expect(rows).toContainEqual(["v1.", "Local", "True"]);
  });
});

it("reads the metrics it knows out of a kubelet's text", () => {
  const text = [
    "# HELP node_cpu_usage_seconds_total [STABLE] text",
    "node_cpu_usage_seconds_total 12.5 1000",
    "node_memory_working_set_bytes 2048",
    'container_cpu_usage_seconds_total{container="a\\"b",namespace="n",pod="p"} 1e-3 2000',
    'container_memory_working_set_bytes{container="a\\"b",namespace="n",pod="p"} 10 2000',
    'container_start_time_seconds{container="a\\"b",namespace="n",pod="p"} 1.5',
    'container_memory_working_set_bytes{container="half",namespace="n",pod="p"} 10 2000',
    'container_swap_usage_bytes{container="other",namespace="n",pod="q"} 10 2000',
    "garbage {",
  ].join("\n");
  const { node, pods: found } = parseResourceMetrics(text, 9000);
  expect(node).toEqual({ atMs: 1000, cpuSeconds: 12.5, memoryBytes: 2048 });
  expect([...found]).toEqual([["n/p", new Map([['a"b', { atMs: 2000, cpuSeconds: 0.001, memoryBytes: 10, startedAtMs: 1500 }]])]]);
});
