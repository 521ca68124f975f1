import { describe, expect, it } from "vitest";
import type { ControllerRevision, OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from "../api/index.ts";
import { historyOf } from "./revision-history.ts";
import { planStatefulSet } from "./statefulset.ts";
import { claimOwners, statefulPod } from "./statefulset-pods.ts";
import { brief, NOW_MS, pod } from "./testing.ts";

function statefulSet(replicas: number, more: Partial<StatefulSet["spec"]> = {}, image = "app:1", status?: StatefulSet["status"]): StatefulSet {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db", namespace: "default", uid: "ss", generation: 1 },
    spec: {
      replicas,
      serviceName: "db",
      selector: { matchLabels: { app: "db" } },
      template: { metadata: { name: "", labels: { app: "db" } }, spec: { containers: [{ name: "main", image }] } },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      podManagementPolicy: "OrderedReady",
      ...more,
    },
    ...(status === undefined ? {} : { status }),
  };
}
const revisionOf = (set: StatefulSet, number = 1): ControllerRevision => {
  const { current } = historyOf({ owner: set, template: set.spec.template, revisions: [], collisionCount: 0 });
  return { ...current, revision: number, metadata: { ...current.metadata, uid: `r${number}` } };
};
const OLD = revisionOf(statefulSet(1));
const NEW = revisionOf(statefulSet(1, {}, "app:2"), 2);

interface MemberSketch {
  readonly ready?: boolean;
  readonly of?: ControllerRevision;
  readonly deleting?: boolean;
  readonly phase?: string;
}
function member(ordinal: number, { ready = true, of = OLD, deleting = false, phase }: MemberSketch = {}): Pod {
  const name = `db-${ordinal}`;
  const labels = {
    app: "db",
    "statefulset.kubernetes.io/pod-name": name,
    "apps.kubernetes.io/pod-index": String(ordinal),
    "controller-revision-hash": of.metadata.name,
  };
  return pod({ name, labels, ownerUid: "ss", ready, deleting, ...(phase === undefined ? {} : { phase }) });
}
function plan(set: StatefulSet, pods: readonly Pod[], revisions: readonly ControllerRevision[] = [OLD], claims: readonly PersistentVolumeClaim[] = []) {
  const claimNamed = (name: string) => claims.find(({ metadata }) => metadata.name === name);
  return planStatefulSet({ set, candidates: pods, revisions, claimNamed, namedRevision: () => undefined }, NOW_MS);
}

