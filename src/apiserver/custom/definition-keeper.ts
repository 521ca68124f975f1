// Sees to custom resource definitions: accepts their names and establishes them, and when one is deleted, deletes its objects before it lets
// it go. One definition at a time, so that of two that want the same name one gets it.
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
  DEFINITION_FINALIZER,
  isDefinitionCondition,
  isStatus,
  type Kind,
  kindsOfDefinition,
  sameValue,
  statusOfDefinition,
  withCondition,
} from "../../api/index.ts";
import { type Env, formatTime, type Timer } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { Registry } from "../storage/registry.ts";
import type { UserInfo } from "../user.ts";

export interface DefinitionKeeperOptions {
  readonly objects: ObjectReader;
  readonly client: Client;
  /** Where the objects are that a definition leaves behind, whether they are still served or not. */
  readonly registry: Pick<Registry, "reader" | "deleter">;
  readonly user: UserInfo;
}

const RETRY_AFTER_MS = 1000;

/** Returns the way to stop it. */
export function keepDefinitions(env: Env, options: DefinitionKeeperOptions): () => void {
  const keeper = new DefinitionKeeper(env, options);
  const unsubscribe = options.objects.subscribe(customResourceDefinitions, (definition, old) => keeper.changed(definition, old));
  return () => {
    unsubscribe();
    keeper.stop();
  };
}

class DefinitionKeeper {
  readonly #waiting = new Set<string>();
  readonly #timers = new Map<string, Timer>();
  #working = false;
  #stopped = false;

  constructor(
    private readonly env: Env,
    private readonly options: DefinitionKeeperOptions,
  ) {}

  changed(definition: CustomResourceDefinition | undefined, old: CustomResourceDefinition | undefined): void {
    if (definition !== undefined) this.#add(definition.metadata.name);
    // Names may have become free for others of the group.
    if (sameValue(definition?.status?.acceptedNames, old?.status?.acceptedNames)) return;
    const group = (definition ?? old)?.spec.group;
    for (const other of this.options.objects.list(customResourceDefinitions)) {
      if (other.spec.group === group && !isDefinitionCondition(other, "NamesAccepted")) this.#add(other.metadata.name);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #add(name: string): void {
    if (this.#stopped) return;
    this.#waiting.add(name);
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (const name of this.#waiting) {
      this.#waiting.delete(name);
      try {
        await this.#keep(name);
      } catch (error) {
        if (this.#stopped) break;
        // Somebody was faster: his change brings us here again.
        if (isStatus(error, "Conflict") || isStatus(error, "NotFound")) continue;
        this.env.log.warn("a custom resource definition could not be looked after", { name, error: String(error) });
        this.#addLater(name);
      }
    }
    this.#working = false;
  }

  #addLater(name: string): void {
    this.#timers.get(name)?.cancel();
    const timer = this.env.clock.setTimeout(() => {
      this.#timers.delete(name);
      this.#add(name);
    }, RETRY_AFTER_MS);
    this.#timers.set(name, timer);
  }

  async #keep(name: string): Promise<void> {
    const { objects, client } = this.options;
    const definition = objects.get(customResourceDefinitions, "", name);
    if (definition === undefined) return;
    if (definition.metadata.deletionTimestamp !== undefined) {
      if (definition.metadata.finalizers?.includes(DEFINITION_FINALIZER)) await this.#finalize(definition);
      return;
    }
    const others = objects.list(customResourceDefinitions).filter((other) => other.metadata.name !== name);
    const status = statusOfDefinition(definition, others, formatTime(this.env.clock.now()));
    if (!sameValue(status, definition.status)) await client.update(customResourceDefinitions, { ...definition, status }, { subresource: "status" });
  }

  async #finalize(definition: CustomResourceDefinition): Promise<void> {
    const kind = isDefinitionCondition(definition, "Established") ? anyKindOf(definition) : undefined;
    if (kind !== undefined && !(await this.#deleteObjects(kind))) {
      this.#addLater(definition.metadata.name);
      return;
    }
    const { client } = this.options;
    const condition = { type: "Terminating", status: "False", reason: "InstanceDeletionCompleted", message: "removed all instances" };
    const conditions = withCondition(definition.status?.conditions ?? [], condition, formatTime(this.env.clock.now()));
    const status = { ...definition.status, conditions };
    const marked = await client.update(customResourceDefinitions, { ...definition, status }, { subresource: "status" });
    const finalizers = (marked.metadata.finalizers ?? []).filter((finalizer) => finalizer !== DEFINITION_FINALIZER);
    await client.update(customResourceDefinitions, { ...marked, metadata: { ...marked.metadata, finalizers } });
  }

  /** False while finalizers of their own hold some. */
  async #deleteObjects(kind: Kind): Promise<boolean> {
    const { registry, user } = this.options;
    await registry.deleter.deleteCollection(kind, {}, {}, { user, dryRun: false, warnings: [] });
    return (await registry.reader.list(kind, { limit: 1 })).items.length === 0;
  }
}

/** Also of a definition none of whose versions is served. */
function anyKindOf(definition: CustomResourceDefinition): Kind | undefined {
  const versions = definition.spec.versions.map((version) => ({ ...version, served: version.storage }));
  return kindsOfDefinition({ ...definition, spec: { ...definition.spec, versions } })[0];
}
