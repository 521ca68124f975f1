// The scheduler against the real API server and controllers, on virtual time: what a user of a cluster sees of it.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodes, type Pod, type PodSpec, pods, priorityClasses, replicaSets, serviceAccounts, services } from "../src/api/index.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

const FAKE = "example.com/fakecpu";
const namespace = "default";
let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  await until(async () => (await plane.client.list(serviceAccounts, { namespace })).items.length === 1);
});
afterEach(async () => {
  await plane.stop();
});

function until(predicate: () => boolean | Promise<boolean>, limitMs?: number): Promise<void> {
  return plane.clock.runUntil(predicate, limitMs);
}
const get = (name: string): Promise<Pod> => plane.client.get(pods, { namespace, name });
const isRunning = async (name: string): Promise<boolean> => (await get(name)).status?.phase === "Running";

async function createPod(name: string, spec: Partial<PodSpec>, requests: Record<string, string>, more: Partial<Pod["metadata"]> = {}): Promise<void> {
  const containers = [{ name: "main", image: "app:1", resources: { requests, limits: requests } }];
  await plane.client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, ...more }, spec: { containers, ...spec } });
}

async function createReplicas(name: string, replicas: number, spec: Partial<PodSpec>, requests: Record<string, string>): Promise<void> {
  const containers = [{ name: "main", image: "app:1", resources: { requests, limits: requests } }];
  const template = { metadata: { name: "", labels: { name } }, spec: { containers, ...spec } };
  await plane.client.create(replicaSets, {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name, namespace },
    spec: { replicas, selector: { matchLabels: { name } }, template },
  });
}

async function createPriority(name: string, value: number): Promise<void> {
  await plane.client.create(priorityClasses, { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value });
}

describe("preemption", () => {
  beforeEach(async () => {
    await plane.addNode("a");
    const body = { status: { capacity: { [FAKE]: "1000" }, allocatable: { [FAKE]: "1000" } } };
    await plane.client.patch(nodes, { name: "a" }, { type: "strategic", body }, { subresource: "status" });
    for (const value of [1, 2, 3, 4]) await createPriority(`p${value}`, value);
  });

  it("ends no more pods of replica sets than it must, and none twice", async () => {
    const seen = new Map<string, Set<string>>();
    plane.informers.informer(pods).addHandler({
      added: ({ metadata: { labels, uid = "" } }) => seen.set(labels?.["name"] ?? "", (seen.get(labels?.["name"] ?? "") ?? new Set()).add(uid)),
    });
    for (const [index, amount] of ["200", "300", "450"].entries()) {
      await createReplicas(`rs${index + 1}`, 1, { priorityClassName: `p${index + 1}` }, { [FAKE]: amount });
    }
    await until(() => seen.size === 3);
    await plane.clock.advance(1000);
    await createPod("preemptor", { priorityClassName: "p4" }, { [FAKE]: "500" }, { labels: { name: "preemptor" } });
    await until(() => isRunning("preemptor"));
    await plane.clock.advance(60_000);
    expect(["rs1", "rs2", "rs3"].map((name) => seen.get(name)?.size)).toEqual([2, 2, 1]);
  });

  it("marks its victims, and keeps the room while they leave", async () => {
    await createPod("victim", { priorityClassName: "p1" }, { [FAKE]: "600" }, { finalizers: ["example.com/slow"] });
    await until(() => isRunning("victim"));
    await createPod("preemptor", { priorityClassName: "p4" }, { [FAKE]: "900" });
    await until(async () => (await get("victim")).metadata.deletionTimestamp !== undefined);
    expect((await get("victim")).status?.conditions).toContainEqual(
      expect.objectContaining({
        type: "DisruptionTarget",
        status: "True",
        reason: "PreemptionByScheduler",
        message: "default-scheduler: preempting to accommodate a higher priority pod",
        observedGeneration: 1,
      }),
    );
    expect((await get("preemptor")).status?.nominatedNodeName).toBe("a");
    await createPod("late", { priorityClassName: "p3" }, { [FAKE]: "400" });
    await plane.clock.advance(20_000);
    expect((await get("late")).spec.nodeName).toBeUndefined();
    const { metadata, ...rest } = await get("victim");
    await plane.client.update(pods, { ...rest, metadata: { ...metadata, finalizers: [] } });
    await until(() => isRunning("preemptor"));
    expect((await get("preemptor")).status?.nominatedNodeName).toBeUndefined();
  });
});

describe("a pod that waits", () => {
  it("says why, for which generation, and goes when an extended resource appears", async () => {
    await plane.addNode("a");
    await createPod("p", {}, { [FAKE]: "1" });
    const condition = async () => (await get("p")).status?.conditions?.find(({ type }) => type === "PodScheduled");
    await until(async () => (await condition())?.reason === "Unschedulable");
    expect(await condition()).toMatchObject({
      status: "False",
      observedGeneration: 1,
      message: `0/1 nodes are available: 1 Insufficient ${FAKE}. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.`,
    });
    const body = { status: { capacity: { [FAKE]: "5" }, allocatable: { [FAKE]: "5" } } };
    await plane.client.patch(nodes, { name: "a" }, { type: "strategic", body }, { subresource: "status" });
    await until(() => isRunning("p"));
  });

  it("goes when another is resized to ask for less", async () => {
    await plane.addNode("a", { cpu: "2" });
    await createPod("large", {}, { cpu: "1500m" });
    await until(() => isRunning("large"));
    await createPod("p", {}, { cpu: "1" });
    await plane.clock.advance(10_000);
    expect(await isRunning("p")).toBe(false);
    const resources = { requests: { cpu: "500m" }, limits: { cpu: "500m" } };
    const body = { spec: { containers: [{ name: "main", resources }] } };
    await plane.client.patch(pods, { namespace, name: "large" }, { type: "strategic", body }, { subresource: "resize" });
    await until(() => isRunning("p"));
  });
});

it("spreads the pods of a service over nodes and zones by itself", async () => {
  for (const [index, name] of ["a", "b", "c", "d"].entries()) {
    await plane.addNode(name, { cpu: "16" });
    const body = { metadata: { labels: { "topology.kubernetes.io/zone": index < 2 ? "one" : "two" } } };
    await plane.client.patch(nodes, { name }, { type: "strategic", body });
  }
  await plane.client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace },
    spec: { selector: { name: "web" }, ports: [{ port: 80 }] },
  });
  await createReplicas("web", 8, {}, { cpu: "100m" });
  await until(async () => (await plane.client.list(pods, { namespace })).items.filter(({ status }) => status?.phase === "Running").length === 8);
  const places = (await plane.client.list(pods, { namespace })).items.map(({ spec }) => spec.nodeName ?? "");
  expect(["a", "b", "c", "d"].map((name) => places.filter((place) => place === name).length)).toEqual([2, 2, 2, 2]);
});
