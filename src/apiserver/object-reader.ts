// The port through which authentication, authorization and admission read what the server already holds in its watch
// caches: synchronously, without asking the store. Objects handed out are shared and never to be changed.
//
// Invariant: a reader is never ahead of the store, and may be a moment behind it; who must not be wrong about an absence
// asks the `Client`.
import type { Kind, KubeObject } from "../api/index.ts";

/** `object` is what is there now (undefined after a deletion), `old` what was (undefined for a creation). */
export type ObjectListener<T> = (object: T | undefined, old: T | undefined) => void;

export interface ObjectReader {
  /** `namespace` is "" for cluster-scoped kinds. */
  get<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): T | undefined;
  /** All objects of `kind`, or those of one namespace. */
  list<T extends KubeObject>(kind: Kind<T>, namespace?: string): readonly T[];
  /** Calls `listener` for each object there is, then for each change in order. Returns the way to stop it. */
  subscribe<T extends KubeObject>(kind: Kind<T>, listener: ObjectListener<T>): () => void;
}
