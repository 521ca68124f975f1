// Claims, volumes and the pods that use them against the real API server, controllers and scheduler, on virtual time.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  events,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  persistentVolumes,
  podCondition,
  pods,
  type StorageClass,
  serviceAccounts,
  storageClasses,
} from "../src/api/index.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  await plane.clock.runUntil(async () => (await plane.client.list(serviceAccounts, { namespace: "default" })).items.length === 1);
});
afterEach(async () => {
  await plane.stop();
});

const NAMESPACE = "default";

function volume(name: string, size: string, more: Partial<PersistentVolume["spec"]> = {}): PersistentVolume {
  const spec = { capacity: { storage: size }, accessModes: ["ReadWriteOnce"], storageClassName: "manual", hostPath: { path: `/data/${name}` }, ...more };
  return { apiVersion: "v1", kind: "PersistentVolume", metadata: { name }, spec };
}

function claim(name: string, more: Partial<PersistentVolumeClaim["spec"]> = {}): PersistentVolumeClaim {
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, storageClassName: "manual", ...more };
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name, namespace: NAMESPACE }, spec };
}

function storageClass(name: string, more: Partial<StorageClass> = {}): StorageClass {
  const metadata = { name, ...more.metadata };
  return { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", provisioner: "example.com/disks", ...more, metadata };
}

function user(name: string, claimName: string): Pod {
  const volumes = [{ name: "data", persistentVolumeClaim: { claimName } }];
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: NAMESPACE }, spec: { containers: [{ name: "main", image: "app:1" }], volumes } };
}

const getClaim = (name: string): Promise<PersistentVolumeClaim> => plane.client.get(persistentVolumeClaims, { namespace: NAMESPACE, name });
const getVolume = (name: string): Promise<PersistentVolume> => plane.client.get(persistentVolumes, { name });
const getPod = (name: string): Promise<Pod> => plane.client.get(pods, { namespace: NAMESPACE, name });
const claimIs = (name: string, phase: string): Promise<void> => plane.clock.runUntil(async () => (await getClaim(name)).status?.phase === phase);
const volumeIs = (name: string, phase: string): Promise<void> => plane.clock.runUntil(async () => (await getVolume(name)).status?.phase === phase);
const isGone = async (get: Promise<unknown>): Promise<boolean> => {
  try {
    await get;
    return false;
  } catch {
    return true;
  }
};
/** `Reason: message` of the events about an object. */
async function eventsOf(name: string): Promise<string[]> {
  const { items } = await plane.client.list(events, { fieldSelector: `involvedObject.name=${name}` });
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}
const hasEvent = (name: string, text: string): Promise<void> => plane.clock.runUntil(async () => (await eventsOf(name)).includes(text));

