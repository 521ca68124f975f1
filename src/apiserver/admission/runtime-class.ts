// RuntimeClass (https://kubernetes.io/docs/concepts/containers/runtime-class/): a pod's class must be there; its overhead, node selector and
// tolerations become the pod's.
import { isStatus, pods, type RuntimeClass, runtimeClasses, sameAmounts, sameValue, type Toleration } from "../../api/index.ts";
import type { Client } from "../../client/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, objectOf } from "./denial.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";

const OTHER_OVERHEAD = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

export function runtimeClass({ objects, client }: { readonly objects: ObjectReader; readonly client: Client }): AdmissionPlugin {
  async function find(request: AdmissionRequest, name: string): Promise<RuntimeClass> {
    try {
      return objects.get(runtimeClasses, "", name) ?? (await client.get(runtimeClasses, { name }));
    } catch (error) {
      if (isStatus(error, "NotFound")) throw denied(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
      throw error;
    }
  }

  return {
    name: "RuntimeClass",
    async mutate(request) {
      const pod = request.operation === "CREATE" ? objectOf(request, pods) : undefined;
      if (pod?.spec.runtimeClassName === undefined) return;
      const { overhead, scheduling } = await find(request, pod.spec.runtimeClassName);
      if (overhead !== undefined) {
        if (Object.keys(pod.spec.overhead ?? {}).length > 0 && !sameAmounts(overhead.podFixed, pod.spec.overhead)) throw denied(request, OTHER_OVERHEAD);
        pod.spec.overhead = { ...overhead.podFixed };
      }
      if (scheduling === undefined) return;
      const selector = pod.spec.nodeSelector ?? {};
      for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
        if (selector[key] !== undefined && selector[key] !== value) {
          throw denied(request, `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${selector[key]}`);
        }
      }
      if (Object.keys(scheduling.nodeSelector ?? {}).length > 0) pod.spec.nodeSelector = { ...selector, ...scheduling.nodeSelector };
      pod.spec.tolerations = mergeTolerations(pod.spec.tolerations ?? [], scheduling.tolerations ?? []);
    },
    async validate(request) {
      const pod = request.operation === "CREATE" ? objectOf(request, pods) : undefined;
      if (pod === undefined) return;
      const { runtimeClassName, overhead } = pod.spec;
      const wanted = runtimeClassName === undefined ? undefined : (await find(request, runtimeClassName)).overhead;
      if (wanted !== undefined && !sameAmounts(wanted.podFixed, overhead)) throw denied(request, OTHER_OVERHEAD);
      if (wanted === undefined && overhead !== undefined) {
        throw denied(request, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
      }
    },
  };
}

/** Each toleration once. */
function mergeTolerations(own: readonly Toleration[], added: readonly Toleration[]): Toleration[] {
  return [...own, ...added.filter((toleration) => !own.some((known) => sameValue(known, toleration)))];
}