describe("a stateful set", () => {
  const parallel = { podManagementPolicy: "Parallel" } as const;
  it.each<[string, StatefulSet, Pod[], string[]]>([
    ["begins with the first", statefulSet(3), [], ["create pods db-0"]],
    ["waits until it serves", statefulSet(3), [member(0, { ready: false })], []],
    ["goes on in order", statefulSet(3), [member(0)], ["create pods db-1"]],
    ["fills a gap first", statefulSet(3), [member(0), member(2)], ["create pods db-1"]],
    ["begins all at once in parallel", statefulSet(3, parallel), [], ["create pods db-0", "create pods db-1", "create pods db-2"]],
    ["counts from its first ordinal", statefulSet(2, { ordinals: { start: 5 } }), [], ["create pods db-5"]],
    ["shrinks from the highest", statefulSet(1), [member(0), member(1), member(2)], ["delete pods db-2"]],
    ["one after the other", statefulSet(1), [member(0), member(1), member(2, { deleting: true })], []],
    ["not while another does not serve", statefulSet(1), [member(0, { ready: false }), member(1)], []],
    ["all at once in parallel", statefulSet(1, parallel), [member(0), member(1), member(2)], ["delete pods db-2", "delete pods db-1"]],
    ["replaces what failed", statefulSet(1), [member(0, { phase: "Failed", ready: false })], ["delete pods db-0"]],
    ["waits for what goes before it comes again", statefulSet(1), [member(0, { deleting: true })], []],
    ["does nothing when all is well", statefulSet(2), [member(0), member(1)], []],
    ["leaves pods of other names alone", statefulSet(0), [pod({ name: "db-x", labels: { app: "db" } })], []],
  ])("%s", (_what, set, pods, expected) => {
    expect(brief(plan(set, pods).actions)).toEqual(expected);
  });

  it("makes claims go with it where asked to", () => {
    const set = statefulSet(1, {
      volumeClaimTemplates: [{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: {} }],
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" },
    });
    const claim: PersistentVolumeClaim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data-db-0" }, spec: {} };
    expect(brief(plan(set, [member(0)], [OLD], [claim]).actions)).toEqual(["patch persistentvolumeclaims data-db-0"]);
  });

  it("gives its pods name, place and claims", () => {
    const set = statefulSet(1, { volumeClaimTemplates: [{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: {} }] });
    const { metadata, spec } = statefulPod(set, 0, OLD);
    expect(metadata).toMatchObject({ name: "db-0", labels: { "apps.kubernetes.io/pod-index": "0", "controller-revision-hash": OLD.metadata.name } });
    expect(spec).toMatchObject({ hostname: "db-0", subdomain: "db", volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data-db-0" } }] });
    expect(brief(plan(set, []).actions)).toEqual(["create persistentvolumeclaims data-db-0", "create pods db-0"]);
    const going: PersistentVolumeClaim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data-db-0", deletionTimestamp: "2026-01-01T00:00:00Z" },
      spec: {},
    };
    expect(plan(set, [], [OLD], [going]).actions).toEqual([]);
  });
});

describe("an update of a stateful set", () => {
  const status = { replicas: 3, currentRevision: OLD.metadata.name, updateRevision: NEW.metadata.name, currentReplicas: 3 };
  const updating = (more: Partial<StatefulSet["spec"]> = {}) => statefulSet(3, more, "app:2", status);
  it.each<[string, StatefulSet, Pod[], string[]]>([
    ["begins with the highest", updating(), [member(0), member(1), member(2)], ["delete pods db-2"]],
    ["waits until that serves again", updating(), [member(0), member(1), member(2, { of: NEW, ready: false })], []],
    ["goes down", updating(), [member(0), member(1), member(2, { of: NEW })], ["delete pods db-1"]],
    [
      "stops at the partition",
      updating({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } }),
      [member(0), member(1), member(2, { of: NEW })],
      [],
    ],
    ["leaves it to the user where told to", updating({ updateStrategy: { type: "OnDelete" } }), [member(0), member(1), member(2)], []],
    [
      "replaces a broken one that stands in its way",
      updating({ podManagementPolicy: "Parallel" }),
      [member(0), member(1), member(2, { ready: false })],
      ["delete pods db-2"],
    ],
    [
      "never two at a time, though both be broken",
      updating({ podManagementPolicy: "Parallel" }),
      [member(0), member(1, { ready: false }), member(2, { of: NEW, ready: false })],
      [],
    ],
    [
      "rounds a share down, to one at least",
      updating({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "50%" } } }),
      [member(0), member(1), member(2)],
      ["delete pods db-2"],
    ],
    [
      "takes more at a time where allowed",
      updating({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: 2 } } }),
      [member(0), member(1), member(2)],
      ["delete pods db-2", "delete pods db-1"],
    ],
  ])("%s", (_what, set, pods, expected) => {
    expect(brief(plan(set, pods, [OLD, NEW]).actions)).toEqual(expected);
  });

  it("brings back what is below the partition as it was", () => {
    const set = updating({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } });
    const image = (pods: readonly Pod[]): string | undefined => {
      const created = plan(set, pods, [OLD, NEW]).actions.find((action) => action.do === "create");
      return created?.do === "create" ? (created.object as Pod).spec.containers[0]?.image : undefined;
    };
    expect(image([member(1), member(2, { of: NEW })])).toBe("app:1");
    expect(image([member(0), member(1)])).toBe("app:2");
  });

  it("is not over while pods are missing", () => {
    const [write] =
      plan(
        updating(),
        [0, 1].map((ordinal) => member(ordinal, { of: NEW })),
        [OLD, NEW],
      ).afterwards?.(undefined) ?? [];
    expect(write?.do === "update" && (write.object as StatefulSet).status?.currentRevision).toBe(OLD.metadata.name);
  });

  it("is over when all pods are of the new revision", () => {
    const pods = [0, 1, 2].map((ordinal) => member(ordinal, { of: NEW }));
    const [write] = plan(updating(), pods, [OLD, NEW]).afterwards?.(undefined) ?? [];
    expect(write?.do === "update" && (write.object as StatefulSet).status).toMatchObject({
      currentRevision: NEW.metadata.name,
      currentReplicas: 3,
      updatedReplicas: 3,
    });
  });
});

describe("the owner of a claim", () => {
  const claim: PersistentVolumeClaim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data-db-0" }, spec: {} };
  it.each([
    ["nobody by default", {}, true, []],
    ["the set where claims go with it", { whenDeleted: "Delete" }, false, ["ss"]],
    ["the pod where they go when scaled away", { whenScaled: "Delete" }, true, ["uid-db-0"]],
    ["not the pod while it is wanted", { whenScaled: "Delete" }, false, []],
  ])("%s", (_what, persistentVolumeClaimRetentionPolicy, condemned, expected) => {
    expect(claimOwners(statefulSet(1, { persistentVolumeClaimRetentionPolicy }), claim, member(0), condemned)?.map(({ uid }) => uid) ?? []).toEqual(expected);
  });

  const owned = (owner: Partial<OwnerReference>) => ({ ...claim, metadata: { ...claim.metadata, ownerReferences: [owner as OwnerReference] } });
  it.each([
    ["a set of the same name that is gone", owned({ kind: "StatefulSet", name: "db", uid: "old" }), undefined],
    ["somebody else who controls it", owned({ kind: "Backup", name: "b", uid: "b", controller: true }), undefined],
    ["a friend, beside the set", owned({ kind: "Backup", name: "b", uid: "b" }), ["b", "ss"]],
  ])("stays %s", (_what, of, expected) => {
    const set = statefulSet(1, { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" } });
    const owners = claimOwners(set, of, member(0), false);
    expect(owners?.map(({ uid }) => uid)).toEqual(expected);
    if (owners !== undefined) expect(owners.at(-1)?.controller).toBe(true);
  });
});
