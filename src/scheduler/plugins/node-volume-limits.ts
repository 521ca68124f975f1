// NodeVolumeLimits: no more volumes on a node than its CSI drivers can attach
// (https://kubernetes.io/docs/concepts/storage/storage-limits/).
import { claimKeysOf, type PersistentVolumeClaim, type Pod, storageClassOf } from "../../api/index.ts";
import type { NodeInfo } from "../node-info.ts";
import { plugin, unschedulable } from "../plugin.ts";
import type { StorageState } from "../storage-state.ts";

const TOO_MANY = "node(s) exceed max volume count";

/** Volume → its driver. */
type Volumes = ReadonlyMap<string, string>;

export const nodeVolumeLimits = plugin<{ readonly storage: StorageState; readonly wanted: Volumes }>("NodeVolumeLimits", {
  applies: ({ pod }) => claimKeysOf(pod).length > 0,
  preFilter: ({ pod }, { storage }) => ({ storage, wanted: volumesOf([pod], storage) }),
  filter: (_pod, node, { storage, wanted }) => {
    const limits = limitsOf(node, storage);
    if (wanted.size === 0 || limits.size === 0) return undefined;
    const used = attachedTo(node, storage);
    for (const [driver, limit] of limits) {
      const added = [...wanted].filter(([volume, of]) => of === driver && !used.has(volume)).length;
      const there = [...used.values()].filter((of) => of === driver).length;
      if (added > 0 && there + added > limit) return unschedulable(TOO_MANY);
    }
    return undefined;
  },
  helps: (_pod, { type }) =>
    type === "podRemoved" || type === "csiNodeChanged" || type === "claimChanged" || type === "volumeAttachmentRemoved" || type === "nodeAdded",
});

function limitsOf({ name }: NodeInfo, storage: StorageState): ReadonlyMap<string, number> {
  const drivers = storage.csiNodes.get(name)?.spec.drivers ?? [];
  return new Map(drivers.flatMap((driver) => (driver.allocatable?.count === undefined ? [] : [[driver.name, driver.allocatable.count] as const])));
}

/** By pods, and by attachments that no pod uses any more or yet. */
function attachedTo({ name, pods }: NodeInfo, storage: StorageState): Volumes {
  const volumes = new Map(
    volumesOf(
      [...pods.values()].map(({ pod }) => pod),
      storage,
    ),
  );
  for (const { spec } of storage.attachments.list()) {
    if (spec.nodeName !== name) continue;
    const csi = storage.volumes.get(spec.source.persistentVolumeName ?? "")?.spec.csi;
    if (csi !== undefined) volumes.set(`${spec.attacher}/${csi.volumeHandle}`, spec.attacher);
  }
  return volumes;
}

function volumesOf(pods: readonly Pod[], storage: StorageState): Volumes {
  const volumes = new Map<string, string>();
  for (const key of pods.flatMap(claimKeysOf)) {
    const claim = storage.claims.get(key);
    const found = claim === undefined ? undefined : volumeOf(claim, storage);
    if (found !== undefined) volumes.set(`${found.driver}/${found.handle}`, found.driver);
  }
  return volumes;
}

/** Of a claim that has none yet, the one that its class's driver will make. */
function volumeOf(claim: PersistentVolumeClaim, storage: StorageState): { readonly driver: string; readonly handle: string } | undefined {
  const volume = storage.volumes.get(claim.spec.volumeName ?? "");
  if (volume !== undefined) return volume.spec.csi === undefined ? undefined : { driver: volume.spec.csi.driver, handle: volume.spec.csi.volumeHandle };
  const storageClass = storage.classes.get(storageClassOf(claim) ?? "");
  const { namespace, name } = claim.metadata;
  return storageClass === undefined ? undefined : { driver: storageClass.provisioner, handle: `unbound-${namespace}/${name}` };
}
