// PodTopologyLabels (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podtopologylabels): a pod carries the zone and
// region of its node as labels, through its binding or, when it is created bound, at once.
import { type Binding, nodes, pods } from "../../api/index.ts";
import type { Mutable } from "../../base/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { isAbout, objectOf } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

const LABELS = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

export function podTopologyLabels({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  return {
    name: "PodTopologyLabels",
    mutate(request) {
      if (request.operation !== "CREATE" || request.object === undefined) return;
      let node: string | undefined;
      if (isAbout(request, pods, "binding")) {
        const { target } = request.object as unknown as Mutable<Binding>;
        node = target?.kind === "Node" ? target.name : undefined;
      } else node = objectOf(request, pods)?.spec.nodeName;
      if (node === undefined || node === "") return;
      const known = objects.get(nodes, "", node)?.metadata.labels ?? {};
      const copied = Object.fromEntries(LABELS.flatMap((label) => (known[label] === undefined ? [] : [[label, known[label]]])));
      if (Object.keys(copied).length > 0) request.object.metadata = { ...request.object.metadata, labels: { ...request.object.metadata?.labels, ...copied } };
    },
  };
}
