// Deployments, replica sets, stateful sets, daemon sets and their revisions: defaults, validation, strategies, tables.
import { describe, expect, test } from "vitest";
import { type Mutable, mutableCopy } from "../../base/types.ts";
import { type FieldError, fieldErrorText } from "../field-errors.ts";
import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from "../generated/types.ts";
import { controllerRevisions } from "./controller-revision.ts";
import { daemonSets } from "./daemon-set.ts";
import { deployments } from "./deployment.ts";
import { replicaSets } from "./replica-set.ts";
import { statefulSets } from "./stateful-set.ts";

const texts = (errors: readonly FieldError[] | undefined): string[] => (errors ?? []).map(fieldErrorText);
const context = { now: 0, userName: "u", userGroups: [], warn: () => undefined };
const metadata = { name: "x", namespace: "default" };
const selector = { matchLabels: { app: "web" } };
const template = { metadata: { name: "", labels: { app: "web" } }, spec: { containers: [{ name: "a", image: "b" }] } };

function deployment(change: (object: Mutable<Deployment>) => void = () => undefined): Mutable<Deployment> {
  const object: Mutable<Deployment> = mutableCopy({ apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { selector, template } });
  change(object);
  deployments.declaration.defaults?.(object);
  return object;
}

describe("deployments", () => {
  test("defaults", () => {
    expect(deployment().spec).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    });
  });

  test.each<[string, (object: Mutable<Deployment>) => void, string[]]>([
    ["an ordinary one", () => undefined, []],
    [
      "a template that the selector does not fit",
      ({ spec }) => {
        spec.selector = { matchLabels: { app: "other" } };
      },
      ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
    ],
    [
      "a selector of everything",
      ({ spec }) => {
        spec.selector = {};
      },
      ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    ],
    [
      "an unknown operator",
      ({ spec }) => {
        spec.selector = { matchExpressions: [{ key: "app", operator: "Is", values: ["web"] }] };
      },
      [
        'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Is","values":["web"]}]}: invalid label selector',
      ],
    ],
    [
      "pods that end",
      ({ spec }) => {
        spec.template.spec.restartPolicy = "Never";
        spec.template.spec.activeDeadlineSeconds = 5;
      },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
      ],
    ],
    [
      "an update that cannot move",
      ({ spec }) => {
        spec.strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: "0%" } };
      },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
    ],
    [
      "fewer than no pods",
      ({ spec }) => {
        spec.replicas = -1;
      },
      ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    ],
    [
      "a deadline before pods count as available",
      ({ spec }) => {
        spec.minReadySeconds = 600;
      },
      ["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"],
    ],
  ])("with %s", (_what, change, expected) => {
    expect(texts(deployments.declaration.validateCreate?.(deployment(change)))).toEqual(expected);
  });

  test("the selector stays; annotations count as changes", () => {
    const changed = deployment(({ spec }) => {
      spec.selector = { matchExpressions: [{ key: "app", operator: "Exists" }] };
    });
    expect(texts(deployments.declaration.validateUpdate?.(changed, deployment()))).toEqual([
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists"}]}: field is immutable',
    ]);
    const annotated = deployment(({ metadata: own }) => {
      own.annotations = { a: "b" };
    });
    expect(deployments.declaration.generationCounts?.(annotated)).not.toEqual(deployments.declaration.generationCounts?.(deployment()));
  });

  test("in the table, and scaled", () => {
    const object = { ...deployment(), status: { readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 } };
    expect(deployments.declaration.columns.map((column) => column.value(object, 0))).toEqual(["x", "1/1", 1, 1, "<unknown>", "a", "b", "app=web"]);
    const scaled = deployment();
    deployments.declaration.scale?.setSpecReplicas(scaled, 7);
    expect(deployments.declaration.scale?.specReplicas(scaled)).toBe(7);
    expect(deployments.declaration.scale?.selector(scaled)).toBe("app=web");
  });
});

describe("replica sets", () => {
  test("counts of the status add up", () => {
    const set: ReplicaSet = { apiVersion: "apps/v1", kind: "ReplicaSet", metadata, spec: { selector, template }, status: { replicas: 1, readyReplicas: 2 } };
    expect(texts(replicaSets.declaration.validateStatusUpdate?.(set, set))).toEqual([
      "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
    ]);
  });
});

describe("stateful sets", () => {
  function statefulSet(): Mutable<StatefulSet> {
    const claim = {
      apiVersion: "",
      kind: "",
      metadata: { name: "data" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    };
    const mounts = { ...template, spec: { containers: [{ name: "a", image: "b", volumeMounts: [{ name: "data", mountPath: "/data" }] }] } };
    const object: StatefulSet = {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata,
      spec: { selector, serviceName: "web", template: mounts, volumeClaimTemplates: [claim] },
    };
    const copy = mutableCopy(object);
    statefulSets.declaration.defaults?.(copy);
    return copy;
  }

  test("defaults; claims are volumes that can be mounted", () => {
    const set = statefulSet();
    expect(set.spec).toMatchObject({
      podManagementPolicy: "OrderedReady",
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      volumeClaimTemplates: [{ apiVersion: "v1", kind: "PersistentVolumeClaim", spec: { volumeMode: "Filesystem" }, status: { phase: "Pending" } }],
    });
    expect(texts(statefulSets.declaration.validateCreate?.(set))).toEqual([]);
  });

  test("little of them changes", () => {
    const grown = statefulSet();
    grown.spec.replicas = 5;
    expect(texts(statefulSets.declaration.validateUpdate?.(grown, statefulSet()))).toEqual([]);
    const moved = statefulSet();
    moved.spec.serviceName = "other";
    expect(texts(statefulSets.declaration.validateUpdate?.(moved, statefulSet()))).toEqual([
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ]);
  });
});

describe("daemon sets", () => {
  function daemonSet(): Mutable<DaemonSet> {
    const object = mutableCopy<DaemonSet>({ apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec: { selector, template } });
    daemonSets.declaration.defaults?.(object);
    return object;
  }

  test("replace pods one at a time, without a surge", () => {
    expect(daemonSet().spec.updateStrategy).toEqual({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } });
    const both = daemonSet();
    both.spec.updateStrategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } };
    expect(texts(daemonSets.declaration.validateCreate?.(both))).toEqual([
      "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
    ]);
  });

  test("count the changes of their template", () => {
    const generation = (set: DaemonSet): string | undefined => set.metadata.annotations?.["deprecated.daemonset.template.generation"];
    const old = daemonSet();
    daemonSets.declaration.prepareForCreate?.(old, context);
    expect(generation(old)).toBe("1");
    const same = mutableCopy(old);
    delete same.metadata.annotations;
    daemonSets.declaration.prepareForUpdate?.(same, old, context);
    expect(generation(same)).toBe("1");
    const changed = mutableCopy(old);
    changed.spec.template.spec.hostNetwork = true;
    daemonSets.declaration.prepareForUpdate?.(changed, old, context);
    expect(generation(changed)).toBe("2");
  });
});

describe("revisions", () => {
  test("keep their data", () => {
    const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: "web", uid: "1", controller: true };
    const revision: ControllerRevision = {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: { ...metadata, ownerReferences: [owner] },
      revision: 3,
      data: { a: 1 },
    };
    expect(controllerRevisions.declaration.columns.map((column) => column.value(revision, 0))).toEqual(["x", "statefulset.apps/web", 3, "<unknown>"]);
    expect(texts(controllerRevisions.declaration.validateUpdate?.({ ...revision, data: { a: 2 } }, revision))).toEqual([
      'data: Invalid value: {"a":2}: field is immutable',
    ]);
  });
});
