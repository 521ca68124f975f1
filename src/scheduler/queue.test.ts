import { describe, expect, it } from "vitest";
import type { Pod, PodSpec } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import { ClusterState } from "./cluster-state.ts";
import { plugin } from "./plugin.ts";
import { schedulingGates } from "./plugins/scheduling-gates.ts";
import { podInfo } from "./pod-info.ts";
import { profileOf } from "./profile.ts";
import { SchedulingQueue } from "./queue.ts";
import { testNode, testPod } from "./testing.ts";

const NODES_ONLY = plugin("NodesOnly", { filter: () => undefined, helpedBy: ["nodeAdded"], helps: (_pod, event) => event.type === "nodeAdded" });
const ANY = plugin("Any", { filter: () => undefined });

function createQueue() {
  const { env, clock } = createVirtualEnv();
  const profiles = new Map([["default-scheduler", profileOf("default-scheduler", [{ plugin: schedulingGates }, { plugin: NODES_ONLY }, { plugin: ANY }])]]);
  const queue = new SchedulingQueue(env, { profiles, cluster: new ClusterState(), wake: () => undefined });
  const put = (name: string, spec: Partial<PodSpec> = {}): Pod => {
    const pod = testPod(name, spec);
    queue.put(podInfo(pod), undefined);
    return pod;
  };
  const next = (): string | undefined => queue.pop()?.pod.metadata.name;
  return { queue, clock, put, next };
}
const NODE_ADDED = { type: "nodeAdded", node: testNode("a") } as const;
const POD_GONE = { type: "podRemoved", pod: podInfo(testPod("gone")) } as const;

describe("the scheduling queue", () => {
  it("gives pods by priority, then by age", async () => {
    const { clock, put, next } = createQueue();
    put("old", { priority: 1 });
    await clock.advance(10);
    put("young", { priority: 1 });
    put("important", { priority: 5 });
    expect([next(), next(), next(), next()]).toEqual(["important", "old", "young", undefined]);
  });

  it("puts a pod that was refused behind those of its priority that came meanwhile", async () => {
    const { queue, clock, put, next } = createQueue();
    put("refused");
    next();
    await clock.advance(10);
    put("later");
    await clock.advance(10);
    queue.refused("uid-refused", new Set(["NodesOnly"]));
    queue.happened(NODE_ADDED);
    await clock.advance(3000);
    expect([next(), next()]).toEqual(["later", "refused"]);
  });

  it("wakes only pods that some plugin lets the event help", () => {
    const { queue, put, next } = createQueue();
    put("p");
    next();
    queue.refused("uid-p", new Set(["NodesOnly"]));
    queue.happened(POD_GONE);
    expect(next()).toBeUndefined();
    // Nothing else is ready: it need not wait out its back-off.
    queue.happened(NODE_ADDED);
    expect(next()).toBe("p");
  });

  it("backs off from one second to ten after failures of the attempt itself, whatever happens", async () => {
    const { queue, clock, put, next } = createQueue();
    put("p");
    next();
    const waits: number[] = [];
    while (waits.length < 6) {
      queue.failed("uid-p");
      queue.happened(NODE_ADDED);
      let seconds = 1;
      for (await clock.advance(1000); next() === undefined; seconds++) await clock.advance(1000);
      waits.push(seconds);
    }
    expect(waits).toEqual([1, 2, 4, 8, 10, 10]);
  });

  it("tries pods again that no event has helped for five minutes", async () => {
    const { queue, clock, put, next } = createQueue();
    put("p");
    next();
    queue.refused("uid-p", new Set(["NodesOnly"]));
    await clock.advance(5 * 60_000 - 1);
    expect(next()).toBeUndefined();
    await clock.advance(1);
    expect(next()).toBe("p");
  });

  it("keeps gated pods out until they change, and looks at them for no event", async () => {
    const { queue, clock, put, next } = createQueue();
    const gated = put("p", { schedulingGates: [{ name: "quota" }] });
    queue.happened(NODE_ADDED);
    await clock.advance(10 * 60_000);
    expect(next()).toBeUndefined();
    queue.put(podInfo({ ...gated, spec: { ...gated.spec, schedulingGates: [] } }), podInfo(gated));
    expect(next()).toBe("p");
  });

  it("holds a pod back while room is made for it, and lets it go when it was woken meanwhile", () => {
    const { queue, put, next } = createQueue();
    put("p");
    next();
    queue.refused("uid-p", new Set(["Any"]), true);
    queue.happened(POD_GONE);
    expect(next()).toBeUndefined();
    queue.release("uid-p");
    expect(next()).toBe("p");
  });
});
