import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { events, nodes, notFoundError, type Pod, pods } from "../api/index.ts";
import { createVirtualEnv, type Env, type VirtualClock } from "../base/index.ts";
import { delay } from "../client/index.ts";
import { createFakeClient, type FakeClient } from "../client/testing.ts";
import { defaultProfile } from "./config/profiles.ts";
import { plugin } from "./plugin.ts";
import { profileOf } from "./profile.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { testNode, testPod } from "./testing.ts";

describe("the scheduler", () => {
  let env: Env;
  let clock: VirtualClock;
  let client: FakeClient;
  let scheduler: Scheduler;
  /** What was bound, as `pod→node`. */
  let bound: string[];

  beforeEach(async () => {
    ({ env, clock } = createVirtualEnv());
    client = createFakeClient(env);
    bound = [];
    // The small API knows neither bindings nor merges: this is what the API server does with ours.
    client.createSubresource = async (_kind, of, _subresource, body) => {
      const target = (body as unknown as { target: { name: string } }).target.name;
      const pod = await client.get(pods, of);
      await client.update(pods, { ...pod, spec: { ...pod.spec, nodeName: target } });
      bound.push(`${of.name}→${target}`);
      return body;
    };
    client.patch = async (kind, of, { body }) => {
      const object = (await client.get(kind, of)) as unknown as Pod;
      const { status } = body as unknown as Pod;
      return (await client.update(pods, { ...object, status: { ...object.status, ...status } }, { subresource: "status" })) as never;
    };
    scheduler = createScheduler(env, client);
    const started = scheduler.start();
    await clock.settle();
    await started;
  });
  afterEach(() => scheduler.stop());

  const create = async (pod: Pod): Promise<void> => {
    const { uid: _assigned, ...metadata } = pod.metadata;
    await client.create(pods, { ...pod, metadata });
    await clock.settle();
  };
  const reported = async (): Promise<string[]> => (await client.list(events)).items.map(({ reason, message }) => `${reason}: ${message}`);

  it("binds pods, says so, and leaves other schedulers' pods alone", async () => {
    await client.create(nodes, testNode("a"));
    await create(testPod("mine"));
    await create(testPod("foreign", { schedulerName: "other" }));
    expect(bound).toEqual(["mine→a"]);
    expect(await reported()).toEqual(["Scheduled: Successfully assigned default/mine to a"]);
  });

  it("tells why a pod waits, and schedules it as soon as an event helps", async () => {
    await create(testPod("p", {}, { cpu: "1" }));
    expect(await reported()).toEqual(["FailedScheduling: no nodes available to schedule pods"]);
    const waiting = await client.get(pods, { namespace: "default", name: "p" });
    expect(waiting.status?.conditions).toMatchObject([
      { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "no nodes available to schedule pods" },
    ]);
    await client.create(nodes, testNode("a"));
    await clock.advance(1000);
    expect(bound).toEqual(["p→a"]);
  });

  it("does not try again for events that cannot help, and idles without polling", async () => {
    await client.create(nodes, testNode("small", { allocatable: { cpu: "1" } }));
    await create(testPod("large", {}, { cpu: "2" }));
    await clock.advance(60_000);
    expect(await reported()).toHaveLength(1);
    await client.create(nodes, testNode("small-too", { allocatable: { cpu: "1" } }));
    await clock.advance(60_000);
    expect(await reported()).toHaveLength(1);
    await client.create(nodes, testNode("big"));
    await clock.advance(60_000);
    expect(bound).toEqual(["large→big"]);
  });

  it("does not give the same room away twice", async () => {
    await client.create(nodes, testNode("a"));
    await Promise.all(["x", "y", "z"].map((name) => create(testPod(name, {}, { cpu: "1" }))));
    expect(bound).toHaveLength(2);
    await client.delete(pods, { namespace: "default", name: bound[0]?.split("→")[0] ?? "" });
    await clock.advance(2000);
    expect(bound).toHaveLength(3);
  });

  it("tells the node of a pod whose binding takes its time, and takes that back when it fails", async () => {
    await scheduler.stop();
    let fail = false;
    const slow = plugin("Slow", {
      preBind: async () => {
        await delay(env, 5000);
        if (fail) throw new Error("planted");
      },
    });
    scheduler = createScheduler(env, client, { profiles: [profileOf("default-scheduler", [{ plugin: slow }])] });
    const started = scheduler.start();
    await clock.settle();
    await started;
    await client.create(nodes, testNode("a"));
    await create(testPod("p"));
    const nominated = async () => (await client.get(pods, { namespace: "default", name: "p" })).status?.nominatedNodeName ?? "";
    expect(await nominated()).toBe("a");
    fail = true;
    await clock.advance(5000);
    expect(await nominated()).toBe("");
    expect(await reported()).toContain('FailedScheduling: running PreBind plugin "Slow": planted');
    fail = false;
    await clock.advance(20_000);
    expect(bound).toEqual(["p→a"]);
  });

  it("keeps gated pods out until their gates open", async () => {
    await client.create(nodes, testNode("a"));
    await create(testPod("gated", { schedulingGates: [{ name: "quota" }] }));
    await clock.advance(10_000);
    expect(bound).toEqual([]);
    const pod = await client.get(pods, { namespace: "default", name: "gated" });
    await client.update(pods, { ...pod, spec: { ...pod.spec, schedulingGates: [] } });
    await clock.settle();
    expect(bound).toEqual(["gated→a"]);
  });

  it("tries again with back-off when binding fails", async () => {
    await client.create(nodes, testNode("a"));
    const bind = client.createSubresource;
    client.createSubresource = async () => {
      client.createSubresource = bind;
      throw new Error("planted");
    };
    await create(testPod("p"));
    expect(bound).toEqual([]);
    await clock.advance(1000);
    expect(bound).toEqual(["p→a"]);
  });

  it("makes room for a pod of higher priority", async () => {
    await client.create(nodes, testNode("a"));
    await create(testPod("low", { priority: 1 }, { cpu: "2" }));
    await create(testPod("high", { priority: 10 }, { cpu: "2" }));
    await clock.advance(2000);
    expect(bound).toEqual(["low→a", "high→a"]);
    expect((await reported()).some((line) => line.startsWith("Preempted: Preempted by pod "))).toBe(true);
  });

  it("keeps the room for the pod it was made for while victims leave", async () => {
    await client.create(nodes, testNode("a"));
    const low = testPod("low", { priority: 1 }, { cpu: "2" });
    await create({ ...low, metadata: { ...low.metadata, finalizers: ["example.com/slow"] } });
    await create(testPod("high", { priority: 10 }, { cpu: "2" }));
    expect((await client.get(pods, { namespace: "default", name: "high" })).status?.nominatedNodeName).toBe("a");
    await create(testPod("middle", { priority: 5 }, { cpu: "2" }));
    await clock.advance(30_000);
    const victim = await client.get(pods, { namespace: "default", name: "low" });
    await client.update(pods, { ...victim, metadata: { ...victim.metadata, finalizers: [] } });
    await clock.advance(20_000);
    expect(bound).toEqual(["low→a", "high→a"]);
  });

  it("gives kept room to others when the pod it was kept for goes", async () => {
    await client.create(nodes, testNode("a"));
    const waiting = testPod("waiting", { priority: 10, nodeSelector: { never: "there" } }, { cpu: "2" });
    await create({ ...waiting, status: { phase: "Pending", nominatedNodeName: "a" } });
    const gated = testPod("gated", { priority: 10, schedulingGates: [{ name: "quota" }] }, { cpu: "2" });
    await create({ ...gated, status: { phase: "Pending", nominatedNodeName: "a" } });
    await create(testPod("low", {}, { cpu: "1" }));
    await clock.advance(20_000);
    expect(bound).toEqual([]);
    await client.delete(pods, { namespace: "default", name: "gated" });
    await clock.advance(20_000);
    expect(bound).toEqual(["low→a"]);
  });

  it("wakes pods that were turned away for room that a failed binding gives back", async () => {
    await client.create(nodes, testNode("a"));
    const bind = client.createSubresource;
    client.createSubresource = async (_kind, { name }) => {
      await delay(env, 100);
      client.createSubresource = bind;
      await client.delete(pods, { namespace: "default", name });
      throw notFoundError(pods, name);
    };
    await create(testPod("first", {}, { cpu: "2" }));
    await create(testPod("second", {}, { cpu: "2" }));
    await clock.advance(5000);
    expect(bound).toEqual(["second→a"]);
  });

  it("takes a pod made anew under the same name for another", async () => {
    await client.create(nodes, testNode("a"));
    await create(testPod("p", {}, { cpu: "2" }));
    await client.delete(pods, { namespace: "default", name: "p" });
    await create(testPod("p", {}, { cpu: "2" }));
    await clock.advance(5000);
    expect(bound).toEqual(["p→a", "p→a"]);
  });

  it("does not place pods on nodes that are gone, and counts their pods when they come back", async () => {
    await client.create(nodes, testNode("a"));
    await create(testPod("there", {}, { cpu: "2" }));
    await client.delete(nodes, { name: "a" });
    await create(testPod("p", {}, { cpu: "1" }));
    await client.create(nodes, testNode("a"));
    await clock.advance(20_000);
    expect(bound).toEqual(["there→a"]);
  });

  it("does not try again for the status of pods elsewhere", async () => {
    await client.create(nodes, testNode("a"));
    await create(testPod("there", {}, { cpu: "2" }));
    await create(testPod("p", {}, { cpu: "1" }));
    const tries = async (): Promise<number> => (await client.list(events)).items.reduce((sum, { series }) => sum + (series?.count ?? 1), 0);
    const before = await tries();
    for (const phase of ["Running", "Unknown", "Running"]) {
      const pod = await client.get(pods, { namespace: "default", name: "there" });
      await client.update(pods, { ...pod, status: { ...pod.status, phase } }, { subresource: "status" });
      await clock.advance(5000);
    }
    expect(await tries()).toBe(before);
  });
});

