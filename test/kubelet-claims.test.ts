// Volumes through claims on a node: what the kubelet hands to containers, and what it says when it cannot.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PersistentVolume, type Pod, persistentVolumeClaims, persistentVolumes, pods } from "../src/api/index.ts";
import { NODE, type SimulatedNode, startSimulatedNode } from "./simulated-node.ts";

let node: SimulatedNode;
beforeEach(async () => {
  node = await startSimulatedNode();
});
afterEach(async () => {
  await node.stop();
});

/** A claim and its volume, as the binder leaves them. */
async function bound(
  spec: Partial<PersistentVolume["spec"]>,
  {
    phase = "Bound",
    claimUid = "",
    annotations = {},
  }: { readonly phase?: string; readonly claimUid?: string; readonly annotations?: Record<string, string> } = {},
): Promise<void> {
  const { volumeMode } = spec;
  const metadata = { name: "data", namespace: "default" };
  const asked = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, volumeName: "disk", volumeMode };
  const claim = await node.client.create(persistentVolumeClaims, { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata, spec: asked });
  await node.client.update(persistentVolumeClaims, { ...claim, status: { phase } }, { subresource: "status" });
  const claimRef = { ...metadata, uid: claimUid === "" ? claim.metadata.uid : claimUid };
  const whole = { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, claimRef, ...spec };
  await node.client.create(persistentVolumes, { apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "disk", annotations }, spec: whole });
}

const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [NODE] }] }] } };

function user(more: Partial<Pod["spec"]> = {}, use: object = { volumeMounts: [{ name: "data", mountPath: "/data" }] }): Promise<Pod> {
  const containers = [{ name: "main", image: "app:1", ...use }];
  return node.createPod("web", { containers, volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }], ...more });
}

const isRunning = ({ status }: Pod): boolean => status?.phase === "Running";
async function mountOf(path: string): Promise<object | undefined> {
  const [container] = await node.runtime.listContainers();
  return node.runtime.config(container?.id ?? "").mounts.find(({ containerPath }) => containerPath === path);
}

describe("a pod with a claim", () => {
  it("sees the directory of its volume", async () => {
    await bound({ hostPath: { path: "/disks/one", type: "DirectoryOrCreate" } });
    await user();
    await node.waitForPod("web", isRunning);
    expect(await mountOf("/data")).toMatchObject({ hostPath: "/disks/one", readonly: false });
    expect((await node.host.files.stat("/disks/one"))?.type).toBe("directory");
    await node.client.delete(pods, { namespace: "default", name: "web" }, { gracePeriodSeconds: 0 });
    await node.waitUntilGone("web");
    expect((await node.host.files.stat("/disks/one"))?.type).toBe("directory");
  });

  it("may not write what it asked for read-only", async () => {
    await bound({ hostPath: { path: "/disks/one" } });
    await user({ volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data", readOnly: true } }] });
    await node.waitForPod("web", isRunning);
    expect(await mountOf("/data")).toMatchObject({ readonly: true });
  });

  it("belongs to the group that its volume names", async () => {
    await bound({ hostPath: { path: "/disks/one" } }, { annotations: { "pv.beta.kubernetes.io/gid": "1234" } });
    await user({ securityContext: { supplementalGroups: [5] } });
    await node.waitForPod("web", isRunning);
    const [container] = await node.runtime.listContainers();
    expect(node.runtime.config(container?.id ?? "").securityContext.supplementalGroups).toEqual([5, 1234]);
  });

  it("gets a local volume for its group, file by file or only when the root is not", async () => {
    await node.host.files.makeDirectory("/disks/local", 0o755);
    await node.host.files.write("/disks/local/file", new Uint8Array(), 0o600);
    await bound({ local: { path: "/disks/local" }, nodeAffinity });
    await user({ securityContext: { fsGroup: 7 } });
    await node.waitForPod("web", isRunning);
    expect(await node.host.files.stat("/disks/local")).toMatchObject({ gid: 7, mode: 0o2775 });
    expect(await node.host.files.stat("/disks/local/file")).toMatchObject({ gid: 7, mode: 0o660 });
    await node.host.files.write("/disks/local/later", new Uint8Array(), 0o600);
    const containers = [{ name: "main", image: "app:1", volumeMounts: [{ name: "data", mountPath: "/data" }] }];
    const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "data" } }];
    await node.createPod("second", { containers, volumes, securityContext: { fsGroup: 7, fsGroupChangePolicy: "OnRootMismatch" } });
    await node.waitForPod("second", isRunning);
    expect(await node.host.files.stat("/disks/local/later")).toMatchObject({ gid: 0, mode: 0o600 });
  });

  it.each<[string, Partial<PersistentVolume["spec"]>, { phase?: string; claimUid?: string }, object | undefined, string]>([
    ["is not bound", { hostPath: { path: "/d" } }, { phase: "Pending" }, undefined, 'volume "data" : error processing PVC default/data: PVC is not bound'],
    [
      "has another's volume",
      { hostPath: { path: "/d" } },
      { claimUid: "other" },
      undefined,
      "found PV object disk but its pv.Spec.ClaimRef.UID other does not point to claim.UID",
    ],
    ["has a local volume that is not there", { local: { path: "/nothing" }, nodeAffinity }, {}, undefined, 'volume "disk" : path "/nothing" does not exist'],
    [
      "has a volume of another kind",
      { nfs: { server: "s", path: "/p" } },
      {},
      undefined,
      'volume "disk" : no volume plugin matched: persistent volumes of type nfs are not supported',
    ],
    [
      "has mount options",
      { hostPath: { path: "/d" }, mountOptions: ["noexec"] },
      {},
      undefined,
      'volume "disk" : Mount options are not supported for this volume type',
    ],
    [
      "has a device to be mounted",
      { local: { path: "/dev/sdz" }, volumeMode: "Block", nodeAffinity },
      {},
      undefined,
      'volume "data" : volume data has volumeMode Block, but is specified in volumeMounts',
    ],
    [
      "has files to be used as a device",
      { hostPath: { path: "/d" } },
      {},
      { volumeDevices: [{ name: "data", devicePath: "/dev/data" }] },
      'volume "data" : volume data has volumeMode Filesystem, but is specified in volumeDevices',
    ],
  ])("waits, and is told why, when the claim %s", async (_what, spec, state, use, message) => {
    await bound(spec, state);
    await user({}, use);
    await node.clock.advance(3000);
    expect((await node.pod("web")).status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe("ContainerCreating");
    expect((await node.eventsOf("web")).join("\n")).toContain(message);
  });
});
