import { expect, it } from "vitest";
import { events, serviceUnavailableError } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import { createEventRecorder } from "./event-recorder.ts";
import { createFakeClient } from "./testing.ts";

const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "default", uid: "u1", resourceVersion: "7" } };

it("writes one event and counts its repetitions", async () => {
  const { env, clock } = createVirtualEnv();
  const client = createFakeClient(env);
  const recorder = createEventRecorder(env, client, "kubelet", { host: "node-1" });
  recorder.event(pod, "Warning", "BackOff", "Back-off restarting failed container", { fieldPath: "spec.containers{web}" });
  await clock.advance(10_000);
  recorder.event(pod, "Warning", "BackOff", "Back-off restarting failed container", { fieldPath: "spec.containers{web}" });
  await recorder.flush();
  const { items } = await client.list(events, { namespace: "default" });
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({
    involvedObject: { kind: "Pod", name: "web", uid: "u1", fieldPath: "spec.containers{web}" },
    reason: "BackOff",
    type: "Warning",
    count: 2,
    source: { component: "kubelet", host: "node-1" },
    reportingComponent: "kubelet",
    firstTimestamp: "2026-01-01T00:00:00Z",
    lastTimestamp: "2026-01-01T00:00:10Z",
  });
  expect(items[0]?.metadata.name).toMatch(/^web\.[0-9a-f]{16}$/);
});

it("writes the scheduler's kind with an action and a series", async () => {
  const { env } = createVirtualEnv();
  const client = createFakeClient(env);
  const recorder = createEventRecorder(env, client, "default-scheduler", { style: "series" });
  recorder.event(pod, "Normal", "Scheduled", "Successfully assigned default/web to node-1", { action: "Binding" });
  recorder.event(pod, "Normal", "Scheduled", "Successfully assigned default/web to node-1", { action: "Binding" });
  await recorder.flush();
  const { items } = await client.list(events);
  expect(items[0]).toMatchObject({
    action: "Binding",
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingComponent: "default-scheduler",
    series: { count: 2 },
  });
  expect(items[0]?.count).toBeUndefined();
});

it("tries again while the server is away, without making the reporter wait", async () => {
  const { env, clock } = createVirtualEnv();
  const client = createFakeClient(env);
  client.failNext("create", serviceUnavailableError("away"), 3);
  createEventRecorder(env, client, "kubelet").event(pod, "Normal", "Started", "Started container");
  await clock.advance(60_000);
  expect((await client.list(events)).items).toHaveLength(1);
});
