// All operations on stored objects, for those who serve them: the handlers of HTTP requests and the in-process client.
import type { Env } from "../../base/index.ts";
import type { Store } from "../../store/index.ts";
import type { AdmissionChain } from "../admission/chain.ts";
import type { Resources } from "../cache/resource.ts";
import { Deleter } from "./deleter.ts";
import { EventLeases } from "./event-leases.ts";
import { ObjectStore } from "./object-store.ts";
import { Reader } from "./reader.ts";
import { Watches } from "./watcher.ts";
import type { WriteHooks } from "./write-context.ts";
import { Writer } from "./writer.ts";

export interface RegistryOptions {
  readonly store: Store;
  readonly resources: Resources;
  readonly admission: Pick<AdmissionChain, "mutate" | "validate">;
  readonly hooks: WriteHooks;
}

export class Registry {
  readonly reader: Reader;
  readonly watches: Watches;
  readonly writer: Writer;
  readonly deleter: Deleter;

  constructor(env: Env, { store, resources, admission, hooks }: RegistryOptions) {
    const objects = new ObjectStore(store);
    this.reader = new Reader(objects, resources);
    this.watches = new Watches(store, objects, resources);
    this.writer = new Writer(env, { objects, resources, admission, hooks, leases: new EventLeases(env, store) });
    this.deleter = new Deleter(env, { objects, resources, reader: this.reader, admission, hooks });
  }
}
