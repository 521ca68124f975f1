import { describe, expect, it } from "vitest";
import { type Pod, type PodDisruptionBudget, podDisruptionBudgets, pods, serviceAccounts } from "../../api/index.ts";
import { startTestServer, type TestServer } from "../testing.ts";

const LABELS = { app: "web" };

async function startWithPods(count: number): Promise<TestServer> {
  const server = await startTestServer();
  const { client } = server;
  await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } });
  for (let number = 0; number < count; number++) {
    const spec = { nodeName: "n", containers: [{ name: "c", image: "i" }] };
    const metadata = { name: `web-${number}`, namespace: "default", labels: LABELS };
    const pod = await client.create(pods, { apiVersion: "v1", kind: "Pod", metadata, spec } as unknown as Pod);
    await client.update(pods, { ...pod, status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } }, { subresource: "status" });
  }
  return server;
}

async function createBudget({ client }: TestServer, disruptionsAllowed: number): Promise<void> {
  const metadata = { name: "web", namespace: "default" };
  const spec = { minAvailable: 1, selector: { matchLabels: LABELS } };
  const budget = await client.create(podDisruptionBudgets, { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec } as PodDisruptionBudget);
  const status = { observedGeneration: 1, disruptionsAllowed, currentHealthy: 1 + disruptionsAllowed, desiredHealthy: 1, expectedPods: 2 };
  await client.update(podDisruptionBudgets, { ...budget, status } as PodDisruptionBudget, { subresource: "status" });
}

function evict({ request }: TestServer, name: string) {
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace: "default" } };
  return request("POST", `/api/v1/namespaces/default/pods/${name}/eviction`, { body });
}

describe("eviction", () => {
  it("deletes a pod that no budget guards, and says why it goes", async () => {
    const server = await startWithPods(1);
    expect((await evict(server, "web-0")).status).toBe(201);
    const { metadata, status } = await server.client.get(pods, { namespace: "default", name: "web-0" });
    expect(metadata.deletionTimestamp).toBeDefined();
    expect(status?.conditions?.find(({ type }) => type === "DisruptionTarget")).toMatchObject({ status: "True", reason: "EvictionByEvictionAPI" });
  });

  it("spends a budget's disruptions, and is refused when there are none", async () => {
    const server = await startWithPods(2);
    await createBudget(server, 1);
    expect((await evict(server, "web-0")).status).toBe(201);
    const budget = await server.client.get(podDisruptionBudgets, { namespace: "default", name: "web" });
    expect(budget.status).toMatchObject({ disruptionsAllowed: 0, disruptedPods: { "web-0": expect.any(String) } });
    const refused = await evict(server, "web-1");
    expect(refused.status).toBe(429);
    expect(refused.json()).toMatchObject({
      reason: "TooManyRequests",
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: { causes: [{ reason: "DisruptionBudget" }] },
    });
    expect((await server.client.get(pods, { namespace: "default", name: "web-1" })).metadata.deletionTimestamp).toBeUndefined();
  });

  it("waits for a budget that its controller has not looked at", async () => {
    const server = await startWithPods(1);
    const spec = { selector: { matchLabels: LABELS }, minAvailable: 0 };
    const metadata = { name: "new", namespace: "default" };
    await server.client.create(podDisruptionBudgets, { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec } as PodDisruptionBudget);
    const refused = await evict(server, "web-0");
    expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "10"]);
  });
});
