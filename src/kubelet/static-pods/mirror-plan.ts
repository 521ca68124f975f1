// What to do so that the API shows each static pod of this node, and no other. Pure.
import type { Node, Pod } from "../../api/index.ts";
import { CONFIG_HASH, CONFIG_MIRROR } from "./static-pod.ts";

export interface MirrorView {
  /** By `namespace/name`, as the other two. */
  readonly statics: ReadonlyMap<string, Pod>;
  /** Mirror pods of this node in the API. */
  readonly mirrors: ReadonlyMap<string, Pod>;
  /** Names whose former static pod still has something running. */
  readonly ending: ReadonlySet<string>;
  /** A mirror belongs to its node; without the node there is none. */
  readonly node: Node | undefined;
}

export interface MirrorPlan {
  readonly create: readonly Pod[];
  readonly delete: readonly Pod[];
}

export function planMirrors({ statics, mirrors, ending, node }: MirrorView): MirrorPlan {
  const stale = [...mirrors].filter(([name, mirror]) => {
    const shown = statics.get(name);
    if (shown === undefined) return !ending.has(name);
    return mirror.metadata.deletionTimestamp !== undefined || !isMirrorOf(mirror, shown);
  });
  const create = node === undefined || node.metadata.deletionTimestamp !== undefined ? [] : [...statics].filter(([name]) => !mirrors.has(name));
  return {
    delete: stale.map(([, mirror]) => mirror),
    create: create.map(([, pod]) => mirrorOf(pod, node as Node)),
  };
}

export function isMirrorOf(mirror: Pod, pod: Pod): boolean {
  const { annotations: shown } = mirror.metadata;
  return shown?.[CONFIG_MIRROR] === pod.metadata.annotations?.[CONFIG_HASH] && mirror.spec.nodeName === pod.spec.nodeName;
}

export function mirrorOf(pod: Pod, node: Node): Pod {
  const { uid: hash = "", ...metadata } = pod.metadata;
  const owner = { apiVersion: "v1", kind: "Node", name: node.metadata.name, uid: node.metadata.uid ?? "", controller: true };
  const { status: _status, ...rest } = pod;
  return { ...rest, metadata: { ...metadata, annotations: { ...metadata.annotations, [CONFIG_MIRROR]: hash }, ownerReferences: [owner] } };
}
