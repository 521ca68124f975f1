// Deletion of one object, and of all that a selection holds.

import {
  type DeleteOptions,
  forbiddenError,
  invalidError,
  isStatus,
  type Kind,
  type KubeObject,
  modifiedError,
  notFoundError,
  validateDeleteOptions,
} from "../../api/index.ts";
import { type Env, mutableCopy } from "../../base/index.ts";
import type { AdmissionChain } from "../admission/chain.ts";
import { type Resources, viewOf } from "../cache/resource.ts";
import { checkDeletePreconditions, deletionWarnings, planDeletion } from "./deletion.ts";
import { encodeForStorage, ObjectRevision } from "./object-revision.ts";
import type { ObjectStore } from "./object-store.ts";
import type { ListQuery, Reader } from "./reader.ts";
import { addWarnings, type WriteHooks, type WriteRequestContext } from "./write-context.ts";

export interface DeleterOptions {
  readonly objects: ObjectStore;
  readonly resources: Resources;
  readonly reader: Reader;
  readonly admission: Pick<AdmissionChain, "mutate" | "validate">;
  readonly hooks: WriteHooks;
}

export interface Deleted {
  /** The object as it was last, or as it now waits for its end. */
  readonly revision: ObjectRevision;
  /** False while a grace or a finalizer holds it. */
  readonly gone: boolean;
}

type Attempt = Deleted | { readonly gone?: undefined /** Somebody was faster. */; readonly current: ObjectRevision | undefined };

const DELETE_ATTEMPTS = 100;
const COLLECTION_PAGE = 500;
const COLLECTION_WORKERS = 8;

export class Deleter {
  constructor(
    private readonly env: Env,
    private readonly options: DeleterOptions,
  ) {}

  async delete(kind: Kind, namespace: string, name: string, options: Partial<DeleteOptions>, context: WriteRequestContext): Promise<Deleted> {
    const errors = validateDeleteOptions(options);
    if (errors.length > 0) throw invalidError({ group: "meta.k8s.io", kind: "DeleteOptions" }, "", errors);
    addWarnings(context.warnings, deletionWarnings(kind, options));
    const resource = this.options.resources.of(kind);
    let current = await this.options.objects.get(resource.key(namespace, name));
    for (let attempt = 0; attempt < DELETE_ATTEMPTS; attempt++) {
      if (current === undefined) throw notFoundError(kind, name);
      const outcome = await this.#tryDelete(kind, current, options, context);
      if (outcome.gone !== undefined) return outcome;
      current = outcome.current;
    }
    throw modifiedError(kind, name);
  }

  /** Deletes what the query selects. The objects are given as they were listed. */
  async deleteCollection(kind: Kind, query: ListQuery, options: Partial<DeleteOptions>, context: WriteRequestContext): Promise<readonly ObjectRevision[]> {
    const { limit = 0 } = query;
    const found: ObjectRevision[] = [];
    let next = query.continue;
    do {
      const page = await this.options.reader.list(kind, { ...query, limit: limit || COLLECTION_PAGE, continue: next });
      await this.#deleteAll(kind, page.items, options, context);
      found.push(...page.items);
      next = limit === 0 ? page.continue : undefined;
    } while (next !== undefined);
    return found;
  }

  async #deleteAll(kind: Kind, objects: readonly ObjectRevision[], options: Partial<DeleteOptions>, context: WriteRequestContext): Promise<void> {
    const waiting = [...objects];
    const work = async (): Promise<void> => {
      for (let object = waiting.shift(); object !== undefined; object = waiting.shift()) {
        const { namespace = "", name } = object.object.metadata;
        try {
          await this.delete(kind, namespace, name, options, context);
        } catch (error) {
          if (!isStatus(error, "NotFound")) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: COLLECTION_WORKERS }, work));
  }

  async #tryDelete(kind: Kind, current: ObjectRevision, options: Partial<DeleteOptions>, context: WriteRequestContext): Promise<Attempt> {
    const old = viewOf(kind, current);
    const { user, dryRun, warnings } = context;
    checkDeletePreconditions(kind, old, options);
    const { namespace = "", name } = old.metadata;
    const obstacle = kind.declaration.forbidsDeletion?.(old);
    if (obstacle !== undefined) throw forbiddenError(kind, name, obstacle);
    const request = { operation: "DELETE", kind, subresource: "", namespace, name, oldObject: old, user, dryRun, warnings, options } as const;
    await this.options.admission.mutate(request);
    await this.options.admission.validate(request);
    const stored = this.options.resources.of(kind).kind;
    const object = mutableCopy(current.object);
    const now = this.env.clock.now();
    if (object.metadata.deletionTimestamp === undefined) stored.declaration.prepareForDeletion?.(object, now);
    const { action } = planDeletion(stored, object, options, now);
    if (action === "none") return { revision: current, gone: false };
    const value = encodeForStorage(stored, object);
    if (dryRun) return { revision: new ObjectRevision(current.key, current.revision, value), gone: action === "delete" };
    return action === "mark" ? this.#mark(current, value) : this.#remove(kind, current, value, old);
  }

  async #mark(current: ObjectRevision, value: Uint8Array): Promise<Attempt> {
    const outcome = await this.options.objects.update(current, value);
    return outcome.ok ? { revision: outcome.written, gone: false } : { current: outcome.current };
  }

  async #remove(kind: Kind, current: ObjectRevision, value: Uint8Array, old: KubeObject): Promise<Attempt> {
    const outcome = await this.options.objects.delete(current);
    if (!outcome.ok) return { current: outcome.current };
    this.options.hooks.get(kind)?.deleted(old);
    return { revision: new ObjectRevision(current.key, current.revision, value), gone: true };
  }
}
