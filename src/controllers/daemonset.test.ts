import { describe, expect, it } from "vitest";
import type { ControllerRevision, DaemonSet, Node, Pod, Taint } from "../api/index.ts";
import { planDaemonSet } from "./daemonset.ts";
import { daemonPod } from "./daemonset-nodes.ts";
import { controllerReference } from "./owner.ts";
import { historyOf, revisionHash } from "./revision-history.ts";
import { brief, NOW_MS, pod } from "./testing.ts";

function daemonSet(image = "app:1", rollingUpdate: { maxSurge?: number; maxUnavailable?: number } = { maxUnavailable: 1 }): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "agent", namespace: "default", uid: "ds", generation: 1 },
    spec: {
      selector: { matchLabels: { app: "agent" } },
      template: { metadata: { name: "", labels: { app: "agent" } }, spec: { containers: [{ name: "main", image }] } },
      updateStrategy: { type: "RollingUpdate", rollingUpdate },
      revisionHistoryLimit: 10,
    },
  };
}
const node = (name: string, taints: Taint[] = []): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name }, spec: { taints } });
const revisionOf = (set: DaemonSet, revisions: readonly ControllerRevision[] = []): ControllerRevision =>
  historyOf({ owner: set, template: set.spec.template, revisions, collisionCount: 0 }).current;

interface Daemon {
  readonly on: string;
  readonly of?: DaemonSet;
  readonly ready?: boolean;
  readonly phase?: string;
  readonly name?: string;
}
function daemon({ on, of = daemonSet(), ready = true, phase, name = `agent-${on}` }: Daemon): Pod {
  const labels = { app: "agent", "controller-revision-hash": revisionHash(revisionOf(of)) };
  return pod({ name, labels, ownerUid: "ds", node: on, ready, ...(phase === undefined ? {} : { phase, ready: false }) });
}
function plan(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[], backoffMs = 0) {
  const revisions = [revisionOf(set)].map((revision) => ({ ...revision, metadata: { ...revision.metadata, uid: "r" } }));
  return planDaemonSet({ set, nodes, candidates: pods, revisions, backoffMs: () => backoffMs, namedRevision: () => undefined }, NOW_MS);
}
const NEW = daemonSet("app:2");
const three = [node("a"), node("b"), node("c")];

describe("a daemon set", () => {
  it.each<[string, Node[], Pod[], string[]]>([
    ["runs on every node", three, [daemon({ on: "a" })], ["create pods", "create pods"]],
    ["is content with one on each", [node("a")], [daemon({ on: "a" })], []],
    ["stays off nodes it does not tolerate", [node("a", [{ key: "k", effect: "NoSchedule" }])], [], []],
    ["stays where a taint came later that only keeps away", [node("a", [{ key: "k", effect: "NoSchedule" }])], [daemon({ on: "a" })], []],
    ["leaves a node that throws it out", [node("a", [{ key: "k", effect: "NoExecute" }])], [daemon({ on: "a" })], ["delete pods agent-a"]],
    ["runs on nodes in trouble", [node("a", [{ key: "node.kubernetes.io/not-ready", effect: "NoExecute" }])], [], ["create pods"]],
    ["keeps one of two", [node("a")], [daemon({ on: "a" }), daemon({ on: "a", name: "second" })], ["delete pods second"]],
    ["replaces a failed pod", [node("a")], [daemon({ on: "a", phase: "Failed" })], ["note FailedDaemonPod", "delete pods agent-a"]],
    ["replaces a pod that succeeded", [node("a")], [daemon({ on: "a", phase: "Succeeded" })], ["note SucceededDaemonPod", "delete pods agent-a"]],
  ])("%s", (_what, nodes, pods, expected) => {
    expect(brief(plan(daemonSet(), nodes, pods).actions)).toEqual(expected);
  });

  it("waits before it replaces a pod that fails again and again", () => {
    const waiting = plan(daemonSet(), [node("a")], [daemon({ on: "a", phase: "Failed" })], 5000);
    expect(brief(waiting.actions)).toEqual([]);
    expect(waiting.requeueAfterMs).toBe(5000);
  });

  it("ties its pods to their nodes and lets them stay in trouble", () => {
    const { spec, metadata } = daemonPod(daemonSet(), "a", "h");
    expect(spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms).toEqual([
      { matchFields: [{ key: "metadata.name", operator: "In", values: ["a"] }] },
    ]);
    expect(spec.tolerations).toHaveLength(6);
    expect(metadata.labels).toEqual({ app: "agent", "controller-revision-hash": "h", "pod-template-generation": "1" });
  });
});

describe("an update of a daemon set", () => {
  const old = (on: string, ready = true): Pod => daemon({ on, ready });
  const fresh = (on: string, ready = true): Pod => daemon({ on, ready, of: NEW, name: `new-${on}` });
  it.each<[string, DaemonSet, Pod[], string[]]>([
    ["replaces one at a time", NEW, [old("a"), old("b"), old("c")], ["delete pods agent-a"]],
    ["waits for the new one to serve", NEW, [fresh("a", false), old("b"), old("c")], []],
    ["goes on when it does", NEW, [fresh("a"), old("b"), old("c")], ["delete pods agent-b"]],
    ["replaces at once what does not serve anyway", NEW, [old("a", false), old("b"), old("c")], ["delete pods agent-a"]],
    ["surges where told to", daemonSet("app:2", { maxSurge: 1, maxUnavailable: 0 }), [old("a"), old("b"), old("c")], ["create pods"]],
    [
      "and removes the old one when the new one serves",
      daemonSet("app:2", { maxSurge: 1, maxUnavailable: 0 }),
      [old("a"), fresh("a"), old("b"), old("c")],
      ["delete pods agent-a"],
    ],
  ])("%s", (_what, set, pods, expected) => {
    expect(brief(plan(set, three, pods).actions)).toEqual(expected);
  });
});

