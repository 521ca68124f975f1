// The plans of claims and volumes, as tables: what is observed, and what is done about it.
import { describe, expect, it } from "vitest";
import { type PersistentVolume, type PersistentVolumeClaim, type Pod, persistentVolumeClaims, type StorageClass } from "../api/index.ts";
import type { Action, Plan } from "./action.ts";
import { planEphemeralVolumes } from "./ephemeral-volume.ts";
import { planProtection, usesClaim } from "./storage-protection.ts";
import { ago, brief, pod } from "./testing.ts";
import { type ObservedClaim, planClaim } from "./volume-claim-binder.ts";
import { planExpansion } from "./volume-expand.ts";
import { planVolume } from "./volume-reclaim.ts";

const BOUND = { "pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes" };

function claim(spec: Partial<PersistentVolumeClaim["spec"]> = {}, more: { metadata?: object; status?: object } = {}): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "default", uid: "claim-uid", resourceVersion: "5", ...more.metadata },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, storageClassName: "fast", ...spec },
    status: { phase: "Pending", ...more.status },
  };
}

function volume(spec: Partial<PersistentVolume["spec"]> = {}, more: { metadata?: object; status?: object } = {}): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "disk", uid: "volume-uid", resourceVersion: "7", ...more.metadata },
    spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "2Gi" }, storageClassName: "fast", hostPath: { path: "/d" }, ...spec },
    status: { phase: "Available", ...more.status },
  };
}

const ours = { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace: "default", name: "data", uid: "claim-uid" };
const others = { ...ours, name: "other", uid: "other-uid" };
const storageClass = (more: Partial<StorageClass> = {}): StorageClass => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "fast" },
  provisioner: "example.com/disks",
  ...more,
});

/** Actions in short, with the messages of events. */
function told({ actions }: Plan): string[] {
  return brief(actions).map((text, position) => {
    const action = actions[position];
    return action?.do === "note" ? `${action.note.reason}: ${action.note.message}` : text;
  });
}
const written = <T>({ actions }: Plan, position = 0): T => (actions[position] as Extract<Action, { object: unknown }>).object as unknown as T;

