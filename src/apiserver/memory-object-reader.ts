// An `ObjectReader` over objects in memory, for tests of what reads through the port.
import type { Kind, KubeObject } from "../api/index.ts";
import type { ObjectListener, ObjectReader } from "./object-reader.ts";

export interface MemoryObjectReader extends ObjectReader {
  put<T extends KubeObject>(kind: Kind<T>, ...objects: readonly T[]): void;
  remove(kind: Kind, namespace: string, name: string): void;
}

export function createMemoryObjectReader(): MemoryObjectReader {
  const stored = new Map<Kind, Map<string, KubeObject>>();
  const listeners = new Map<Kind, Set<ObjectListener<KubeObject>>>();
  const of = (kind: Kind): Map<string, KubeObject> => {
    const objects = stored.get(kind) ?? new Map<string, KubeObject>();
    stored.set(kind, objects);
    return objects;
  };
  const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;
  const tell = (kind: Kind, object: KubeObject | undefined, old: KubeObject | undefined): void => {
    for (const listener of listeners.get(kind) ?? []) listener(object, old);
  };
  return {
    get: <T extends KubeObject>(kind: Kind<T>, namespace: string, name: string) => of(kind).get(keyOf(namespace, name)) as T | undefined,
    list: <T extends KubeObject>(kind: Kind<T>, namespace?: string) =>
      [...of(kind).values()].filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace) as unknown as readonly T[],
    subscribe<T extends KubeObject>(kind: Kind<T>, listener: ObjectListener<T>) {
      const known = listeners.get(kind) ?? new Set();
      listeners.set(kind, known.add(listener as ObjectListener<KubeObject>));
      for (const object of of(kind).values()) listener(object as T, undefined);
      return () => known.delete(listener as ObjectListener<KubeObject>);
    },
    put(kind, ...objects) {
      for (const object of objects) {
        const key = keyOf(object.metadata.namespace ?? "", object.metadata.name);
        const old = of(kind).get(key);
        of(kind).set(key, object);
        tell(kind, object, old);
      }
    },
    remove(kind, namespace, name) {
      const old = of(kind).get(keyOf(namespace, name));
      of(kind).delete(keyOf(namespace, name));
      if (old !== undefined) tell(kind, undefined, old);
    },
  };
}