describe("a scheduler with a broken plugin", () => {
  it("says so, tries that pod again, and schedules the others", async () => {
    const { env, clock } = createVirtualEnv();
    const client = createFakeClient(env);
    const bound: string[] = [];
    client.createSubresource = async (_kind, { name }, _subresource, body) => {
      bound.push(name);
      return body;
    };
    client.patch = async (kind, of) => client.get(kind, of);
    let failures = 2;
    const broken = plugin("Broken", {
      filter: ({ pod }) => {
        if (pod.metadata.name === "odd" && failures-- > 0) throw new Error("planted");
        return undefined;
      },
    });
    const scheduler = createScheduler(env, client, {
      profiles: [profileOf("default-scheduler", [...defaultProfile.at.score, ...defaultProfile.at.filter, { plugin: broken }])],
    });
    const started = scheduler.start();
    await clock.settle();
    await started;
    await client.create(nodes, testNode("a"));
    await client.create(pods, testPod("odd"));
    await client.create(pods, testPod("even"));
    await clock.advance(500);
    expect(bound).toEqual(["even"]);
    expect((await client.list(events)).items.map(({ reason, message }) => `${reason}: ${message}`)).toContain("FailedScheduling: planted");
    await clock.advance(5000);
    expect(bound).toEqual(["even", "odd"]);
    await scheduler.stop();
  });
});
