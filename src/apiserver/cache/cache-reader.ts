// The synchronous view of the watch caches that authentication, authorization and admission read (object-reader.ts).

import type { Kind, KubeObject } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { ObjectListener, ObjectReader } from "../object-reader.ts";
import type { CacheEvent } from "./event-ring.ts";
import { type Resource, type Resources, viewOf } from "./resource.ts";

export class CacheReader implements ObjectReader {
  constructor(
    private readonly env: Env,
    private readonly resources: Resources,
  ) {}

  get<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): T | undefined {
    const resource = this.#started(kind);
    const found = resource.cache.get(resource.key(namespace, name));
    return found === undefined ? undefined : viewOf(kind, found);
  }

  list<T extends KubeObject>(kind: Kind<T>, namespace = ""): readonly T[] {
    const resource = this.#started(kind);
    const prefix = namespace === "" ? resource.prefix : `${resource.prefix}${namespace}/`;
    return resource.cache.withPrefix(prefix).map((revision) => viewOf(kind, revision));
  }

  subscribe<T extends KubeObject>(kind: Kind<T>, listener: ObjectListener<T>): () => void {
    const resource = this.resources.of(kind);
    const state = { stopped: false, cancel: (): void => undefined };
    const listen = (): void => {
      if (state.stopped) return;
      for (const revision of resource.cache.withPrefix(resource.prefix)) listener(viewOf(kind, revision), undefined);
      const subscription = resource.cache.subscribe(
        { by: "everything" },
        { event: (event: CacheEvent) => listener(...changeOf(kind, event)), progress: () => undefined, closed: () => subscription.cancel() },
      );
      state.cancel = () => subscription.cancel();
    };
    if (resource.cache.isStarted) listen();
    else this.#start(resource, listen);
    return () => {
      state.stopped = true;
      state.cancel();
    };
  }

  #started(kind: Kind): Resource {
    const resource = this.resources.of(kind);
    if (!resource.cache.isStarted) this.#start(resource, () => undefined);
    return resource;
  }

  #start(resource: Resource, then: () => void): void {
    resource.cache
      .start()
      .then(then, (error: unknown) => this.env.log.error("a watch cache does not start", { prefix: resource.prefix, error: String(error) }));
  }
}

function changeOf<T extends KubeObject>(kind: Kind<T>, { current, previous }: CacheEvent): [T | undefined, T | undefined] {
  return [current === undefined ? undefined : viewOf(kind, current), previous === undefined ? undefined : viewOf(kind, previous)];
}
