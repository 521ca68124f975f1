// PodResizeValidator (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/): a bound pod can't be resized to more than its
// node could ever give, nor on a node that is no Linux.
import { type Node, nodes, type Pod, podRequests, pods } from "../../api/index.ts";
import { parseQuantity, type Quantity } from "../../base/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, objectOf, oldObjectOf } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

export function podResizeValidator({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  return {
    name: "PodResizeValidator",
    validate(request) {
      const pod = objectOf(request, pods, "resize") as Pod | undefined;
      const old = oldObjectOf(request, pods, "resize");
      const { nodeName = "" } = pod?.spec ?? {};
      if (request.operation !== "UPDATE" || pod === undefined || nodeName === "") return;
      if (JSON.stringify(pod.spec) === JSON.stringify(old?.spec)) return;
      const node = objects.get(nodes, "", nodeName);
      if (node === undefined) throw denied(request, `node ${JSON.stringify(nodeName)} not found`);
      const system = node.metadata.labels?.["kubernetes.io/os"] ?? "linux";
      if (system !== "linux") {
        const why = `pod resize is only supported on linux nodes, node ${JSON.stringify(nodeName)} is ${JSON.stringify(system)}`;
        throw denied(request, why, [{ reason: "UnsupportedPlatform" }]);
      }
      const shortages = resourceShortages(pod, node);
      if (shortages.length === 0) return;
      throw denied(request, `node didn't have enough allocatable resources: ${shortages.join("; ")}`, [{ reason: "NodeCapacity" }]);
    },
  };
}

function resourceShortages(pod: Pod, node: Node): string[] {
  const requests = podRequests(pod);
  return (["cpu", "memory"] as const).flatMap((name) => {
    const requested = requests.get(name);
    const allocatable = parseQuantity(node.status?.allocatable?.[name] ?? "0");
    if (requested === undefined || requested.compare(allocatable) <= 0) return [];
    const inUnits = (quantity: Quantity): number => (name === "cpu" ? quantity.milliValue() : quantity.value());
    return [`${name}, requested: ${inUnits(requested)}, allocatable: ${inUnits(allocatable)}`];
  });
}
