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
  // By the kind itself: a custom kind whose definition changed is another kind of the same name.
  const informers = new Map<Kind, Map<string, Informer<KubeObject>>>();
  const all = (): Informer<KubeObject>[] => [...informers.values()].flatMap((bySelection) => [...bySelection.values()]);
  let state: "new" | "running" | "stopped" = "new";
  return {
    informer: <T extends KubeObject>(kind: Kind<T>, selection: InformerSelection = {}): Informer<T> => {
      const bySelection = informers.get(kind as Kind) ?? new Map<string, Informer<KubeObject>>();
      informers.set(kind as Kind, bySelection);
      const key = selectionKey(selection);
      const known = bySelection.get(key);
      if (known !== undefined) return known as Informer<KubeObject> as Informer<T>;
      const created = createInformer(env, client, kind, selection);
      bySelection.set(key, created as Informer<KubeObject>);
      if (state === "running") created.start();
      return created;
    },
    start: () => {
      if (state !== "new") return;
      state = "running";
      for (const informer of all()) informer.start();
    },
    synced: async () => {
      await Promise.all(all().map((informer) => informer.synced()));
    },
    release: (kind, selection = {}) => {
      const bySelection = informers.get(kind);
      bySelection?.get(selectionKey(selection))?.stop();
      bySelection?.delete(selectionKey(selection));
      if (bySelection?.size === 0) informers.delete(kind);
    },
    stop: () => {
      state = "stopped";
      for (const informer of all()) informer.stop();
    },
  };
}

function selectionKey({ namespace = "", labelSelector = "", fieldSelector = "" }: InformerSelection): string {
  return [namespace, labelSelector, fieldSelector].join("|");
}
