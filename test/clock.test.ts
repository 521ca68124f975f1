// A machine's clock that jumps, as after a suspend or a correction by NTP: leases, probes and time-outs go by time that passed,
// so nobody is taken for dead and nothing is done twice.
import { afterEach, describe, expect, it } from "vitest";
import { cronJobs, deployments, jobs, nodes, pods } from "../src/api/index.ts";
import { type ControlPlane, deployment, startControlPlane } from "./control-plane.ts";
import { startSimulatedNode } from "./simulated-node.ts";

const HOUR_MS = 3_600_000;
const QUARTER_MS = 900_000;
const jumps = [
  { way: "an hour ahead", byMs: HOUR_MS },
  { way: "an hour back", byMs: -HOUR_MS },
];

let plane: ControlPlane | undefined;
afterEach(async () => {
  await plane?.stop();
  plane = undefined;
});

describe.each(jumps)("a jump $way", ({ byMs }) => {
  it("leaves nodes Ready, their pods where they are, and the cluster working", async () => {
    plane = await startControlPlane();
    const { client, clock } = plane;
    await plane.addNode("node-1");
    await plane.addNode("node-2");
    await client.create(deployments, deployment("web", 3));
    const available = async (name: string, count: number) =>
      (await client.get(deployments, { namespace: "default", name })).status?.availableReplicas === count;
    await clock.runUntil(() => available("web", 3));
    const before = (await client.list(pods)).items.map(({ metadata }) => metadata.uid).sort();

    clock.jump(byMs);
    for (let passedMs = 0; passedMs < QUARTER_MS; passedMs += 30_000) {
      await clock.advance(30_000);
      for (const node of (await client.list(nodes)).items) {
        expect(node.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
        expect(node.spec.taints ?? []).toEqual([]);
      }
    }
    expect((await client.list(pods)).items.map(({ metadata }) => metadata.uid).sort()).toEqual(before);
    await client.create(deployments, deployment("later", 2));
    await clock.runUntil(() => available("later", 2), 60_000);
  });

  it("makes no cron job run twice for one time", async () => {
    plane = await startControlPlane();
    const { client, clock } = plane;
    await plane.addNode("node-1");
    const template = { spec: { containers: [{ name: "main", image: "exit:0" }], restartPolicy: "Never" } };
    const metadata = { name: "tick", namespace: "default" };
    const spec = { schedule: "*/5 * * * *", successfulJobsHistoryLimit: 100, jobTemplate: { spec: { template } } };
    await client.create(cronJobs, { apiVersion: "batch/v1", kind: "CronJob", metadata, spec });
    const scheduled = async () =>
      (await client.list(jobs)).items.map(({ metadata: { annotations } }) => annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"] ?? "");
    await clock.runUntil(async () => (await scheduled()).length === 2, QUARTER_MS);
    clock.jump(byMs);
    await clock.runUntil(async () => (await scheduled()).length >= 4, 2 * HOUR_MS);
    const times = await scheduled();
    expect(new Set(times).size).toBe(times.length);
  });

  it("restarts no container, and probes go on", async () => {
    const node = await startSimulatedNode();
    try {
      const probe = { exec: { command: ["true"] }, periodSeconds: 10, failureThreshold: 1, timeoutSeconds: 1 };
      const containers = [{ name: "main", image: "app:1", livenessProbe: probe, readinessProbe: probe }];
      await node.createPod("probed", { containers });
      const ready = (pod: { status?: { conditions?: readonly { type: string; status: string }[] } }) =>
        pod.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
      await node.waitForPod("probed", ready);
      node.clock.jump(byMs);
      await node.clock.advance(QUARTER_MS);
      const pod = await node.pod("probed");
      expect(ready(pod)).toBe(true);
      expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    } finally {
      await node.stop();
    }
  });
});
