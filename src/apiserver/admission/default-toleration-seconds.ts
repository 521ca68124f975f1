// DefaultTolerationSeconds (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions): a pod stays
// 300 s on a node that is not ready or unreachable, unless it says otherwise.
import { pods } from "../../api/index.ts";
import { objectOf } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

const TAINTS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const SECONDS = 300;

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: "DefaultTolerationSeconds",
  mutate(request) {
    const pod = objectOf(request, pods);
    if (pod === undefined || (request.operation !== "CREATE" && request.operation !== "UPDATE")) return;
    const tolerations = pod.spec.tolerations ?? [];
    const missing = TAINTS.filter((taint) => !tolerations.some(({ key, effect }) => (key || taint) === taint && (effect || "NoExecute") === "NoExecute"));
    if (missing.length === 0) return;
    const added = missing.map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: SECONDS }));
    pod.spec.tolerations = [...tolerations, ...added];
  },
};
