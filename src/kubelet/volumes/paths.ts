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
