// NodeDeclaredFeatures: a pod that needs what not every kubelet can do goes where it is declared, in the node's `status.declaredFeatures`
// (https://kubernetes.io/docs/concepts/scheduling-eviction/node-declared-features/).
import type { Pod } from "../../api/index.ts";
import type { NodeInfo } from "../node-info.ts";
import { type ClusterEvent, PreFilterVerdict, plugin, unresolvable } from "../plugin.ts";

/** Which pods need what. */
const NEEDS: readonly (readonly [feature: string, isNeeded: (pod: Pod) => boolean])[] = [
  [
    "RestartAllContainersOnContainerExits",
    ({ spec }) =>
      [...spec.containers, ...(spec.initContainers ?? [])].some(({ restartPolicyRules = [] }) =>
        restartPolicyRules.some(({ action }) => action === "RestartAllContainers"),
      ),
  ],
  ["UserNamespacesHostNetworkSupport", ({ spec }) => spec.hostNetwork === true && spec.hostUsers === false],
];

function neededFeatures(pod: Pod): readonly string[] {
  return NEEDS.filter(([, isNeeded]) => isNeeded(pod)).map(([feature]) => feature);
}

function hasChanged(event: ClusterEvent): boolean {
  if (event.type !== "nodeUpdated") return event.type === "nodeAdded";
  const declared = event.node.status?.declaredFeatures ?? [];
  const before = event.old.status?.declaredFeatures ?? [];
  return declared.length !== before.length || declared.some((feature, index) => feature !== before[index]);
}

export const nodeDeclaredFeatures = plugin<readonly string[]>("NodeDeclaredFeatures", {
  preFilter: ({ pod }) => {
    const needed = neededFeatures(pod);
    return needed.length === 0 ? PreFilterVerdict.skip : needed;
  },
  filter: (_pod, { declaredFeatures }: NodeInfo, needed) =>
    needed.every((feature) => declaredFeatures.has(feature)) ? undefined : unresolvable("node(s) didn't match Pod's required features"),
  helpedBy: ["nodeAdded", "nodeUpdated"],
  helps: (_pod, event) => hasChanged(event),
});