describe("a claim", () => {
  it("gets the smallest volume that will do, and both say so", async () => {
    for (const [name, size] of [
      ["large", "10Gi"],
      ["fitting", "2Gi"],
      ["small", "500Mi"],
    ] as const)
      await plane.client.create(persistentVolumes, volume(name, size));
    await volumeIs("fitting", "Available");
    await volumeIs("large", "Available");
    await plane.client.create(persistentVolumeClaims, claim("data"));
    await claimIs("data", "Bound");
    expect(await getClaim("data")).toMatchObject({
      metadata: {
        annotations: { "pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes" },
        finalizers: ["kubernetes.io/pvc-protection"],
      },
      spec: { volumeName: "fitting" },
      status: { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "2Gi" } },
    });
    const bound = await getVolume("fitting");
    expect(bound.status?.phase).toBe("Bound");
    expect(bound.spec.claimRef).toMatchObject({
      kind: "PersistentVolumeClaim",
      namespace: NAMESPACE,
      name: "data",
      uid: (await getClaim("data")).metadata.uid,
    });
    expect((await getVolume("large")).status?.phase).toBe("Available");
  });

  it("waits for a volume, and tells why", async () => {
    await plane.client.create(persistentVolumeClaims, claim("data", { storageClassName: "" }));
    await hasEvent("data", "FailedBinding: no persistent volumes available for this claim and no storage class is set");
    expect((await getClaim("data")).status?.phase).toBe("Pending");
    await plane.client.create(persistentVolumes, volume("late", "1Gi", { storageClassName: "" }));
    await claimIs("data", "Bound");
  });

  it("and a volume that is meant for it find each other, whatever else there is", async () => {
    await plane.client.create(persistentVolumes, volume("first", "1Gi"));
    await plane.client.create(persistentVolumes, volume("meant", "5Gi", { claimRef: { namespace: NAMESPACE, name: "data" } }));
    await volumeIs("first", "Available");
    await volumeIs("meant", "Available");
    await plane.client.create(persistentVolumeClaims, claim("data"));
    await claimIs("data", "Bound");
    expect((await getClaim("data")).spec.volumeName).toBe("meant");
    expect((await getVolume("meant")).metadata.annotations?.["pv.kubernetes.io/bound-by-controller"]).toBeUndefined();
    await plane.client.create(persistentVolumeClaims, claim("other", { volumeName: "meant" }));
    await hasEvent("other", 'FailedBinding: volume "meant" already bound to a different claim.');
  });

  it("that loses its volume is Lost", async () => {
    await plane.client.create(persistentVolumes, volume("disk", "1Gi"));
    await plane.client.create(persistentVolumeClaims, claim("data"));
    await claimIs("data", "Bound");
    await plane.client.delete(persistentVolumes, { name: "disk" });
    expect((await getVolume("disk")).metadata.deletionTimestamp).toBeDefined();
    await plane.client.patch(persistentVolumes, { name: "disk" }, { type: "merge", body: { metadata: { finalizers: null } } });
    await claimIs("data", "Lost");
    await hasEvent("data", "ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!");
  });

  it("without a class gets the default class once there is one", async () => {
    const { storageClassName: _none, ...spec } = claim("data").spec;
    await plane.client.create(persistentVolumeClaims, { ...claim("data"), spec });
    await hasEvent("data", "FailedBinding: no persistent volumes available for this claim and no storage class is set");
    const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
    await plane.client.create(storageClasses, storageClass("standard", { metadata: { name: "standard", annotations } }));
    await plane.clock.runUntil(async () => (await getClaim("data")).spec.storageClassName === "standard");
    await hasEvent(
      "data",
      "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
    );
    expect((await getClaim("data")).metadata.annotations?.["volume.kubernetes.io/storage-provisioner"]).toBe("example.com/disks");
  });
});

describe("a released volume", () => {
  async function release(policy: string): Promise<void> {
    await plane.client.create(persistentVolumes, volume("disk", "1Gi", { persistentVolumeReclaimPolicy: policy }));
    await plane.client.create(persistentVolumeClaims, claim("data"));
    await claimIs("data", "Bound");
    await plane.client.delete(persistentVolumeClaims, { namespace: NAMESPACE, name: "data" });
    await plane.clock.runUntil(() => isGone(getClaim("data")));
  }

  it("is kept for its owner with policy Retain", async () => {
    await release("Retain");
    await volumeIs("disk", "Released");
    await plane.client.create(persistentVolumeClaims, claim("another"));
    await plane.clock.advance(10_000);
    expect((await getClaim("another")).status?.phase).toBe("Pending");
    await plane.client.delete(persistentVolumes, { name: "disk" });
    await plane.clock.runUntil(() => isGone(getVolume("disk")));
  });

  it.each([
    ["Delete", 'VolumeFailedDelete: error getting deleter volume plugin for volume "disk": no deletable volume plugin matched'],
    ["Recycle", "VolumeFailedRecycle: No recycler plugin found for the volume!"],
  ])("of somebody's making fails with policy %s, and says why", async (policy, event) => {
    await release(policy);
    await volumeIs("disk", "Failed");
    await hasEvent("disk", event);
  });
});