describe("the plan for a claim", () => {
  const observe = (observed: Partial<ObservedClaim> & Pick<ObservedClaim, "claim">): ObservedClaim => ({
    volume: undefined,
    volumes: [],
    storageClass: undefined,
    defaultClass: undefined,
    waitingPods: [],
    ...observed,
  });
  const late = storageClass({ volumeBindingMode: "WaitForFirstConsumer" });

  it.each<[string, Partial<ObservedClaim> & Pick<ObservedClaim, "claim">, string[]]>([
    ["binds a free volume, the volume first", { claim: claim(), volumes: [volume()] }, ["update persistentvolumes disk", "update persistentvolumeclaims data"]],
    [
      "does not wait for a consumer with a volume that is meant for it",
      { claim: claim(), storageClass: late, volumes: [volume({ claimRef: ours })] },
      ["update persistentvolumeclaims data"],
    ],
    [
      "waits for a consumer though there is a free volume",
      { claim: claim(), storageClass: late, volumes: [volume()] },
      ["WaitForFirstConsumer: waiting for first consumer to be created before binding"],
    ],
    [
      "waits for the pods that there are",
      { claim: claim(), storageClass: late, waitingPods: ["a", "b"] },
      ["WaitForPodScheduled: waiting for pods a,b to be scheduled"],
    ],
    ["waits for one pod", { claim: claim(), storageClass: late, waitingPods: ["a"] }, ["WaitForPodScheduled: waiting for pod a to be scheduled"]],
    [
      "of no class waits for a volume",
      { claim: claim({ storageClassName: "" }), volumes: [volume()] },
      ["FailedBinding: no persistent volumes available for this claim and no storage class is set"],
    ],
    ["takes the default class", { claim: claim({ storageClassName: undefined }), defaultClass: storageClass() }, ["update persistentvolumeclaims data"]],
    [
      "never takes it when it wants none",
      { claim: claim({ storageClassName: "" }), defaultClass: storageClass() },
      ["FailedBinding: no persistent volumes available for this claim and no storage class is set"],
    ],
    ["says that its class is not there", { claim: claim() }, ['ProvisioningFailed: storageclass.storage.k8s.io "fast" not found']],
    [
      "says that its class provisions nothing",
      { claim: claim(), storageClass: storageClass({ provisioner: "kubernetes.io/no-provisioner" }) },
      ["ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner"],
    ],
    ["that waits for another volume than there is stays as it is", { claim: claim({ volumeName: "gone" }) }, []],
    [
      "binds the volume it names",
      { claim: claim({ volumeName: "disk" }), volume: volume() },
      ["update persistentvolumes disk", "update persistentvolumeclaims data"],
    ],
    [
      "does not bind the volume it names when that is too small",
      { claim: claim({ volumeName: "disk" }), volume: volume({ capacity: { storage: "1Mi" } }) },
      ['VolumeMismatch: Cannot bind to requested volume "disk": requested PV is too small'],
    ],
    [
      "does not bind the volume it names when that is of another class",
      { claim: claim({ volumeName: "disk" }), volume: volume({ storageClassName: "slow" }) },
      ['VolumeMismatch: Cannot bind to requested volume "disk": storageClassName does not match'],
    ],
    [
      "does not bind the volume it names when that is another's",
      { claim: claim({ volumeName: "disk" }), volume: volume({ claimRef: others }) },
      ['FailedBinding: volume "disk" already bound to a different claim.'],
    ],
    ["does nothing for one that is on its way out", { claim: claim({}, { metadata: { deletionTimestamp: ago(1) } }), volumes: [volume()] }, []],
  ])("%s", (_what, observed, expected) => {
    expect(told(planClaim(observe(observed)))).toEqual(expected);
  });

  it("names each other, and tells who did it", () => {
    const plan = planClaim(observe({ claim: claim(), volumes: [volume()] }));
    expect(written<PersistentVolume>(plan)).toMatchObject({
      spec: { claimRef: ours },
      metadata: { annotations: { "pv.kubernetes.io/bound-by-controller": "yes" } },
    });
    expect(written<PersistentVolumeClaim>(plan, 1)).toMatchObject({ spec: { volumeName: "disk" }, metadata: { annotations: BOUND } });
  });

  it("does not claim to have bound what the user bound", () => {
    const plan = planClaim(observe({ claim: claim({ volumeName: "disk" }), volume: volume({ claimRef: ours }) }));
    expect(written<PersistentVolumeClaim>(plan).metadata.annotations).toEqual({ "pv.kubernetes.io/bind-completed": "yes" });
  });

  it("becomes Bound after its volume did, with the volume's size", () => {
    const bound = claim({ volumeName: "disk" }, { metadata: { annotations: BOUND } });
    const held = volume({ claimRef: ours });
    expect(planClaim(observe({ claim: bound, volume: held })).actions).toEqual([]);
    const plan = planClaim(observe({ claim: bound, volume: { ...held, status: { phase: "Bound" } } }));
    expect(told(plan)).toEqual(["update persistentvolumeclaims/status data"]);
    const { status } = written<PersistentVolumeClaim>(plan);
    expect(status).toEqual({ phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "2Gi" } });
    expect(planClaim(observe({ claim: { ...bound, status }, volume: { ...held, status: { phase: "Bound" } } })).actions).toEqual([]);
  });

  it.each<[string, PersistentVolume | undefined, string]>([
    ["its volume is gone", undefined, "ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!"],
    ["its volume is another's", volume({ claimRef: others }), "ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly"],
  ])("is lost when %s, which is told once", (_what, held, event) => {
    const bound = claim({ volumeName: "disk" }, { metadata: { annotations: BOUND }, status: { phase: "Bound", capacity: { storage: "2Gi" } } });
    const plan = planClaim(observe({ claim: bound, volume: held }));
    expect(told(plan)).toEqual(["update persistentvolumeclaims/status data", event]);
    const lost = written<PersistentVolumeClaim>(plan);
    expect(lost.status).toEqual({ phase: "Lost" });
    expect(planClaim(observe({ claim: lost, volume: held })).actions).toEqual([]);
  });

  it("asks the provisioner of its class once", () => {
    const plan = planClaim(observe({ claim: claim(), storageClass: storageClass() }));
    expect(brief(plan.actions)).toEqual(["update persistentvolumeclaims data", "note ExternalProvisioning"]);
    const asked = written<PersistentVolumeClaim>(plan);
    expect(asked.metadata.annotations?.["volume.kubernetes.io/storage-provisioner"]).toBe("example.com/disks");
    expect(brief(planClaim(observe({ claim: asked, storageClass: storageClass() })).actions)).toEqual(["note ExternalProvisioning"]);
  });
});

