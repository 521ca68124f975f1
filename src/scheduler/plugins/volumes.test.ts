import { describe, expect, it } from "vitest";
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from "../../api/index.ts";
import { ClusterState } from "../cluster-state.ts";
import { type Plugin, PreFilterVerdict } from "../plugin.ts";
import { podInfo } from "../pod-info.ts";
import { preempt, testNode, testPod } from "../testing.ts";
import { nodeVolumeLimits } from "./node-volume-limits.ts";
import { createVolumeBinding } from "./volume-binding.ts";
import { volumeRestrictions } from "./volume-restrictions.ts";
import { volumeZone } from "./volume-zone.ts";

const volumeBinding = createVolumeBinding();
const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
const on = (node: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] }] } });

function claim(name: string, spec: Partial<PersistentVolumeClaim["spec"]> = {}, metadata: object = {}): PersistentVolumeClaim {
  const annotations: Record<string, string> = spec.volumeName === undefined ? {} : { [BIND_COMPLETED]: "yes" };
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: "default", uid: `uid-${name}`, annotations, ...metadata },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, storageClassName: "late", ...spec },
    status: { phase: spec.volumeName === undefined ? "Pending" : "Bound" },
  };
}

function volume(name: string, spec: Partial<PersistentVolume["spec"]> = {}, labels: Record<string, string> = {}): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, labels },
    spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, storageClassName: "late", hostPath: { path: "/d" }, ...spec },
    status: { phase: "Available" },
  };
}

const late = (more: Partial<StorageClass> = {}): StorageClass => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "late" },
  provisioner: "kubernetes.io/no-provisioner",
  volumeBindingMode: "WaitForFirstConsumer",
  ...more,
});

function user(name: string, ...claims: string[]): Pod {
  return testPod(name, { volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) });
}

interface Storage {
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly volumes?: readonly PersistentVolume[];
  readonly classes?: readonly StorageClass[];
}

function clusterWith({ claims = [], volumes = [], classes = [] }: Storage): ClusterState {
  const cluster = new ClusterState();
  for (const name of ["a", "b"]) cluster.setNode(testNode(name, { labels: { "topology.kubernetes.io/zone": `zone-${name}` } }));
  for (const object of claims) cluster.storage.claims.set(object);
  for (const object of volumes) cluster.storage.volumes.set(object);
  for (const object of classes) cluster.storage.classes.set(object);
  return cluster;
}

/** Why no node will do; undefined: some may. */
function refusal(plugin: Plugin, pod: Pod, cluster: ClusterState): string | undefined {
  const verdict = plugin.preFilter?.(podInfo(pod), cluster);
  return verdict instanceof PreFilterVerdict ? verdict.rejection?.reasons.join(", ") : undefined;
}

/** What the filter says of each node; undefined: it will do. */
function verdicts(plugin: Plugin, pod: Pod, cluster: ClusterState): (string | undefined)[] {
  const state = plugin.preFilter?.(podInfo(pod), cluster);
  if (state === PreFilterVerdict.skip) return cluster.list().map(() => undefined);
  return cluster.list().map((node) => plugin.filter?.(podInfo(pod), node, state)?.reasons.join(", "));
}

const AFFINITY = "node(s) didn't match PersistentVolume's node affinity";
const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";

