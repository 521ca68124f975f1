// DynamicResources: devices that pods get by ResourceClaims (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/).
// Allocating devices is not built: a pod that asks for them waits and is told so, instead of running without them.
import type { Pod } from "../../api/index.ts";
import { PreFilterVerdict, plugin, unresolvable } from "../plugin.ts";

const NOT_BUILT = "the pod has resource claims, and this scheduler does not allocate devices (dynamic resource allocation)";

function hasClaims({ spec }: Pod): boolean {
  return (spec.resourceClaims ?? []).length > 0;
}

export const dynamicResources = plugin("DynamicResources", {
  preFilter: ({ pod }) => (hasClaims(pod) ? PreFilterVerdict.reject(unresolvable(NOT_BUILT)) : PreFilterVerdict.skip),
  // No claim has ever been allocated that could be taken back for another pod.
  postFilter: () => ({ helps: false, message: "no new claims to deallocate", nominationStands: true }),
  helpedBy: [],
});
