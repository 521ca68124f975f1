// The paths of the kubelet's HTTP API and the permission that each needs
// (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/). Pure.
import type { ContainerTarget } from "../kubelet-api.ts";

export type KubeletRoute =
  | { readonly type: "healthz" | "configz" | "pods" | "runningPods" | "metrics" | "resourceMetrics" | "cadvisorMetrics" | "statsSummary" }
  | { readonly type: "containerLogs" | "exec" | "attach" | "run"; readonly target: ContainerTarget }
  | { readonly type: "portForward"; readonly target: Omit<ContainerTarget, "container"> }
  /** Not upstream's: docs/decisions/0008-node-directories-as-volumes.md. */
  | { readonly type: "volumeDirectory"; readonly name: string };

/** What a caller must be allowed: `verb` on any one of these subresources of the node. */
export interface NodePermission {
  readonly verb: string;
  readonly subresources: readonly string[];
}

const fixedPaths: ReadonlyMap<
  string,
  KubeletRoute["type"] & ("healthz" | "configz" | "pods" | "runningPods" | "metrics" | "resourceMetrics" | "cadvisorMetrics" | "statsSummary")
> = new Map([
  ["/healthz", "healthz"],
  ["/configz", "configz"],
  ["/pods", "pods"],
  ["/runningpods", "runningPods"],
  ["/metrics", "metrics"],
  ["/metrics/resource", "resourceMetrics"],
  ["/metrics/cadvisor", "cadvisorMetrics"],
  ["/stats/summary", "statsSummary"],
] as const);

const containerPaths: ReadonlyMap<string, "containerLogs" | "exec" | "attach" | "run"> = new Map([
  ["containerLogs", "containerLogs"],
  ["exec", "exec"],
  ["attach", "attach"],
  ["run", "run"],
] as const);

/** undefined when the kubelet has no such path. `path` is percent-encoded. */
export function kubeletRoute(path: string): KubeletRoute | undefined {
  const trimmed = path.length > 1 ? path.replace(/\/$/, "") : path;
  const fixed = fixedPaths.get(trimmed);
  if (fixed !== undefined) return { type: fixed };
  const [first = "", namespace, pod, ...rest] = trimmed.slice(1).split("/").map(decodeURIComponent);
  if (first === "volumeDirectories" && namespace !== undefined && pod === undefined) return { type: "volumeDirectory", name: namespace };
  if (namespace === undefined || pod === undefined) return undefined;
  if (first === "portForward" && rest.length <= 1) return { type: "portForward", target: { namespace, pod, podUid: rest[0] } };
  const type = containerPaths.get(first);
  if (type === undefined) return undefined;
  const [container, ...more] = rest.toReversed();
  const [podUid, ...tooMany] = more;
  // Logs have no path with a UID.
  if (container === undefined || tooMany.length > 0 || (type === "containerLogs" && podUid !== undefined)) return undefined;
  return { type, target: { namespace, pod, podUid, container } };
}

const verbs: Readonly<Record<string, string>> = { POST: "create", GET: "get", HEAD: "get", PUT: "update", PATCH: "patch", DELETE: "delete" };

/** Fine-grained subresources first (KEP-2862), `proxy` as the one that allows everything. */
export function permissionFor(method: string, path: string): NodePermission {
  const verb = verbs[method] ?? method.toLowerCase();
  const under = (prefix: string) => path === prefix || path.startsWith(`${prefix}/`);
  if (under("/stats")) return { verb, subresources: ["stats"] };
  if (under("/metrics")) return { verb, subresources: ["metrics"] };
  if (under("/healthz")) return { verb, subresources: ["healthz", "proxy"] };
  if (under("/configz")) return { verb, subresources: ["configz", "proxy"] };
  if (under("/pods") || under("/runningpods")) return { verb, subresources: ["pods", "proxy"] };
  return { verb, subresources: ["proxy"] };
}