describe("VolumeBinding", () => {
  it.each<[string, Pod, Storage, string | undefined]>([
    ["a claim that is not there", user("p", "data"), {}, 'persistentvolumeclaim "data" not found'],
    [
      "a claim that is lost",
      user("p", "data"),
      { claims: [{ ...claim("data", { volumeName: "v" }), status: { phase: "Lost" } }] },
      'persistentvolumeclaim "data" bound to non-existent persistentvolume "v"',
    ],
    [
      "a claim on its way out",
      user("p", "data"),
      { claims: [claim("data", {}, { deletionTimestamp: "2026-01-01T00:00:00Z" })] },
      'persistentvolumeclaim "data" is being deleted',
    ],
    [
      "a claim that should be bound by now",
      user("p", "data"),
      { claims: [claim("data", { storageClassName: "fast" })] },
      "pod has unbound immediate PersistentVolumeClaims",
    ],
    [
      "a claim that waits for a volume of its choice",
      user("p", "data"),
      { claims: [claim("data", { volumeName: "v" }, { annotations: {} })], classes: [late()] },
      "pod has unbound immediate PersistentVolumeClaims",
    ],
    [
      "an own claim that is not made yet",
      testPod("p", { volumes: [{ name: "own", ephemeral: {} }] }),
      {},
      'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-own"',
    ],
    [
      "an own claim that is another's",
      testPod("p", { volumes: [{ name: "own", ephemeral: {} }] }),
      { claims: [claim("p-own")] },
      "PVC default/p-own was not created for pod default/p (pod is not owner)",
    ],
    ["nothing about a claim that waits for its first consumer", user("p", "data"), { claims: [claim("data")], classes: [late()] }, undefined],
  ])("refuses all nodes for %s", (_what, pod, storage, expected) => {
    expect(refusal(volumeBinding, pod, clusterWith(storage))).toBe(expected);
  });

  it.each<[string, Storage, (string | undefined)[]]>([
    [
      "the node of the bound volume",
      { claims: [claim("data", { volumeName: "v" })], volumes: [volume("v", { nodeAffinity: on("b") })] },
      [AFFINITY, undefined],
    ],
    [
      "no node when the bound volume is gone",
      { claims: [claim("data", { volumeName: "v" })] },
      Array(2).fill("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"),
    ],
    ["the node with a free volume", { claims: [claim("data")], classes: [late()], volumes: [volume("v", { nodeAffinity: on("a") })] }, [undefined, NO_VOLUME]],
    ["any node where volumes can be provisioned", { claims: [claim("data")], classes: [late({ provisioner: "disks" })] }, [undefined, undefined]],
    [
      "the topology that the class allows",
      {
        claims: [claim("data")],
        classes: [late({ provisioner: "disks", allowedTopologies: [{ matchLabelExpressions: [{ key: "topology.kubernetes.io/zone", values: ["zone-b"] }] }] })],
      },
      [NO_VOLUME, undefined],
    ],
    [
      "the node that provisioning was begun on",
      { claims: [claim("data", {}, { annotations: { "volume.kubernetes.io/selected-node": "b" } })], classes: [late({ provisioner: "disks" })] },
      [NO_VOLUME, undefined],
    ],
  ])("takes %s", (_what, storage, expected) => {
    expect(verdicts(volumeBinding, user("p", "data"), clusterWith(storage))).toEqual(expected);
  });

  it("gives two claims of a pod two volumes, the smaller claim the smaller", () => {
    const big = { resources: { requests: { storage: "5Gi" } } };
    const storage = { claims: [claim("big", big), claim("small")], classes: [late()], volumes: [volume("v5", { capacity: { storage: "5Gi" } }), volume("v1")] };
    const cluster = clusterWith(storage);
    expect(verdicts(volumeBinding, user("p", "big", "small"), cluster)).toEqual([undefined, undefined]);
    expect(verdicts(volumeBinding, user("p", "big", "small"), clusterWith({ ...storage, volumes: [volume("v1")] }))).toEqual([NO_VOLUME, NO_VOLUME]);
    const [node] = cluster.list();
    if (node !== undefined) volumeBinding.reserve?.(podInfo(user("p", "big", "small")), node, cluster);
    expect(["v5", "v1"].map((name) => cluster.storage.volumes.get(name)?.spec.claimRef?.name)).toEqual(["big", "small"]);
  });

  it("promises a volume to one pod only, until the promise is taken back", () => {
    const cluster = clusterWith({ claims: [claim("one"), claim("two")], classes: [late()], volumes: [volume("v")] });
    const [node] = cluster.list();
    const [first, second] = [podInfo(user("p1", "one")), user("p2", "two")];
    if (node !== undefined) volumeBinding.reserve?.(first, node, cluster);
    expect(verdicts(volumeBinding, second, cluster)).toEqual([NO_VOLUME, NO_VOLUME]);
    volumeBinding.unreserve?.(first, cluster);
    expect(verdicts(volumeBinding, second, cluster)).toEqual([undefined, undefined]);
  });

  it("sends pods of one claim to one node", () => {
    const cluster = clusterWith({ claims: [claim("data")], classes: [late({ provisioner: "disks" })] });
    const [node] = cluster.list();
    if (node !== undefined) volumeBinding.reserve?.(podInfo(user("p1", "data")), node, cluster);
    expect(verdicts(volumeBinding, user("p2", "data"), cluster)).toEqual([undefined, NO_VOLUME]);
  });

  it("looks at the free space that a driver reports", () => {
    const cluster = clusterWith({ claims: [claim("data")], classes: [late({ provisioner: "disks" })] });
    cluster.storage.csiDrivers.set({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: "disks" }, spec: { storageCapacity: true } });
    const capacity = (zone: string, size: string) => ({
      apiVersion: "storage.k8s.io/v1",
      kind: "CSIStorageCapacity",
      metadata: { name: zone, namespace: "default" },
      storageClassName: "late",
      capacity: size,
      nodeTopology: { matchLabels: { "topology.kubernetes.io/zone": zone } },
    });
    cluster.storage.capacities.set(capacity("zone-a", "500Mi"));
    cluster.storage.capacities.set(capacity("zone-b", "1Ti"));
    expect(verdicts(volumeBinding, user("p", "data"), cluster)).toEqual(["node(s) did not have enough free storage", undefined]);
  });

  it.each<[string, boolean, Parameters<NonNullable<typeof volumeBinding.helps>>[1]]>([
    ["its claim", true, { type: "claimChanged", object: claim("data") }],
    ["another claim", false, { type: "claimChanged", object: claim("other") }],
    ["a volume", true, { type: "volumeChanged", object: volume("v") }],
    ["a class that allows what it allowed", false, { type: "storageClassChanged", object: late(), old: late() }],
    ["a new node", true, { type: "nodeAdded", node: testNode("c") }],
    ["a node whose labels stay", false, { type: "nodeUpdated", node: testNode("a"), old: testNode("a") }],
  ])("a pod is helped by %s: %s", (_what, expected, event) => {
    expect(volumeBinding.helps?.(podInfo(user("p", "data")), event, clusterWith({}))).toBe(expected);
  });
});

