// Labels that a kubelet may put on its own Node: any outside kubernetes.io and k8s.io, and a fixed set within; none under
// `node-restriction.kubernetes.io/`, which are for administrators to keep workloads off
// (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction).

type LabelMap = Readonly<Record<string, string>> | undefined;

const KUBELET_LABELS = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
]);
const KUBELET_NAMESPACES = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const RESTRICTED_NAMESPACE = "node-restriction.kubernetes.io";
const SYSTEM_NAMESPACES = ["kubernetes.io", "k8s.io"];

function isWithin(namespace: string, parent: string): boolean {
  return namespace === parent || namespace.endsWith(`.${parent}`);
}

export function mayKubeletSet(label: string): boolean {
  const slash = label.indexOf("/");
  const namespace = slash === -1 ? "" : label.slice(0, slash);
  if (isWithin(namespace, RESTRICTED_NAMESPACE)) return false;
  if (!SYSTEM_NAMESPACES.some((parent) => isWithin(namespace, parent))) return true;
  return KUBELET_LABELS.has(label) || KUBELET_NAMESPACES.some((parent) => isWithin(namespace, parent));
}

/** The labels that differ and may not, in alphabetical order. */
export function forbiddenNodeLabels(labels: LabelMap, oldLabels: LabelMap): string[] {
  const all = new Set([...Object.keys(labels ?? {}), ...Object.keys(oldLabels ?? {})]);
  return [...all].filter((label) => labels?.[label] !== oldLabels?.[label] && !mayKubeletSet(label)).sort();
}
