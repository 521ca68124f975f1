// Which kernel parameters a pod may set: those that belong to its own namespaces and touch no other pod
// (https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls).
import type { Pod } from "../../api/index.ts";

type Namespace = "IPC" | "Net";

const SAFE: Readonly<Record<string, Namespace>> = {
  "kernel.shm_rmid_forced": "IPC",
  "net.ipv4.ip_local_port_range": "Net",
  "net.ipv4.ip_local_reserved_ports": "Net",
  "net.ipv4.ip_unprivileged_port_start": "Net",
  "net.ipv4.ping_group_range": "Net",
  "net.ipv4.tcp_fin_timeout": "Net",
  "net.ipv4.tcp_keepalive_intvl": "Net",
  "net.ipv4.tcp_keepalive_probes": "Net",
  "net.ipv4.tcp_keepalive_time": "Net",
  "net.ipv4.tcp_rmem": "Net",
  "net.ipv4.tcp_syncookies": "Net",
  "net.ipv4.tcp_wmem": "Net",
};

/** The name as /proc/sys separates it by dots: written with slashes, dots are part of an interface's name. */
export function sysctlName(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  return separator === "/" ? name.replace(/[./]/g, (character) => (character === "/" ? "." : "/")) : name;
}

/** Why the pod's parameters are refused, or nothing. */
export function forbiddenSysctl(pod: Pod): string | undefined {
  for (const { name } of pod.spec.securityContext?.sysctls ?? []) {
    const normal = sysctlName(name);
    const namespace = SAFE[normal];
    if (namespace === undefined) return `forbidden sysctl: "${normal}" not allowlisted`;
    const isShared = namespace === "IPC" ? pod.spec.hostIPC : pod.spec.hostNetwork;
    if (isShared === true) return `forbidden sysctl: "${normal}" not allowed with host ${namespace} enabled`;
  }
  return undefined;
}