describe("VolumeRestrictions", () => {
  const exclusive = claim("data", { accessModes: ["ReadWriteOncePod"], volumeName: "v" });
  const POD_CONFLICT = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";

  it("keeps a claim for one pod, wherever that is", () => {
    const cluster = clusterWith({ claims: [exclusive] });
    expect(verdicts(volumeRestrictions, user("p", "data"), cluster)).toEqual([undefined, undefined]);
    cluster.setPod(podInfo(user("holder", "data")), "a");
    expect(verdicts(volumeRestrictions, user("p", "data"), cluster)).toEqual([POD_CONFLICT, POD_CONFLICT]);
  });

  it("lets a more important pod take the place of the holder, on the holder's node", () => {
    const cluster = clusterWith({ claims: [exclusive], volumes: [volume("v")] });
    cluster.setPod(podInfo(user("holder", "data")), "b");
    const { spec, ...important } = user("important", "data");
    expect(preempt(cluster, { ...important, spec: { ...spec, priority: 1000 } })).toBe("b: holder");
  });

  it.each<[string, object, object, boolean]>([
    ["one disk, written", { gcePersistentDisk: { pdName: "d" } }, { gcePersistentDisk: { pdName: "d", readOnly: true } }, true],
    ["one disk, only read", { gcePersistentDisk: { pdName: "d", readOnly: true } }, { gcePersistentDisk: { pdName: "d", readOnly: true } }, false],
    ["two disks", { gcePersistentDisk: { pdName: "d" } }, { gcePersistentDisk: { pdName: "e" } }, false],
    ["one block store", { awsElasticBlockStore: { volumeID: "x" } }, { awsElasticBlockStore: { volumeID: "x" } }, true],
    ["one image of a shared monitor", { rbd: { monitors: ["m1", "m2"], image: "i" } }, { rbd: { monitors: ["m2"], image: "i" } }, true],
  ])("looks at %s", (_what, one, other, conflicts) => {
    const cluster = clusterWith({});
    const withVolume = (name: string, source: object): Pod => testPod(name, { volumes: [{ name: "v", ...source }] });
    cluster.setPod(podInfo(withVolume("first", one)), "a");
    expect(verdicts(volumeRestrictions, withVolume("second", other), cluster)).toEqual([conflicts ? "node(s) had no available disk" : undefined, undefined]);
  });
});

it("VolumeZone takes nodes of the volume's zones", () => {
  const cluster = clusterWith({
    claims: [claim("data", { volumeName: "v" })],
    volumes: [volume("v", {}, { "topology.kubernetes.io/zone": "zone-b__zone-c" })],
  });
  expect(verdicts(volumeZone, user("p", "data"), cluster)).toEqual(["node(s) had no available volume zone", undefined]);
});

it("NodeVolumeLimits counts a driver's volumes on a node, those of pods and those that are still attached", () => {
  const disk = (name: string): PersistentVolume => volume(name, { hostPath: undefined, csi: { driver: "disks", volumeHandle: name } });
  const names = ["v1", "v2", "v3"];
  const cluster = clusterWith({ claims: names.map((name) => claim(`c-${name}`, { volumeName: name })), volumes: names.map(disk) });
  const drivers = [{ name: "disks", nodeID: "a", allocatable: { count: 2 } }];
  cluster.storage.csiNodes.set({ apiVersion: "storage.k8s.io/v1", kind: "CSINode", metadata: { name: "a" }, spec: { drivers } });
  cluster.setPod(podInfo(user("p1", "c-v1")), "a");
  expect(verdicts(nodeVolumeLimits, user("p2", "c-v2"), cluster)).toEqual([undefined, undefined]);
  const attachment = { attacher: "disks", nodeName: "a", source: { persistentVolumeName: "v3" } };
  cluster.storage.attachments.set({ apiVersion: "storage.k8s.io/v1", kind: "VolumeAttachment", metadata: { name: "va" }, spec: attachment });
  expect(verdicts(nodeVolumeLimits, user("p2", "c-v2"), cluster)).toEqual(["node(s) exceed max volume count", undefined]);
  expect(verdicts(nodeVolumeLimits, user("p2", "c-v1"), cluster)).toEqual([undefined, undefined]);
});
