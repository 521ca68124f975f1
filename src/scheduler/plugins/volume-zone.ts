// VolumeZone: volumes that are labelled with a zone or region are used there
// (https://kubernetes.io/docs/reference/labels-annotations-taints/#topologykubernetesiozone).
import { claimKeysOf, isClaimBound, type Node, sameValue } from "../../api/index.ts";
import { plugin, unresolvable } from "../plugin.ts";

const CONFLICT = "node(s) had no available volume zone";
/** Each key with the name it has now. */
const TOPOLOGY_KEYS: readonly (readonly [string, string])[] = [
  ["failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"],
  ["failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"],
  ["topology.kubernetes.io/zone", "topology.kubernetes.io/zone"],
  ["topology.kubernetes.io/region", "topology.kubernetes.io/region"],
];
/** Volumes that reach several zones name them all. */
const SEPARATOR = "__";

interface Topology {
  readonly key: string;
  readonly currentKey: string;
  readonly values: readonly string[];
}

export const volumeZone = plugin<readonly Topology[]>("VolumeZone", {
  applies: ({ pod }) => (pod.spec.volumes ?? []).some(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined),
  preFilter: ({ pod }, { storage }) =>
    claimKeysOf(pod).flatMap((claimKey) => {
      const claim = storage.claims.get(claimKey);
      const labels = claim === undefined || !isClaimBound(claim) ? {} : (storage.volumes.get(claim.spec.volumeName ?? "")?.metadata.labels ?? {});
      return TOPOLOGY_KEYS.flatMap(([key, currentKey]) => {
        const value = labels[key];
        return value === undefined ? [] : [{ key, currentKey, values: value.split(SEPARATOR) }];
      });
    }),
  filter: (_pod, { node }, topologies) => {
    if (topologies.length === 0 || node === undefined || !isInTopology(node)) return undefined;
    const labels = node.metadata.labels ?? {};
    const fits = topologies.every(({ key, currentKey, values }) => values.includes(labels[key] ?? labels[currentKey] ?? ""));
    return fits ? undefined : unresolvable(CONFLICT);
  },
  helps: ({ pod }, event) => {
    if (event.type === "nodeUpdated") return !sameValue(event.node.metadata.labels, event.old.metadata.labels);
    if (event.type === "claimChanged") return claimKeysOf(pod).includes(`${event.object.metadata.namespace}/${event.object.metadata.name}`);
    return event.type === "nodeAdded" || event.type === "volumeChanged" || event.type === "storageClassChanged";
  },
});

/** A node that says nothing of where it is takes every volume. */
function isInTopology({ metadata }: Node): boolean {
  return TOPOLOGY_KEYS.some(([key]) => metadata.labels?.[key] !== undefined);
}
