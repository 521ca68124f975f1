// One stored resource: where its objects lie, and its watch cache. Kinds that are two views of one stored kind share it.

import type { Kind, KubeObject } from "../../api/index.ts";
import type { Env, Labels } from "../../base/index.ts";
import type { Key, Store } from "../../store/index.ts";
import { objectKeyIn, resourcePrefix } from "../storage/keys.ts";
import type { ObjectRevision } from "../storage/object-revision.ts";
import { WatchCache } from "./watch-cache.ts";

export class Resource {
  constructor(
    /** The kind whose form is stored. */
    readonly kind: Kind,
    readonly prefix: Key,
    readonly cache: WatchCache,
  ) {}

  key(namespace: string, name: string): Key {
    return objectKeyIn(this.prefix, this.kind.namespaced ? namespace : "", name);
  }
}

/** All stored resources, each made when it is first asked for. */
export class Resources {
  readonly #byPrefix = new Map<Key, Resource>();
  readonly #byKind = new WeakMap<Kind, Resource>();
  readonly #endCounting: () => void;

  constructor(
    private readonly env: Env,
    private readonly store: Store,
  ) {
    const help = "Number of stored objects, of each resource that somebody has looked at.";
    this.#endCounting = env.metrics.observed({ name: "apiserver_resource_objects", type: "gauge", help }, () => this.#counts());
  }

  *#counts(): Generator<readonly [number, Labels]> {
    for (const { kind, cache } of this.#byPrefix.values()) if (cache.isStarted) yield [cache.size, { group: kind.group, resource: kind.resource }];
  }

  of(kind: Kind): Resource {
    const known = this.#byKind.get(kind);
    if (known !== undefined) return known;
    const stored = storedKind(kind);
    const prefix = resourcePrefix(stored);
    const before = this.#byPrefix.get(prefix);
    // A definition that was changed gives its objects another form, but they are the same objects.
    const resource = before?.kind === stored ? before : new Resource(stored, prefix, before?.cache ?? new WatchCache(this.env, this.store, stored, prefix));
    this.#byPrefix.set(prefix, resource);
    this.#byKind.set(kind, resource);
    return resource;
  }

  /** The kind has another form from now on: its watchers begin anew. */
  endWatches(kind: Kind): void {
    this.#byPrefix.get(resourcePrefix(kind))?.cache.endWatches();
  }

  /** The kind is no more. */
  release(kind: Kind): void {
    const prefix = resourcePrefix(kind);
    this.#byPrefix.get(prefix)?.cache.stop(undefined);
    this.#byPrefix.delete(prefix);
  }

  stop(): void {
    this.#endCounting();
    for (const resource of this.#byPrefix.values()) resource.cache.stop();
  }
}

/** The kind in whose form objects of `kind` are stored. */
export function storedKind(kind: Kind): Kind {
  return kind.declaration.storedAs?.kind() ?? kind;
}

/** The stored object as `kind` shows it. */
export function viewOf<T extends KubeObject>(kind: Kind<T>, revision: ObjectRevision): T {
  const { storedAs } = kind.declaration;
  return storedAs === undefined ? (revision.object as T) : revision.convertedBy(kind, (stored) => storedAs.fromStored(stored));
}