describe("the plan for a volume", () => {
  const released = { status: { phase: "Released" } };
  const provisioned = { metadata: { annotations: { "pv.kubernetes.io/provisioned-by": "example.com/disks" } } };
  const named = claim({ volumeName: "disk" });

  it.each<[string, PersistentVolume, PersistentVolumeClaim | undefined, string[]]>([
    ["makes a new one Available", volume({}, { status: { phase: "Pending" } }), undefined, ["Available"]],
    [
      "makes one Available that waits for a certain claim",
      volume({ claimRef: { ...ours, uid: undefined } }, { status: { phase: "Pending" } }),
      undefined,
      ["Available"],
    ],
    ["makes one Bound that its claim names", volume({ claimRef: ours }), named, ["Bound"]],
    ["leaves one to the claim that does not name it yet", volume({ claimRef: ours }), claim(), []],
    ["tells both that they will not fit", volume({ claimRef: ours, volumeMode: "Block" }), claim(), ["VolumeMismatch", "VolumeMismatch"]],
    ["makes one Released whose claim is gone", volume({ claimRef: ours }), undefined, ["Released"]],
    ["makes one Released whose claim has a successor of the name", volume({ claimRef: { ...ours, uid: "earlier" } }), named, ["Released"]],
    ["keeps what is to be kept", volume({ claimRef: ours, persistentVolumeReclaimPolicy: "Retain" }, released), undefined, []],
    [
      "leaves deletion to who provisioned it",
      volume({ claimRef: ours, persistentVolumeReclaimPolicy: "Delete" }, { ...released, ...provisioned }),
      undefined,
      [],
    ],
    [
      "cannot delete what was made by hand",
      volume({ claimRef: ours, persistentVolumeReclaimPolicy: "Delete" }, released),
      undefined,
      ["Failed", "VolumeFailedDelete"],
    ],
    ["cannot recycle", volume({ claimRef: ours, persistentVolumeReclaimPolicy: "Recycle" }, released), undefined, ["Failed", "VolumeFailedRecycle"]],
    [
      "gives a provisioned one up when its claim has another",
      volume({ claimRef: ours, persistentVolumeReclaimPolicy: "Delete" }, provisioned),
      claim({ volumeName: "x" }),
      ["Released"],
    ],
  ])("%s", (_what, observed, of, expected) => {
    const seen = planVolume({ volume: observed, claim: of }).actions.map((action) => {
      return action.do === "note" ? action.note.reason : ((action as Extract<Action, { object: unknown }>).object as PersistentVolume).status?.phase;
    });
    expect(seen).toEqual(expected);
  });

  it("frees one that the controller bound to a claim with another volume", () => {
    const plan = planVolume({ volume: volume({ claimRef: ours }, { metadata: { annotations: BOUND } }), claim: claim({ volumeName: "another" }) });
    expect(written<PersistentVolume>(plan).spec.claimRef).toBeUndefined();
    expect(written<PersistentVolume>(plan).metadata.annotations).not.toHaveProperty("pv.kubernetes.io/bound-by-controller");
  });

  it("keeps the wish of a user who bound it to a claim with another volume", () => {
    const plan = planVolume({ volume: volume({ claimRef: ours }), claim: claim({ volumeName: "another" }) });
    expect(written<PersistentVolume>(plan).spec.claimRef).toEqual({ kind: "PersistentVolumeClaim", apiVersion: "v1", namespace: "default", name: "data" });
  });
});

