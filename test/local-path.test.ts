// The default storage class over a whole cluster with kubelets, on virtual time: claims get directories on nodes, and give them back.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  events,
  nodes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type StatefulSet,
  statefulSets,
  storageClasses,
} from "../src/api/index.ts";
import { createVirtualEnv, type VirtualClock } from "../src/base/index.ts";
import type { Client } from "../src/client/index.ts";
import { type Cluster, startCluster } from "../src/cluster/index.ts";

let cluster: Cluster;
let client: Client;
let clock: VirtualClock;
beforeEach(async () => {
  const virtual = createVirtualEnv({ onLog: (level, component, message, fields) => level === "error" && console.error(component, message, fields) });
  clock = virtual.clock;
  cluster = await startCluster({ env: virtual.env, nodes: ["one", "two"] });
  client = cluster.client();
});
afterEach(async () => {
  await cluster.stop();
});

const NAMESPACE = "default";

function claim(name: string, spec: Partial<PersistentVolumeClaim["spec"]> = {}): PersistentVolumeClaim {
  const asked = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec };
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name, namespace: NAMESPACE }, spec: asked };
}

function user(name: string, claimName: string, more: Partial<Pod["spec"]> = {}): Pod {
  const volumes = [{ name: "data", persistentVolumeClaim: { claimName } }];
  const containers = [{ name: "main", image: "app:1", volumeMounts: [{ name: "data", mountPath: "/data" }] }];
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: NAMESPACE }, spec: { containers, volumes, ...more } };
}

const getClaim = (name: string): Promise<PersistentVolumeClaim> => client.get(persistentVolumeClaims, { namespace: NAMESPACE, name });
const isRunning = (name: string): Promise<void> =>
  clock.runUntil(async () => (await client.get(pods, { namespace: NAMESPACE, name })).status?.phase === "Running");
const volumes = async (): Promise<readonly PersistentVolume[]> => (await client.list(persistentVolumes)).items;

async function directoriesOf(nodeName: string): Promise<readonly string[]> {
  const node = cluster.nodes.find(({ name }) => name === nodeName);
  return (await node?.host.files.list("/var/lib/kubets/storage")) ?? [];
}

/** `Reason: message` of the events about an object. */
async function eventsOf(name: string): Promise<string[]> {
  const { items } = await client.list(events, { fieldSelector: `involvedObject.name=${name}` });
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}

