// What a node shows of itself: its Node object and lease, and the kubelet's answers to its server.
import { afterEach, describe, expect, it } from "vitest";
import { leases, nodes, type Pod } from "../src/api/index.ts";
import type { SimulatedContainer } from "../src/kubelet/index.ts";
import { NODE, type SimulatedNode, type SimulatedNodeOptions, startSimulatedNode } from "./simulated-node.ts";

let node: SimulatedNode | undefined;
async function start(options?: SimulatedNodeOptions): Promise<SimulatedNode> {
  node = await startSimulatedNode(options);
  return node;
}
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const statusOf = (pod: Pod, name = "main") =>
  [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find((status) => status.name === name);

describe("the node", () => {
  it("registers with capacity, addresses, conditions and labels, and renews its lease", async () => {
    const { client, clock } = await start({ host: { facts: { cpuCount: 4, memoryBytes: 2 ** 33 } } });
    const registered = await client.get(nodes, { name: NODE });
    expect(registered.metadata.labels).toMatchObject({ "kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64" });
    expect(registered.status?.capacity).toMatchObject({ cpu: "4", memory: "8Gi", pods: "110" });
    expect(registered.status?.addresses).toEqual([
      { type: "InternalIP", address: "192.168.7.5" },
      { type: "Hostname", address: NODE },
    ]);
    expect(registered.status?.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`)).toEqual([
      "MemoryPressure=False KubeletHasSufficientMemory",
      "DiskPressure=False KubeletHasNoDiskPressure",
      "PIDPressure=False KubeletHasSufficientPID",
      "Ready=True KubeletReady",
    ]);
    const lease = (): Promise<string | undefined> => client.get(leases, { namespace: "kube-node-lease", name: NODE }).then(({ spec }) => spec?.renewTime);
    const before = await lease();
    await clock.advance(10_000);
    expect(await lease()).not.toBe(before);
  });

  it("keeps extended resources that others have put on it", async () => {
    const { client, clock } = await start();
    const body = { status: { capacity: { "example.com/thing": "5" }, allocatable: { "example.com/thing": "5" } } };
    await client.patch(nodes, { name: NODE }, { type: "strategic", body }, { subresource: "status" });
    await clock.advance(6 * 60_000);
    expect((await client.get(nodes, { name: NODE })).status?.allocatable?.["example.com/thing"]).toBe("5");
  });

  it("takes away what it no longer reports, and then leaves its status alone", async () => {
    const { client, clock } = await start();
    const body = { status: { capacity: { "hugepages-64Ki": "0" }, features: { supplementalGroupsPolicy: true }, nodeInfo: { swap: { capacity: 5 } } } };
    await client.patch(nodes, { name: NODE }, { type: "strategic", body }, { subresource: "status" });
    await clock.advance(20_000);
    const { status, metadata } = await client.get(nodes, { name: NODE });
    expect([status?.capacity?.["hugepages-64Ki"], status?.features, status?.nodeInfo?.swap]).toEqual([undefined, undefined, undefined]);
    await clock.advance(60_000);
    expect((await client.get(nodes, { name: NODE })).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });

  it("tells what pods may have when some is reserved", async () => {
    const configuration = {
      kubeReserved: { cpu: "500m", memory: "1Gi" },
      systemReserved: { memory: "1Gi" },
      evictionHard: { "memory.available": "5%" },
      maxPods: 42,
    };
    const { client, host } = await start({ host: { facts: { cpuCount: 4, memoryBytes: 10 * 2 ** 30 } }, kubelet: { configuration } });
    const { status } = await client.get(nodes, { name: NODE });
    expect(status?.capacity).toMatchObject({ cpu: "4", memory: "10Gi", pods: "42" });
    expect(status?.allocatable).toMatchObject({ cpu: "3500m", memory: "7680Mi", "ephemeral-storage": "100Gi" });
    // Pods together are held to what is not reserved.
    expect(host.groups.get("/kubets/kubepods")?.memoryLimitBytes).toBe(8 * 2 ** 30);
  });

  it("writes its status only when it changed or five minutes have passed", async () => {
    const { client, clock } = await start();
    await clock.advance(20_000);
    const version = async (): Promise<string | undefined> => (await client.get(nodes, { name: NODE })).metadata.resourceVersion;
    const before = await version();
    await clock.advance(120_000);
    expect(await version()).toBe(before);
    await clock.advance(240_000);
    expect(await version()).not.toBe(before);
  });
});

describe("the kubelet's face to its server", () => {
  it("reads logs, of the container before too, and says what there is none of", async () => {
    const behaviour = ({ attempt }: SimulatedContainer): object => ({
      output: [`attempt ${attempt}`],
      ...(attempt === 0 ? { exitAfterMs: 1000, exitCode: 1 } : {}),
    });
    const { createPod, waitForPod, kubelet } = await start({ runtime: { behaviour } });
    await createPod("web", {});
    await waitForPod("web", (pod) => statusOf(pod)?.restartCount === 1 && isReady(pod));
    const target = { namespace: "default", pod: "web", container: "main" };
    const read = async (previous: boolean): Promise<string> => {
      let text = "";
      for await (const chunk of await kubelet.api.containerLogs(target, { previous }, new AbortController().signal)) text += new TextDecoder().decode(chunk);
      return text;
    };
    expect([await read(false), await read(true)]).toEqual(["attempt 1\n", "attempt 0\n"]);
    const { signal } = new AbortController();
    await expect(kubelet.api.containerLogs({ ...target, pod: "none" }, {}, signal)).rejects.toMatchObject({ code: 404, message: 'pod "none" does not exist' });
    const noContainer = { code: 404, message: 'container "none" not found in pod "web"' };
    await expect(kubelet.api.containerLogs({ ...target, container: "none" }, {}, signal)).rejects.toMatchObject(noContainer);
  });

  it("says why there is no log while the image is not there", async () => {
    const { createPod, waitForPod, kubelet } = await start({ runtime: { pullable: () => false } });
    await createPod("web", {});
    await waitForPod("web", (pod) => statusOf(pod)?.state?.waiting?.reason === "ImagePullBackOff");
    const target = { namespace: "default", pod: "web", container: "main" };
    await expect(kubelet.api.containerLogs(target, {}, new AbortController().signal)).rejects.toMatchObject({
      message: 'container "main" in pod "web" is waiting to start: trying and failing to pull image',
    });
  });

  it("sums up what runs", async () => {
    const { createPod, waitForPod, kubelet } = await start();
    await createPod("web", {});
    await waitForPod("web", isReady);
    expect((await kubelet.api.runningPods()).map(({ metadata }) => metadata.name)).toEqual(["web"]);
    const { node: ofNode, pods: ofPods } = await kubelet.api.statsSummary();
    expect(ofNode.nodeName).toBe(NODE);
    expect(ofPods.map(({ podRef, containers }) => [podRef.name, containers.map(({ name }) => name)])).toEqual([["web", ["main"]]]);
    expect(await kubelet.api.resourceMetrics()).toMatch(/^container_memory_working_set_bytes\{container="main",namespace="default",pod="web"\} \d+ \d+$/m);
  });
});
