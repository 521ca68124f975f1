// The whole cluster inside a process, on virtual time: what a user of `startCluster` relies on.
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { afterEach, describe, expect, it } from "vitest";
import {
  type Cluster,
  createVirtualEnv,
  type Deployment,
  deployments,
  namespaces,
  nodes,
  type Pod,
  pods,
  startCluster,
  type VirtualClock,
} from "../src/cluster/index.ts";

const deployment = (name: string, replicas: number): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "default" },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { name: "", labels: { app: name } }, spec: { containers: [{ name: "main", image: "app:1" }] } },
  },
});

describe("an embedded cluster", () => {
  let cluster: Cluster | undefined;
  let clock: VirtualClock;
  afterEach(async () => {
    await cluster?.stop();
  });
  const begin = async (nodeNames?: string[]): Promise<Cluster> => {
    const virtual = createVirtualEnv({ onLog: (level, component, message, fields) => level === "error" && console.error(component, message, fields) });
    clock = virtual.clock;
    cluster = await startCluster({ env: virtual.env, nodes: nodeNames });
    return cluster;
  };
  const running = async (of: Cluster): Promise<Pod[]> =>
    (await of.client().list(pods, { namespace: "default" })).items.filter(({ status }) => status?.phase === "Running");

  it("has its namespaces and a Ready node", async () => {
    const { client } = await begin();
    expect((await client().list(namespaces)).items.map(({ metadata }) => metadata.name).sort()).toEqual([
      "default",
      "kube-node-lease",
      "kube-public",
      "kube-system",
    ]);
    await clock.runUntil(
      async () => (await client().get(nodes, { name: "node-1" })).status?.conditions?.find(({ type }) => type === "Ready")?.status === "True",
    );
  });

  it("runs a deployment's pods and replaces one that is deleted", async () => {
    const here = await begin(["node-1", "node-2"]);
    await here.client().create(deployments, deployment("web", 3));
    await clock.runUntil(async () => (await running(here)).length === 3);
    const [victim] = await running(here);
    await here.client().delete(pods, { namespace: "default", name: victim?.metadata.name ?? "" });
    await clock.runUntil(async () => {
      const now = await running(here);
      return now.length === 3 && !now.some(({ metadata }) => metadata.uid === victim?.metadata.uid);
    });
    await clock.runUntil(async () => (await here.client().get(deployments, { namespace: "default", name: "web" })).status?.availableReplicas === 3);
  });

  it("shows logs, and says why it cannot execute", async () => {
    const here = await begin();
    const spec = { restartPolicy: "Never", containers: [{ name: "main", image: "app:1", command: ["sh", "-c", "echo hello from simulation"] }] };
    await here.client().create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name: "speaker", namespace: "default" }, spec });
    await clock.runUntil(async () => (await here.client().get(pods, { namespace: "default", name: "speaker" })).status?.phase === "Succeeded");
    const config = new KubeConfig();
    config.loadFromString(await here.kubeconfig());
    const core = config.makeApiClient(CoreV1Api);
    expect(await core.readNamespacedPodLog({ namespace: "default", name: "speaker" })).toBe("hello from simulation\n");
    await expect(core.connectGetNamespacedPodExec({ namespace: "default", name: "speaker", command: "ls", stdout: true })).rejects.toThrow(/400|500/);
  });

  it("collects the pods of a deleted deployment", async () => {
    const here = await begin();
    await here.client().create(deployments, deployment("web", 2));
    await clock.runUntil(async () => (await running(here)).length === 2);
    await here.client().delete(deployments, { namespace: "default", name: "web" });
    await clock.runUntil(async () => (await here.client().list(pods, { namespace: "default" })).items.length === 0);
  });
});
