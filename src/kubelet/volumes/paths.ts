// Where a pod's files lie below the kubelet's root.
import type { KubeletHost } from "../host.ts";

export function podsDirectory(host: KubeletHost): string {
  return `${host.rootDirectory}/pods`;
}
export function podDirectory(host: KubeletHost, uid: string): string {
  return `${podsDirectory(host)}/${uid}`;
}
export function volumeDirectory(host: KubeletHost, uid: string, typeDirectory: string, name: string): string {
  return `${podDirectory(host, uid)}/volumes/kubernetes.io~${typeDirectory}/${name}`;
}
/** A file system in memory for all pods: one for each volume would cost a process at its start and one at its end. */
export function memoryDirectory(host: KubeletHost): string {
  return `${host.rootDirectory}/memory`;
}
export function podMemoryDirectory(host: KubeletHost, uid: string): string {
  return `${memoryDirectory(host)}/${uid}`;
}
