// In-place resize on a simulated node: what is granted, what waits, what the runtime and the control groups are told.
import { afterEach, describe, expect, it } from "vitest";
import { type ContainerStatus, type JsonValue, type Pod, pods, type ResourceRequirements } from "../src/api/index.ts";
import { type SimulatedNode, type SimulatedNodeOptions, startSimulatedNode } from "./simulated-node.ts";

let node: SimulatedNode | undefined;
async function start(options?: SimulatedNodeOptions): Promise<SimulatedNode> {
  node = await startSimulatedNode(options);
  return node;
}
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

type Container = Pod["spec"]["containers"][number];
const amounts = (cpu: string, memory: string): Record<string, string> => ({ cpu, memory });
const guaranteed = (cpu: string, memory: string): ResourceRequirements => ({ requests: amounts(cpu, memory), limits: amounts(cpu, memory) });
const container = (name: string, resources: ResourceRequirements, more: Partial<Container> = {}): Container => ({
  ...{ name, image: "app:1", imagePullPolicy: "IfNotPresent", resources },
  ...more,
});
const statusOf = (pod: Pod, name = "main"): ContainerStatus | undefined => pod.status?.containerStatuses?.find((status) => status.name === name);
const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((candidate) => candidate.type === type);
const isReady = (pod: Pod): boolean => condition(pod, "Ready")?.status === "True";
const isResized = (pod: Pod): boolean =>
  isReady(pod) &&
  pod.status?.observedGeneration === pod.metadata.generation &&
  condition(pod, "PodResizePending") === undefined &&
  condition(pod, "PodResizeInProgress") === undefined;
const resize = (name: string, containers: readonly { name: string; resources: ResourceRequirements }[], list = "containers"): Promise<Pod> => {
  if (node === undefined) throw new Error("there is no node");
  const body = { spec: { [list]: containers } } as unknown as JsonValue;
  return node.client.patch(pods, { namespace: "default", name }, { type: "strategic", body }, { subresource: "resize" });
};
const idOf = (status: ContainerStatus | undefined): string => (status?.containerID ?? "").replace("containerd://", "");

