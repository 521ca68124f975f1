import { describe, expect, it } from "vitest";
import { alreadyExistsError, type Deployment, type Pod, type ReplicaSet, replicaSets } from "../api/index.ts";
import type { Action } from "./action.ts";
import { planDeployment } from "./deployment.ts";
import { ago, brief, NOW_MS, pod } from "./testing.ts";

interface Sketch {
  readonly replicas?: number;
  readonly spec?: Partial<Deployment["spec"]>;
  readonly status?: Deployment["status"];
  readonly annotations?: Readonly<Record<string, string>>;
}

function deployment({ replicas = 10, spec = {}, status, annotations }: Sketch = {}): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default", uid: "d", generation: 1, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: template("app:2"),
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 2,
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

function template(image: string): Deployment["spec"]["template"] {
  return { metadata: { name: "", labels: { app: "web" } }, spec: { containers: [{ name: "main", image }] } };
}

interface SetSketch {
  readonly available?: number;
  readonly revision?: number;
  readonly age?: number;
  readonly desired?: number;
  readonly max?: number;
  readonly actual?: number;
}

function set(name: string, image: string, replicas: number, sketch: SetSketch = {}): ReplicaSet {
  const { available = replicas, revision = 1, age = 100, desired = 10, max = 13, actual = replicas } = sketch;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name,
      namespace: "default",
      uid: name,
      generation: 1,
      creationTimestamp: ago(age),
      labels: { app: "web" },
      annotations: {
        "deployment.kubernetes.io/revision": String(revision),
        "deployment.kubernetes.io/desired-replicas": String(desired),
        "deployment.kubernetes.io/max-replicas": String(max),
      },
      ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "d", controller: true, blockOwnerDeletion: true }],
    },
    spec: { replicas, selector: { matchLabels: { app: "web" } }, template: template(image) },
    status: { replicas: actual, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
  };
}

function plan(of: Deployment, candidates: readonly ReplicaSet[], pods: readonly Pod[] = [], named: ReplicaSet | undefined = undefined) {
  return planDeployment({ deployment: of, candidates, pods, named: () => named }, NOW_MS);
}
/** `name: replicas` of the sets that are written; the new one as `new`. */
function sizes(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => {
    if (action.do === "note" || action.kind !== replicaSets || (action.do !== "create" && action.do !== "update")) return [];
    return [`${action.do === "create" ? "new" : action.object.metadata.name}: ${(action.object as ReplicaSet).spec.replicas}`];
  });
}
function statusOf(actions: readonly Action[] | undefined): Deployment["status"] {
  const [write] = actions ?? [];
  return write?.do === "update" ? (write.object as Deployment).status : undefined;
}

describe("the sizes in a rolling update of ten, three more and two fewer allowed", () => {
  it.each<[string, Deployment, ReplicaSet[], string[]]>([
    ["a first rollout begins whole", deployment(), [], ["new: 10"]],
    ["a new template begins with the surge", deployment(), [set("old", "app:1", 10)], ["old: 8", "new: 3"]],
    ["old pods go as new ones serve", deployment(), [set("old", "app:1", 8), set("new", "app:2", 5, { revision: 2 })], ["old: 3"]],
    ["new pods that do not serve free no old ones", deployment(), [set("old", "app:1", 8), set("new", "app:2", 5, { revision: 2, available: 0 })], []],
    [
      "old pods that do not serve go first",
      deployment(),
      [set("old", "app:1", 10, { available: 8 }), set("new", "app:2", 3, { revision: 2, available: 0 })],
      ["old: 8"],
    ],
    ["the last step", deployment(), [set("old", "app:1", 3), set("new", "app:2", 10, { revision: 2 })], ["old: 0"]],
  ])("%s", (_what, of, sets, expected) => {
    expect(sizes(plan(of, sets).actions)).toEqual(expected);
  });
});

