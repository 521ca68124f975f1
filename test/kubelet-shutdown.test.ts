// Graceful node shutdown, on virtual time.
import { afterEach, expect, it } from "vitest";
import { events, nodes, type Pod } from "../src/api/index.ts";
import { NODE, type SimulatedNode, startSimulatedNode } from "./simulated-node.ts";

let node: SimulatedNode | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

const isRunning = (pod: Pod): boolean => pod.status?.phase === "Running";
const hasFailed = (pod: Pod): boolean => pod.status?.phase === "Failed";

async function start(): Promise<SimulatedNode> {
  node = await startSimulatedNode({
    kubelet: { configuration: { shutdownGracePeriod: "30s", shutdownGracePeriodCriticalPods: "10s" } },
    // Each pod takes as long to end as its name says.
    runtime: { behaviour: ({ pod }) => ({ stopAfterMs: Number(/\d+$/.exec(pod)?.[0] ?? "0") * 1000 }) },
  });
  return node;
}

async function ready({ client }: SimulatedNode): Promise<string> {
  const { status } = await client.get(nodes, { name: NODE });
  const condition = status?.conditions?.find(({ type }) => type === "Ready");
  return `${condition?.status} ${condition?.message}`;
}

it("ends ordinary pods, then critical ones, each within its time, and holds the machine up until then", async () => {
  const started = await start();
  const { host, clock, client, createPod, waitForPod, pod } = started;
  await createPod("slow-5", {});
  await createPod("stubborn-100", { terminationGracePeriodSeconds: 300 });
  await createPod("critical-3", { priorityClassName: "system-node-critical" });
  for (const name of ["slow-5", "stubborn-100", "critical-3"]) await waitForPod(name, isRunning);
  expect(host.isHeldUp).toBe(true);
  host.shutDown(true);
  await clock.advance(6000);
  const message = "Pod was terminated in response to imminent node shutdown.";
  expect((await pod("slow-5")).status).toMatchObject({ phase: "Failed", reason: "Terminated", message });
  expect((await pod("slow-5")).status?.conditions?.find(({ type }) => type === "DisruptionTarget")).toMatchObject({ reason: "TerminationByKubelet", message });
  expect(isRunning(await pod("critical-3"))).toBe(true);
  expect(await ready(started)).toBe("False node is shutting down");
  await createPod("late", {});
  const refused = await waitForPod("late", hasFailed, 3000);
  expect(refused.status).toMatchObject({ reason: "NodeShutdown", message: "Pod was rejected: Pod was rejected as the node is shutting down." });
  await clock.advance(12_000);
  // The stubborn pod is killed when ordinary pods have had their twenty seconds.
  expect(host.isHeldUp).toBe(true);
  await waitForPod("stubborn-100", hasFailed, 6000);
  await waitForPod("critical-3", hasFailed, 6000);
  await clock.advance(1000);
  expect(host.isHeldUp).toBe(false);
  const { items } = await client.list(events, { namespace: "default", fieldSelector: "reason=NodeShutdown,involvedObject.kind=Node" });
  expect(items.map((event) => event.message)).toEqual(["Shutdown manager detected shutdown event"]);
});

it("is as before when the shutdown is called off, and holds up the next one", async () => {
  const started = await start();
  const { host, clock, createPod, waitForPod } = started;
  host.shutDown(true);
  await clock.advance(1000);
  expect(host.isHeldUp).toBe(false);
  host.shutDown(false);
  await clock.advance(1000);
  expect([host.isHeldUp, await ready(started)]).toEqual([true, "True kubelet is posting ready status"]);
  await createPod("web", {});
  await waitForPod("web", isRunning);
});

it("holds up the next shutdown while pods still end because of the one that was called off", async () => {
  const { host, clock, createPod, waitForPod } = await start();
  await createPod("slow-5", {});
  await waitForPod("slow-5", isRunning);
  host.shutDown(true);
  await clock.advance(1000);
  host.shutDown(false);
  await waitForPod("slow-5", hasFailed, 10_000);
  await clock.advance(1000);
  expect(host.isHeldUp).toBe(true);
});

it("does not hold the machine up unless it is told to", async () => {
  node = await startSimulatedNode();
  expect(node.host.isHeldUp).toBe(false);
});
