// TaintNodesByCondition (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#taintnodesbycondition): a new node takes no
// pods before the node lifecycle controller has seen it ready.
import { nodes } from "../../api/index.ts";
import { objectOf } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

const NOT_READY = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

export const taintNodesByCondition: AdmissionPlugin = {
  name: "TaintNodesByCondition",
  mutate(request) {
    const node = request.operation === "CREATE" ? objectOf(request, nodes) : undefined;
    if (node === undefined) return;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect)) return;
    node.spec = { ...node.spec, taints: [...taints, { ...NOT_READY }] };
  },
};