describe("the class local-path", () => {
  it("is the default, and gives a claim a directory on its first pod's node", async () => {
    const created = await client.create(persistentVolumeClaims, claim("data"));
    expect(created.spec.storageClassName).toBe("local-path");
    await clock.advance(5000);
    expect((await getClaim("data")).status?.phase).toBe("Pending");
    expect(await volumes()).toEqual([]);
    await client.create(pods, user("web", "data", { nodeSelector: { "kubernetes.io/hostname": "two" } }));
    await isRunning("web");
    const bound = await getClaim("data");
    const name = `pvc-${bound.metadata.uid}`;
    expect(bound).toMatchObject({ spec: { volumeName: name }, status: { phase: "Bound", capacity: { storage: "1Gi" } } });
    const directory = `${name}_default_data`;
    expect(await client.get(persistentVolumes, { name })).toMatchObject({
      metadata: { annotations: { "pv.kubernetes.io/provisioned-by": "rancher.io/local-path" } },
      spec: {
        hostPath: { path: `/var/lib/kubets/storage/${directory}`, type: "DirectoryOrCreate" },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["two"] }] }] } },
        persistentVolumeReclaimPolicy: "Delete",
        storageClassName: "local-path",
      },
      status: { phase: "Bound" },
    });
    expect(await directoriesOf("two")).toEqual([directory]);
    expect(await directoriesOf("one")).toEqual([]);
    const told = async (): Promise<string[]> => (await eventsOf("data")).map((event) => event.split(":")[0] ?? "").sort();
    await clock.runUntil(async () => (await told()).join() === "ExternalProvisioning,Provisioning,ProvisioningSucceeded,WaitForFirstConsumer");
  });

  it("takes the directory back with the claim, and not before the pod is gone", async () => {
    await client.create(persistentVolumeClaims, claim("data"));
    await client.create(pods, user("web", "data", { nodeSelector: { "kubernetes.io/hostname": "one" } }));
    await isRunning("web");
    await client.delete(persistentVolumeClaims, { namespace: NAMESPACE, name: "data" });
    await client.delete(persistentVolumes, { name: (await volumes())[0]?.metadata.name ?? "" });
    await clock.advance(10_000);
    expect(await directoriesOf("one")).toHaveLength(1);
    await client.delete(pods, { namespace: NAMESPACE, name: "web" });
    await clock.runUntil(async () => (await volumes()).length === 0);
    expect(await directoriesOf("one")).toEqual([]);
  });

  it("keeps the directory with policy Retain", async () => {
    const { metadata, ...standard } = await client.get(storageClasses, { name: "local-path" });
    await client.create(storageClasses, { ...standard, metadata: { name: "kept" }, reclaimPolicy: "Retain" });
    await client.create(persistentVolumeClaims, claim("data", { storageClassName: "kept" }));
    await client.create(pods, user("web", "data"));
    await isRunning("web");
    await client.delete(pods, { namespace: NAMESPACE, name: "web" });
    await client.delete(persistentVolumeClaims, { namespace: NAMESPACE, name: "data" });
    await clock.runUntil(async () => (await volumes())[0]?.status?.phase === "Released");
    await client.delete(persistentVolumes, { name: (await volumes())[0]?.metadata.name ?? "" });
    await clock.runUntil(async () => (await volumes()).length === 0);
    expect([...(await directoriesOf("one")), ...(await directoriesOf("two"))]).toHaveLength(1);
  });

  it("waits for a silent node to take its directories back", async () => {
    await client.create(persistentVolumeClaims, claim("data"));
    await client.create(pods, user("web", "data", { nodeSelector: { "kubernetes.io/hostname": "two" } }));
    await isRunning("web");
    const before = (await volumes())[0];
    await cluster.nodes.find(({ name }) => name === "two")?.stop();
    await client.delete(pods, { namespace: NAMESPACE, name: "web" }, { gracePeriodSeconds: 0 });
    await client.delete(persistentVolumeClaims, { namespace: NAMESPACE, name: "data" });
    await clock.advance(60_000);
    expect((await volumes())[0]?.status?.phase).toBe("Released");
    expect((await eventsOf(before?.metadata.name ?? "")).some((event) => event.startsWith("VolumeFailedDelete"))).toBe(true);
    // It has left the cluster, and whatever it had with it.
    await client.delete(nodes, { name: "two" });
    await clock.runUntil(async () => (await volumes()).length === 0, 20 * 60_000);
  });

  it.each([
    ["shared by nodes", { accessModes: ["ReadWriteMany"] }, "NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes"],
    ["of raw blocks", { volumeMode: "Block" }, "volumeMode Block is not supported"],
  ])("says that it has no volumes %s", async (_what, spec, reason) => {
    await client.create(persistentVolumeClaims, claim("data", spec));
    await client.create(pods, user("web", "data"));
    const expected = `ProvisioningFailed: failed to provision volume with StorageClass "local-path": ${reason}`;
    await clock.advance(60_000);
    expect(await eventsOf("data")).toContain(expected);
  });

  it("gives each pod of a stateful set its own, and gives it back to the next of the name", async () => {
    const set: StatefulSet = {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "db", namespace: NAMESPACE },
      spec: {
        serviceName: "db",
        replicas: 2,
        selector: { matchLabels: { app: "db" } },
        template: { metadata: { name: "", labels: { app: "db" } }, spec: { containers: user("", "").spec.containers } },
        volumeClaimTemplates: [claim("data")],
      },
    };
    await client.create(statefulSets, set);
    await clock.runUntil(async () => (await client.get(statefulSets, { namespace: NAMESPACE, name: "db" })).status?.readyReplicas === 2);
    const [first, second] = [await getClaim("data-db-0"), await getClaim("data-db-1")];
    expect(first.spec.volumeName).not.toBe(second.spec.volumeName);
    const before = await client.get(pods, { namespace: NAMESPACE, name: "db-1" });
    await client.delete(pods, { namespace: NAMESPACE, name: "db-1" });
    await clock.runUntil(async () =>
      (await client.list(pods)).items.some(
        ({ metadata, status }) => metadata.name === "db-1" && metadata.uid !== before.metadata.uid && status?.phase === "Running",
      ),
    );
    const after = await client.get(pods, { namespace: NAMESPACE, name: "db-1" });
    expect(after.spec.nodeName).toBe(before.spec.nodeName);
    expect((await getClaim("data-db-1")).spec.volumeName).toBe(second.spec.volumeName);
  });
});