describe("a resize", () => {
  it("reaches runtime, control group and status without a restart", async () => {
    const { createPod, waitForPod, runtime, host, eventsOf } = await start();
    const { metadata } = await createPod("web", { containers: [container("main", guaranteed("200m", "64Mi"))] });
    const before = await waitForPod("web", isReady);
    expect(before.status).toMatchObject({ allocatedResources: amounts("200m", "64Mi"), resources: guaranteed("200m", "64Mi") });
    await resize("web", [{ name: "main", resources: guaranteed("400m", "128Mi") }]);
    const after = await waitForPod("web", (pod) => pod.metadata.generation === 2 && isResized(pod));
    expect(statusOf(after)).toMatchObject({
      ...{ containerID: statusOf(before)?.containerID, restartCount: 0 },
      ...{ resources: guaranteed("400m", "128Mi"), allocatedResources: amounts("400m", "128Mi") },
    });
    expect(after.status).toMatchObject({ allocatedResources: amounts("400m", "128Mi"), resources: guaranteed("400m", "128Mi") });
    expect(runtime.config(idOf(statusOf(after))).resources).toMatchObject({ cpuQuota: 40_000, cpuShares: 409, memoryLimitBytes: 128 << 20 });
    const group = host.groups.get(`/kubets/kubepods/pod${metadata.uid}`);
    expect(group).toMatchObject({ cpuQuotaMicros: 40_000, cpuShares: 409, memoryLimitBytes: 128 << 20 });
    const told = (await eventsOf("web")).filter((text) => text.startsWith("Resize"));
    const summary = JSON.stringify({
      containers: [{ name: "main", resources: { limits: amounts("400m", "128Mi"), requests: amounts("400m", "128Mi") } }],
      generation: 2,
    });
    expect(told).toEqual([`ResizeStarted: Pod resize started: ${summary}`, `ResizeCompleted: Pod resize completed: ${summary}`]);
  });

  it("adds requests and limits where there were none", async () => {
    const { createPod, waitForPod, runtime } = await start();
    await createPod("web", { containers: [container("main", { requests: { cpu: "100m" } }), container("side", { requests: { cpu: "10m" } })] });
    await waitForPod("web", isReady);
    const resources = { requests: amounts("200m", "32Mi"), limits: amounts("300m", "64Mi") };
    await resize("web", [{ name: "main", resources }]);
    const pod = await waitForPod("web", (seen) => seen.metadata.generation === 2 && isResized(seen));
    expect(statusOf(pod)?.resources).toEqual(resources);
    expect(runtime.config(idOf(statusOf(pod))).resources).toMatchObject({ cpuQuota: 30_000, cpuShares: 204, memoryLimitBytes: 64 << 20 });
  });

  it("restarts the container when its policy says so for what changed, and only then", async () => {
    const resizePolicy = [{ resourceName: "memory", restartPolicy: "RestartContainer" }];
    const { createPod, waitForPod, runtime, eventsOf } = await start();
    await createPod("web", { terminationGracePeriodSeconds: 1, containers: [container("main", guaranteed("100m", "64Mi"), { resizePolicy })] });
    await waitForPod("web", isReady);
    await resize("web", [{ name: "main", resources: guaranteed("200m", "64Mi") }]);
    const first = await waitForPod("web", (pod) => pod.metadata.generation === 2 && isResized(pod));
    expect(statusOf(first)?.restartCount).toBe(0);
    await resize("web", [{ name: "main", resources: guaranteed("200m", "96Mi") }]);
    const second = await waitForPod("web", (pod) => isResized(pod) && statusOf(pod)?.restartCount === 1);
    expect(runtime.config(idOf(statusOf(second))).resources.memoryLimitBytes).toBe(96 << 20);
    expect(statusOf(second)?.resources).toEqual(guaranteed("200m", "96Mi"));
    expect(await eventsOf("web")).toContain("Killing: Container main resize requires restart");
  });

  it("resizes a sidecar", async () => {
    const { createPod, waitForPod, runtime } = await start();
    const proxy = container("proxy", guaranteed("100m", "32Mi"), { restartPolicy: "Always" });
    await createPod("web", { initContainers: [proxy], containers: [container("main", guaranteed("100m", "32Mi"))] });
    await waitForPod("web", isReady);
    await resize("web", [{ name: "proxy", resources: guaranteed("150m", "32Mi") }], "initContainers");
    const pod = await waitForPod("web", (seen) => seen.metadata.generation === 2 && isResized(seen));
    const [status] = pod.status?.initContainerStatuses ?? [];
    expect(status).toMatchObject({ restartCount: 0, resources: guaranteed("150m", "32Mi") });
    expect(runtime.config(idOf(status)).resources.cpuQuota).toBe(15_000);
  });

  it("waits as Deferred while the node has no room, and goes on when another pod leaves", async () => {
    const { createPod, waitForPod, client, eventsOf, runtime } = await start({ host: { facts: { cpuCount: 2 } } });
    await createPod("web", { containers: [container("main", guaranteed("500m", "32Mi"))] });
    await createPod("other", { terminationGracePeriodSeconds: 1, containers: [container("main", guaranteed("1", "32Mi"))] });
    await waitForPod("web", isReady);
    await waitForPod("other", isReady);
    await resize("web", [{ name: "main", resources: guaranteed("1500m", "32Mi") }]);
    const waiting = await waitForPod("web", (pod) => condition(pod, "PodResizePending") !== undefined);
    const message = "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000";
    expect(condition(waiting, "PodResizePending")).toMatchObject({ status: "True", reason: "Deferred", message, observedGeneration: 2 });
    expect(statusOf(waiting)?.allocatedResources).toEqual(amounts("500m", "32Mi"));
    expect(runtime.config(idOf(statusOf(waiting))).resources.cpuQuota).toBe(50_000);
    expect((await eventsOf("web")).some((text) => text.startsWith("ResizeDeferred: Pod resize OutOfcpu: {"))).toBe(true);
    await client.delete(pods, { namespace: "default", name: "other" });
    const pod = await waitForPod("web", isResized);
    expect(statusOf(pod)).toMatchObject({ resources: guaranteed("1500m", "32Mi"), restartCount: 0 });
  });

  it("is over when it is asked back", async () => {
    const { createPod, waitForPod } = await start({ host: { facts: { cpuCount: 2 } } });
    await createPod("web", { containers: [container("main", guaranteed("500m", "32Mi"))] });
    await createPod("other", { containers: [container("main", guaranteed("1", "32Mi"))] });
    await waitForPod("other", isReady);
    await waitForPod("web", isReady);
    await resize("web", [{ name: "main", resources: guaranteed("1500m", "32Mi") }]);
    await waitForPod("web", (pod) => condition(pod, "PodResizePending") !== undefined);
    await resize("web", [{ name: "main", resources: guaranteed("500m", "32Mi") }]);
    const pod = await waitForPod("web", (seen) => seen.metadata.generation === 3 && isResized(seen));
    expect(statusOf(pod)?.resources).toEqual(guaranteed("500m", "32Mi"));
  });

  it("is refused by the API when the node could never give so much", async () => {
    const { createPod, waitForPod } = await start({ host: { facts: { cpuCount: 2 } } });
    await createPod("web", { containers: [container("main", guaranteed("500m", "32Mi"))] });
    await waitForPod("web", isReady);
    await expect(resize("web", [{ name: "main", resources: guaranteed("3", "32Mi") }])).rejects.toMatchObject({
      reason: "Forbidden",
      message: 'pods "web" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 3000, allocatable: 2000',
    });
  });

  it("does not take memory away that is in use, and says so until it is free", async () => {
    let used = 100 << 20;
    const { createPod, waitForPod, clock } = await start({ host: { cgroupUsage: () => ({ memoryBytes: used }) } });
    await createPod("web", { containers: [container("main", guaranteed("100m", "128Mi"))] });
    await waitForPod("web", isReady);
    await resize("web", [{ name: "main", resources: guaranteed("100m", "64Mi") }]);
    const stuck = await waitForPod("web", (pod) => condition(pod, "PodResizeInProgress")?.reason === "Error");
    expect(condition(stuck, "PodResizeInProgress")?.message).toBe(
      "cannot decrease memory limits: [attempting to set pod memory limit (67108864) below current usage (104857600), " +
        'attempting to set container "main" memory limit (67108864) below current usage (104857600)]',
    );
    expect(statusOf(stuck)).toMatchObject({ allocatedResources: amounts("100m", "64Mi"), resources: guaranteed("100m", "128Mi") });
    used = 1 << 20;
    await clock.advance(15_000);
    const pod = await waitForPod("web", isResized);
    expect(statusOf(pod)?.resources).toEqual(guaranteed("100m", "64Mi"));
  });

  it("outlives a restart of the kubelet: what waited goes on waiting, with what was granted", async () => {
    const { createPod, waitForPod, restartKubelet, clock, client, pod: get } = await start({ host: { facts: { cpuCount: 2 } } });
    await createPod("web", { containers: [container("main", guaranteed("500m", "32Mi"))] });
    await createPod("other", { terminationGracePeriodSeconds: 1, containers: [container("main", guaranteed("1", "32Mi"))] });
    await waitForPod("other", isReady);
    await waitForPod("web", isReady);
    await resize("web", [{ name: "main", resources: guaranteed("1500m", "32Mi") }]);
    await waitForPod("web", (pod) => condition(pod, "PodResizePending") !== undefined);
    await restartKubelet();
    await clock.advance(5000);
    const waiting = await get("web");
    expect(condition(waiting, "PodResizePending")?.reason).toBe("Deferred");
    expect(statusOf(waiting)?.resources).toEqual(guaranteed("500m", "32Mi"));
    await client.delete(pods, { namespace: "default", name: "other" });
    await waitForPod("web", isResized);
  });

  it("changes what the pod as a whole may use", async () => {
    const { createPod, waitForPod, client, host, runtime } = await start();
    const { metadata } = await createPod("web", { resources: guaranteed("1", "256Mi"), containers: [container("main", {}), container("side", {})] });
    const before = await waitForPod("web", isReady);
    expect(before.status).toMatchObject({ qosClass: "Guaranteed", allocatedResources: amounts("1", "256Mi") });
    const body = { spec: { resources: guaranteed("2", "512Mi") } } as unknown as JsonValue;
    await client.patch(pods, { namespace: "default", name: "web" }, { type: "strategic", body }, { subresource: "resize" });
    const after = await waitForPod("web", (pod) => pod.metadata.generation === 2 && isResized(pod));
    expect(after.status).toMatchObject({ allocatedResources: amounts("2", "512Mi"), resources: guaranteed("2", "512Mi") });
    expect(host.groups.get(`/kubets/kubepods/pod${metadata.uid}`)).toMatchObject({ cpuQuotaMicros: 200_000, memoryLimitBytes: 512 << 20 });
    // Containers without limits of their own are held to the pod's.
    expect(runtime.config(idOf(statusOf(after, "side"))).resources).toMatchObject({ cpuQuota: 200_000, memoryLimitBytes: 512 << 20 });
  });
});