describe("a pod with a claim", () => {
  const whyPending = async (name: string): Promise<string | undefined> => podCondition(await getPod(name), "PodScheduled")?.message;
  const waitsBecause = (name: string, text: string): Promise<void> => plane.clock.runUntil(async () => (await whyPending(name))?.startsWith(text) === true);

  beforeEach(async () => {
    await plane.addNode("one");
    await plane.addNode("two");
  });

  it("waits for the claim to exist, and to be bound", async () => {
    await plane.client.create(pods, user("web", "data"));
    await waitsBecause("web", '0/2 nodes are available: persistentvolumeclaim "data" not found.');
    await plane.client.create(persistentVolumeClaims, claim("data"));
    await waitsBecause("web", "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.");
    await plane.client.create(persistentVolumes, volume("disk", "1Gi"));
    await plane.clock.runUntil(async () => (await getPod("web")).status?.phase === "Running");
  });

  it("goes to the node its volume is on, whether that is bound before or with it", async () => {
    const on = (node: string) => ({
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] }] },
    });
    await plane.client.create(
      storageClasses,
      storageClass("local", { provisioner: "kubernetes.io/no-provisioner", volumeBindingMode: "WaitForFirstConsumer" }),
    );
    await plane.client.create(persistentVolumes, volume("disk", "1Gi", { storageClassName: "local", nodeAffinity: on("two") }));
    await plane.client.create(persistentVolumeClaims, claim("data", { storageClassName: "local" }));
    await hasEvent("data", "WaitForFirstConsumer: waiting for first consumer to be created before binding");
    await plane.client.create(pods, user("web", "data"));
    await plane.clock.runUntil(async () => (await getPod("web")).status?.phase === "Running");
    expect((await getPod("web")).spec.nodeName).toBe("two");
    expect(await getClaim("data")).toMatchObject({ spec: { volumeName: "disk" }, status: { phase: "Bound" } });
    await plane.client.create(pods, { ...user("again", "data"), spec: { ...user("again", "data").spec, nodeSelector: { "kubernetes.io/hostname": "one" } } });
    await waitsBecause(
      "again",
      "0/2 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity, 1 node(s) didn't match Pod's node affinity/selector.",
    );
    await plane.client.create(persistentVolumeClaims, claim("more", { storageClassName: "local" }));
    await plane.client.create(pods, user("other", "more"));
    await waitsBecause("other", "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.");
  });

  it("keeps the claim until it is gone", async () => {
    await plane.client.create(persistentVolumes, volume("disk", "1Gi"));
    await plane.client.create(persistentVolumeClaims, claim("data"));
    await plane.client.create(pods, user("web", "data"));
    await plane.clock.runUntil(async () => (await getPod("web")).status?.phase === "Running");
    await plane.client.delete(persistentVolumeClaims, { namespace: NAMESPACE, name: "data" });
    await plane.clock.advance(60_000);
    expect((await getClaim("data")).metadata).toMatchObject({ deletionTimestamp: expect.any(String), finalizers: ["kubernetes.io/pvc-protection"] });
    await plane.client.delete(pods, { namespace: NAMESPACE, name: "web" });
    await plane.clock.runUntil(() => isGone(getClaim("data")));
    await volumeIs("disk", "Released");
  });

  it("of its own making gets it, bound to its life", async () => {
    await plane.client.create(persistentVolumes, volume("disk", "1Gi"));
    const volumes = [{ name: "scratch", ephemeral: { volumeClaimTemplate: { metadata: { name: "", labels: { of: "web" } }, spec: claim("").spec } } }];
    await plane.client.create(pods, { ...user("web", ""), spec: { containers: [{ name: "main", image: "app:1" }], volumes } });
    await plane.clock.runUntil(async () => (await getPod("web")).status?.phase === "Running");
    expect(await getClaim("web-scratch")).toMatchObject({ metadata: { labels: { of: "web" } }, status: { phase: "Bound" } });
    await plane.client.delete(pods, { namespace: NAMESPACE, name: "web" });
    await plane.clock.runUntil(() => isGone(getClaim("web-scratch")));
  });

  it("of mode ReadWriteOncePod has it alone", async () => {
    await plane.client.create(persistentVolumes, volume("disk", "1Gi", { accessModes: ["ReadWriteOncePod"] }));
    await plane.client.create(persistentVolumeClaims, claim("data", { accessModes: ["ReadWriteOncePod"] }));
    await plane.client.create(pods, user("web", "data"));
    await plane.clock.runUntil(async () => (await getPod("web")).status?.phase === "Running");
    await plane.client.create(pods, user("second", "data"));
    await waitsBecause(
      "second",
      "0/2 nodes are available: 2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.",
    );
    await plane.client.delete(pods, { namespace: NAMESPACE, name: "web" });
    await plane.clock.runUntil(async () => (await getPod("second")).status?.phase === "Running");
  });
});