describe("protection", () => {
  const FINALIZER = "kubernetes.io/pvc-protection";
  it.each<[string, object, boolean, readonly string[] | undefined]>([
    ["is added where it lacks", {}, false, [FINALIZER]],
    ["stays on what nobody deletes", { finalizers: [FINALIZER] }, false, undefined],
    ["stays on what is used", { finalizers: [FINALIZER], deletionTimestamp: ago(1) }, true, undefined],
    ["goes from what nobody uses", { finalizers: ["other", FINALIZER], deletionTimestamp: ago(1) }, false, ["other"]],
    ["is not added to what goes", { deletionTimestamp: ago(1) }, false, undefined],
  ])("%s", (_what, metadata, isUsed, expected) => {
    const plan = planProtection(persistentVolumeClaims, FINALIZER, { object: claim({}, { metadata }), isUsed });
    expect(plan.actions.length === 0 ? undefined : written<PersistentVolumeClaim>(plan).metadata.finalizers).toEqual(expected);
  });

  const using = (more: Partial<Pod["spec"]> = {}): Pod =>
    pod({ name: "web", more: { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }], ...more } });
  const own = pod({ name: "web", more: { volumes: [{ name: "v", ephemeral: {} }] } });
  const ownClaim = claim(
    {},
    { metadata: { name: "web-v", ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "web", uid: "uid-web", controller: true }] } },
  );
  it.each<[string, Pod, PersistentVolumeClaim, boolean]>([
    ["a pod on a node uses its claim", using(), claim(), true],
    ["a pod without a node does not", using({ nodeName: "" }), claim(), false],
    ["nor does one with other claims", pod({ name: "web" }), claim(), false],
    ["a pod uses the claim of its own volume", own, ownClaim, true],
    [
      "but not once it has ended for good",
      { ...own, metadata: { ...own.metadata, deletionTimestamp: ago(1), deletionGracePeriodSeconds: 0 } },
      ownClaim,
      false,
    ],
  ])("%s", (_what, of, used, expected) => {
    expect(usesClaim(of, used)).toBe(expected);
  });
});

describe("the plan for ephemeral volumes", () => {
  const spec = claim().spec;
  const owner = pod({
    name: "web",
    more: { volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate: { metadata: { name: "", labels: { a: "b" } }, spec } } }] },
  });

  it("makes the pod's claim, with the template's labels and the pod as owner", () => {
    const plan = planEphemeralVolumes({ pod: owner, claimNamed: () => undefined });
    expect(written<PersistentVolumeClaim>(plan)).toMatchObject({
      metadata: {
        name: "web-scratch",
        namespace: "default",
        labels: { a: "b" },
        ownerReferences: [{ kind: "Pod", name: "web", uid: "uid-web", controller: true }],
      },
      spec,
    });
  });

  it("does not take a claim of that name that is another's", () => {
    const plan = planEphemeralVolumes({ pod: owner, claimNamed: () => claim({}, { metadata: { name: "web-scratch" } }) });
    expect(told(plan)).toEqual(["FailedBinding: ephemeral volume scratch: PVC default/web-scratch was not created for pod default/web (pod is not owner)"]);
  });
});

describe("the plan for a claim that is to grow", () => {
  it.each<[string, string, string[]]>([
    ["tells who is waited for", "3Gi", ["ExternalExpanding: waiting for an external controller to expand this PVC"]],
    ["has nothing to do when it is large enough", "2Gi", []],
  ])("%s", (_what, size, expected) => {
    const bound = claim({ resources: { requests: { storage: size } } }, { status: { phase: "Bound", capacity: { storage: "2Gi" } } });
    expect(told(planExpansion({ claim: bound, volume: volume({ claimRef: ours }) }))).toEqual(expected);
  });
});