describe("a daemon set that is rolled back", () => {
  it("replaces the broken pods and leaves the good ones alone", () => {
    // app:2 did not come up on a; b and c still run app:1, which the set asks for again.
    const broken = daemon({ on: "a", of: NEW, ready: false });
    expect(brief(plan(daemonSet("app:1"), three, [broken, daemon({ on: "b" }), daemon({ on: "c" })]).actions)).toEqual(["delete pods agent-a"]);
  });
});

describe("a node's place", () => {
  it("is not kept by a pod that ended, is deleted and only held by a finalizer", () => {
    const held = daemon({ on: "a", phase: "Failed" });
    const going = { ...held, metadata: { ...held.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
    expect(brief(plan(daemonSet(), [node("a")], [going]).actions)).toEqual(["create pods"]);
    const running = { ...daemon({ on: "a" }), metadata: going.metadata };
    expect(brief(plan(daemonSet(), [node("a")], [running]).actions)).toEqual([]);
  });
});

describe("revisions", () => {
  it("keeps the pods of a revision that has a newer twin, under the twin's hash", () => {
    const set = daemonSet("app:1");
    const first = revisionOf(set);
    const owned = { uid: "r", ownerReferences: [controllerReference(set)] };
    const twin = {
      ...first,
      revision: 2,
      metadata: { ...first.metadata, ...owned, name: "twin", labels: { app: "agent", "controller-revision-hash": "twin" } },
    };
    const revisions = [{ ...first, metadata: { ...first.metadata, ...owned } }, twin];
    const { actions } = planDaemonSet(
      { set, nodes: [node("a")], candidates: [daemon({ on: "a" })], revisions, backoffMs: () => 0, namedRevision: () => undefined },
      NOW_MS,
    );
    expect(actions.map((action) => [action.do, "object" in action ? action.object.kind : ""])).toEqual([
      ["update", "Pod"],
      ["delete", "ControllerRevision"],
    ]);
    expect(actions[0]).toMatchObject({ object: { metadata: { labels: { "controller-revision-hash": "twin" } } } });
  });

  it("are forgotten past the limit, those of living pods never, and these count", () => {
    const named = (image: string, revision: number): ControllerRevision => {
      const made = revisionOf(daemonSet(image));
      const ownerReferences = [{ apiVersion: "apps/v1", kind: "DaemonSet", name: "agent", uid: "ds", controller: true }];
      return { ...made, revision, metadata: { ...made.metadata, uid: image, ownerReferences } };
    };
    const revisions = [named("app:1", 1), named("app:2", 2), named("app:3", 3), named("app:4", 4)];
    const set = { ...daemonSet("app:4"), spec: { ...daemonSet("app:4").spec, revisionHistoryLimit: 1, updateStrategy: { type: "OnDelete" } } };
    const observed = { set, nodes: [node("a")], candidates: [daemon({ on: "a" })], revisions, backoffMs: () => 0, namedRevision: () => undefined };
    const gone = planDaemonSet(observed, NOW_MS).actions.flatMap((action) => (action.do === "delete" ? [action.object.metadata.uid] : []));
    expect(gone).toEqual(["app:2", "app:3"]);
  });

  it("number each change and reuse what comes back", () => {
    const first = revisionOf(daemonSet("app:1"));
    const second = revisionOf(daemonSet("app:2"), [first]);
    expect([first.revision, second.revision]).toEqual([1, 2]);
    const back = historyOf({ owner: daemonSet("app:1"), template: daemonSet("app:1").spec.template, revisions: [first, second], collisionCount: 0 });
    expect(back.current).toMatchObject({ metadata: { name: first.metadata.name }, revision: 3 });
    expect(brief(back.actions)).toEqual([`update controllerrevisions ${first.metadata.name}`]);
  });
});

it("counts in the status", () => {
  const [write] = plan(daemonSet(), three, [daemon({ on: "a" }), daemon({ on: "b", ready: false })]).afterwards?.(undefined) ?? [];
  expect(write?.do === "update" && (write.object as DaemonSet).status).toMatchObject({
    desiredNumberScheduled: 3,
    currentNumberScheduled: 2,
    numberReady: 1,
    numberAvailable: 1,
    numberUnavailable: 2,
    updatedNumberScheduled: 2,
    numberMisscheduled: 0,
  });
  const tainted = [node("a", [{ key: "k", effect: "NoSchedule" }])];
  const [missed] = plan(daemonSet(), tainted, [daemon({ on: "a" })]).afterwards?.(undefined) ?? [];
  expect(missed?.do === "update" && (missed.object as DaemonSet).status).toMatchObject({ desiredNumberScheduled: 0, numberMisscheduled: 1 });
});
