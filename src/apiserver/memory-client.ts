// A `Client` that reads out of a `MemoryObjectReader` and refuses all else: for tests of what looks things up.
import { type Kind, type KubeObject, notFoundError } from "../api/index.ts";
import type { Client, ObjectName } from "../client/index.ts";
import type { MemoryObjectReader } from "./memory-object-reader.ts";

export function createMemoryClient(objects: MemoryObjectReader): Client {
  const refuse = (): never => {
    throw new Error("not part of this client");
  };
  return {
    async get<T extends KubeObject>(kind: Kind<T>, { namespace = "", name }: ObjectName): Promise<T> {
      const object = objects.get(kind, namespace, name);
      if (object === undefined) throw notFoundError(kind, name);
      return object;
    },
    async list<T extends KubeObject>(kind: Kind<T>, { namespace }: { readonly namespace?: string } = {}) {
      return { items: objects.list(kind, namespace), resourceVersion: "1" };
    },
    async create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
      objects.put(kind, object);
      return object;
    },
    async update<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
      objects.put(kind, object);
      return object;
    },
    async delete(kind, { namespace = "", name }) {
      objects.remove(kind as unknown as Kind, namespace, name);
    },
    watch: refuse,
    createSubresource: refuse,
    patch: refuse,
    deleteCollection: refuse,
  };
}
