// One informer per kind and selection for all who ask: components that share a factory share its caches.
import type { Kind, KubeObject } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import type { Client } from "./client.ts";
import { createInformer, type Informer, type InformerSelection } from "./informer.ts";

export interface InformerFactory {
  /** The shared informer; it runs as soon as the factory does. Callers remove their handlers when they stop, not the informer. */
  informer<T extends KubeObject>(kind: Kind<T>, selection?: InformerSelection): Informer<T>;
  /** Starts the informers asked for so far; later ones start when asked for. */
  start(): void;
  /** Resolves when all informers asked for so far have synced. */
  synced(): Promise<void>;
  /** Stops the informer of a kind that is no longer served. */
  release(kind: Kind, selection?: InformerSelection): void;
  stop(): void;
}

export function createInformerFactory(env: Env, client: Client): InformerFactory {
  const informers = new Map<string, Informer<KubeObject>>();
  let state: "new" | "running" | "stopped" = "new";
  return {
    informer: <T extends KubeObject>(kind: Kind<T>, selection: InformerSelection = {}): Informer<T> => {
      const key = informerKey(kind, selection);
      const known = informers.get(key);
      if (known !== undefined) return known as Informer<KubeObject> as Informer<T>;
      const created = createInformer(env, client, kind, selection);
      informers.set(key, created as Informer<KubeObject>);
      if (state === "running") created.start();
      return created;
    },
    start: () => {
      if (state !== "new") return;
      state = "running";
      for (const informer of informers.values()) informer.start();
    },
    synced: async () => {
      await Promise.all([...informers.values()].map((informer) => informer.synced()));
    },
    release: (kind, selection = {}) => {
      const key = informerKey(kind, selection);
      informers.get(key)?.stop();
      informers.delete(key);
    },
    stop: () => {
      state = "stopped";
      for (const informer of informers.values()) informer.stop();
    },
  };
}

function informerKey(kind: { apiVersion: string; resource: string }, selection: InformerSelection): string {
  return [kind.apiVersion, kind.resource, selection.namespace ?? "", selection.labelSelector ?? "", selection.fieldSelector ?? ""].join("|");
}