describe("sets that were there before", () => {
  it("are adopted with their pods when their template is the deployment's", () => {
    const stray = set("stray", "app:2", 10, { revision: 7 });
    const orphan: ReplicaSet = { ...stray, metadata: { ...stray.metadata, resourceVersion: "1", ownerReferences: [] } };
    const { actions } = plan(deployment(), [orphan]);
    // Its own number is kept: nothing newer is known.
    expect(brief(actions)).toEqual(["patch replicasets stray"]);
    expect(statusOf(plan(deployment(), [orphan]).afterwards?.(undefined))).toMatchObject({ replicas: 10, updatedReplicas: 10 });
  });

  it("all shrink when a third template comes while the second rolls out", () => {
    const sets = [set("first", "app:0", 4, { age: 300 }), set("second", "app:1", 6, { age: 200, revision: 2, available: 2 })];
    // Six serve of ten: two that do not serve may go, no other; room for three new ones.
    expect(sizes(plan(deployment(), sets).actions)).toEqual(["second: 4", "new: 3"]);
    const later = [...sets, set("third", "app:2", 3, { age: 10, revision: 3, available: 3 })];
    expect(sizes(plan(deployment(), later).actions)).toEqual(["first: 3", "second: 2"]);
  });
});

describe("scaling", () => {
  it.each<[string, Deployment, ReplicaSet[], string[]]>([
    ["the only set takes it all", deployment({ replicas: 4 }), [set("new", "app:2", 10)], ["new: 4"]],
    [
      "spreads over sets in proportion, the rest to the largest",
      deployment({ replicas: 20 }),
      [set("old", "app:1", 8), set("new", "app:2", 5, { revision: 2 })],
      ["old: 14", "new: 9"],
    ],
    ["to zero empties all", deployment({ replicas: 0 }), [set("old", "app:1", 8), set("new", "app:2", 5, { revision: 2 })], ["old: 0", "new: 0"]],
    ["works while paused", deployment({ replicas: 12, spec: { paused: true } }), [set("old", "app:1", 10)], ["old: 12"]],
    ["a paused deployment does not roll", deployment({ spec: { paused: true } }), [set("old", "app:1", 10)], []],
  ])("%s", (_what, of, sets, expected) => {
    expect(sizes(plan(of, sets).actions).sort()).toEqual([...expected].sort());
  });
});

describe("recreation", () => {
  const recreating = deployment({ replicas: 3, spec: { strategy: { type: "Recreate" } } });
  it("empties the old set first, waits for its pods, and only then begins the new one", () => {
    expect(sizes(plan(recreating, [set("old", "app:1", 3, { desired: 3 })]).actions)).toEqual(["old: 0"]);
    const old = set("old", "app:1", 0, { desired: 3 });
    expect(sizes(plan(recreating, [old], [pod({ name: "last", ownerUid: "old", ready: true, deleting: true })]).actions)).toEqual([]);
    expect(sizes(plan(recreating, [old]).actions)).toEqual(["new: 3"]);
  });
});

describe("revisions", () => {
  it("makes a deterministic name and labels from the template", () => {
    const [first] = plan(deployment(), []).actions;
    const [second] = plan(deployment(), []).actions;
    expect(first?.do === "create" && first.object.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5,10}$/);
    expect(brief(first === undefined ? [] : [first])).toEqual(brief(second === undefined ? [] : [second]));
    const object = first?.do === "create" ? (first.object as ReplicaSet) : undefined;
    expect(object?.spec.selector.matchLabels?.["pod-template-hash"]).toBe(object?.metadata.labels?.["pod-template-hash"]);
  });

  it("gives a set that is rolled back to the next revision and keeps its history", () => {
    const actions = plan(deployment(), [set("back", "app:2", 0, { revision: 1 }), set("bad", "app:1", 10, { revision: 2 })]).actions;
    const back = actions.find((action) => action.do === "update" && action.object.metadata.name === "back");
    expect(back?.do === "update" && back.object.metadata.annotations).toMatchObject({
      "deployment.kubernetes.io/revision": "3",
      "deployment.kubernetes.io/revision-history": "1",
    });
  });

  it("goes on from the revision of a set that it adopted, however large", () => {
    const adopted = set("old", "app:1", 10);
    const metadata = { ...adopted.metadata, annotations: { ...adopted.metadata.annotations, "deployment.kubernetes.io/revision": "3546343826724305832" } };
    const made = plan(deployment(), [{ ...adopted, metadata }]).actions.find((action) => action.do === "create");
    expect(made?.do === "create" && made.object.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("3546343826724305833");
  });

  it("deletes the oldest empty sets past the limit once complete", () => {
    const status = { observedGeneration: 1, replicas: 10, updatedReplicas: 10, readyReplicas: 10, availableReplicas: 10 };
    const old = [1, 2, 3, 4].map((revision) => set(`old-${revision}`, `app:old${revision}`, 0, { revision, age: 1000 - revision }));
    const { actions } = plan(deployment({ status }), [...old, set("new", "app:2", 10, { revision: 5 })]);
    expect(brief(actions)).toEqual(["delete replicasets old-1", "delete replicasets old-2"]);
  });

  it("takes another hash when a stranger has the name, and none when it is its own", () => {
    const failure = alreadyExistsError(replicaSets, "web-x");
    expect(statusOf(plan(deployment(), [], [], set("web-x", "other:1", 1)).afterwards?.(failure))?.collisionCount).toBe(1);
    expect(plan(deployment(), [], [], set("web-x", "app:2", 1)).afterwards?.(failure)).toEqual([]);
  });
});

