// What every Kubernetes object has in common.
import type { LabelSelector, ObjectMeta } from "./generated/types.ts";

/** Any object with metadata, built-in or custom. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** An object of a kind that is not known at compile time. */
export interface UnstructuredObject extends KubeObject {
  readonly [field: string]: unknown;
}

export type { LabelSelector, ObjectMeta };

/** `namespace/name`, or the bare name of a cluster-scoped object: the key of caches and queues. */
export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** The order in which a default is chosen among several: the youngest, then by name. */
export function youngestFirst(one: KubeObject, other: KubeObject): number {
  const [createdOne, createdOther] = [one.metadata.creationTimestamp ?? "", other.metadata.creationTimestamp ?? ""];
  if (createdOne !== createdOther) return createdOne > createdOther ? -1 : 1;
  return one.metadata.name < other.metadata.name ? -1 : 1;
}
