// Host ports of pods: what they claim in the ruleset. A port is one of (address, port, protocol); without an address it is
// one of every address of the node, loopback included (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#ports).
import { isPodTerminal, type Pod, podHostPorts } from "../api/index.ts";
import { type Family, familyOf } from "./family.ts";
import { element, type ServicePlan, type UdpFrontend } from "./plan.ts";

/** Any address of the node, of either family. */
const UNSPECIFIED = new Set(["0.0.0.0", "::"]);

/** Nothing for pods in the node's own network, without an address yet, or that ended. */
export function planHostPorts(pod: Pod, family: Family): ServicePlan {
  const claims = new Map<string, string>();
  const udp: UdpFrontend[] = [];
  const podIp = pod.status?.podIPs?.map(({ ip = "" }) => ip).find((ip) => ip !== "" && familyOf(ip) === family);
  if (podIp === undefined || !hasOwnHostPorts(pod)) return { claims, udp };
  for (const { hostIP, port, protocol, containerPort } of podHostPorts(pod)) {
    const isAny = UNSPECIFIED.has(hostIP);
    if (!isAny && familyOf(hostIP) !== family) continue;
    const key = `${protocol.toLowerCase()} . ${port}`;
    claims.set(isAny ? element("any-host-ports", key) : element("host-ports", `${hostIP} . ${key}`), `${podIp} . ${containerPort}`);
    claims.set(element("hairpin", `${podIp} . ${podIp}`), "");
    if (protocol === "UDP") udp.push({ key: `${isAny ? "" : hostIP}:${port}`, backends: [`${podIp}:${containerPort}`] });
  }
  return { claims, udp };
}

/** Has host ports that the proxy opens: a pod in the node's own network listens on them itself. */
export function hasOwnHostPorts(pod: Pod): boolean {
  return pod.spec.hostNetwork !== true && !isPodTerminal(pod) && podHostPorts(pod).length > 0;
}