describe("the status", () => {
  const progressing = (reason: string, seconds: number) => ({
    conditions: [{ type: "Progressing", status: "True", reason, message: "", lastUpdateTime: ago(seconds), lastTransitionTime: ago(seconds) }],
  });
  const stuck = [set("new", "app:2", 10, { available: 0 })];
  const conditionsOf = (status: Deployment["status"]) => status?.conditions?.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`);

  it("says that a rollout is complete", () => {
    const status = statusOf(plan(deployment(), [set("new", "app:2", 10)]).afterwards?.(undefined));
    expect(conditionsOf(status)).toEqual(["Available=True MinimumReplicasAvailable", "Progressing=True NewReplicaSetAvailable"]);
    expect(status).toMatchObject({ replicas: 10, updatedReplicas: 10, availableReplicas: 10, unavailableReplicas: 0, observedGeneration: 1 });
  });

  it("tells what goes, and why pods cannot be made", () => {
    const failure = { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "exceeded quota" };
    const base = set("new", "app:2", 10, { available: 4 });
    const failing: ReplicaSet = { ...base, status: { replicas: 4, availableReplicas: 4, terminatingReplicas: 3, conditions: [failure] } };
    const status = statusOf(plan(deployment(), [failing]).afterwards?.(undefined));
    expect(status).toMatchObject({ terminatingReplicas: 3, unavailableReplicas: 6 });
    expect(conditionsOf(status)).toEqual([
      "Available=False MinimumReplicasUnavailable",
      "Progressing=True ReplicaSetUpdated",
      "ReplicaFailure=True FailedCreate",
    ]);
    expect(conditionsOf(statusOf(plan(deployment({ status }), [set("new", "app:2", 10)]).afterwards?.(undefined)))).toEqual([
      "Available=True MinimumReplicasAvailable",
      "Progressing=True NewReplicaSetAvailable",
    ]);
  });

  it("keeps a condition that somebody else wrote", () => {
    const foreign = { type: "Audited", status: "True", reason: "Ok", message: "" };
    const status = statusOf(plan(deployment({ status: { conditions: [foreign] } }), [set("new", "app:2", 10)]).afterwards?.(undefined));
    expect(conditionsOf(status)).toContain("Audited=True Ok");
  });

  it("says that a rollout is stuck after the deadline, and looks again when it is due", () => {
    const counts = { replicas: 10, updatedReplicas: 10, observedGeneration: 1 };
    const waiting = plan(deployment({ status: { ...counts, ...progressing("ReplicaSetUpdated", 500) } }), stuck);
    expect(waiting.requeueAfterMs).toBe(101_000);
    const late = plan(deployment({ status: { ...counts, ...progressing("ReplicaSetUpdated", 601) } }), stuck);
    expect(conditionsOf(statusOf(late.afterwards?.(undefined)))).toContain("Progressing=False ProgressDeadlineExceeded");
  });

  it("stops the clock while paused", () => {
    const paused = plan(deployment({ spec: { paused: true }, status: progressing("ReplicaSetUpdated", 700) }), stuck);
    expect(conditionsOf(statusOf(paused.afterwards?.(undefined)))).toContain("Progressing=Unknown DeploymentPaused");
    expect(paused.requeueAfterMs).toBeUndefined();
  });

  it("is not written again when nothing changed", () => {
    const first = plan(deployment(), [set("new", "app:2", 10)]).afterwards?.(undefined);
    const [write] = first ?? [];
    const settled = write?.do === "update" ? (write.object as Deployment) : deployment();
    expect(plan(settled, [set("new", "app:2", 10)]).afterwards?.(undefined)).toEqual([]);
  });
});
