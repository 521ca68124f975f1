// Creation and update of objects: the one way from a decoded object to the store.
//
// Order, at creation: admission's mutation, system fields, the kind's preparation, allocation, validation, admission's
// validation, storing. At an update the same with the old object at hand, in a loop: when another writer was faster the
// change is applied anew to the newest state, unless the client named the state it had seen. An update that changes nothing
// writes nothing. Whatever fails before the storing leaves nothing behind.

import {
  alreadyExistsError,
  badRequestError,
  conflictError,
  type FieldError,
  FieldPath,
  invalid,
  invalidError,
  type Kind,
  type KubeObject,
  modifiedError,
  notFoundError,
  StatusError,
  trackUpdate,
  unclassifiedError,
  validateCreate,
  validateObjectMeta,
  validateObjectMetaUpdate,
  validateStatusUpdate,
  validateUpdate,
} from "../../api/index.ts";
import { assert, type Env, formatTime, type Mutable, mutableCopy, randomNameSuffix, randomUuid } from "../../base/index.ts";
import type { AdmissionChain } from "../admission/chain.ts";
import type { AdmissionRequest } from "../admission/plugin.ts";
import { type Resource, type Resources, viewOf } from "../cache/resource.ts";
import type { EventLeases } from "./event-leases.ts";
import { countsGeneration, raisesGeneration } from "./generation.ts";
import { encodeForStorage, ObjectRevision } from "./object-revision.ts";
import type { ObjectStore } from "./object-store.ts";
import {
  addWarnings,
  type PreparedWrite,
  prepareForCreate,
  prepareForUpdate,
  strategyContext,
  type WriteHooks,
  type WriteRequestContext,
} from "./write-context.ts";

export interface WriterOptions {
  readonly objects: ObjectStore;
  readonly resources: Resources;
  readonly admission: Pick<AdmissionChain, "mutate" | "validate">;
  readonly hooks: WriteHooks;
  readonly leases: EventLeases;
}

export interface SubresourceView<T extends KubeObject> {
  readonly subresource: string;
  show(object: T): KubeObject;
  /** `object` with what admission made of its view. */
  take(object: T, view: KubeObject): Mutable<T>;
}

export interface Update<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  readonly namespace: string;
  readonly name: string;
  /** "" for the object itself. */
  readonly subresource: string;
  /** Gives what the object shall be, from what it is; undefined when it is missing. Called anew after each lost race. Throws to give up. */
  readonly change: (current: T | undefined) => Mutable<T> | Promise<Mutable<T>>;
  /** A missing object is created, though its kind does not do that by itself (apply). */
  readonly createMissing?: boolean;
  /** The server's own change: neither admission nor the kind's strategy has a say. */
  readonly ownChange?: boolean;
  /** A subresource that shows another kind than it writes (scale): admission sees that, and fields are managed under its name. */
  readonly through?: SubresourceView<T>;
  /** The uid that is given says which object is meant: another one is a conflict. Else it is a change, which is refused. */
  readonly meansUid?: boolean;
  /** `change` has recorded who manages which fields (apply). */
  readonly tracksFields?: boolean;
}

export interface Updated {
  readonly revision: ObjectRevision;
  readonly created: boolean;
}

/** Generated names that are taken are drawn again. */
const NAME_ATTEMPTS = 8;
const GENERATED_NAME_PREFIX_LENGTH = 58;
/** Lost races before the client is told of the conflict. */
const UPDATE_ATTEMPTS = 100;

export class Writer {
  constructor(
    private readonly env: Env,
    private readonly options: WriterOptions,
  ) {}

  /** Stores a new object. `object` is the callee's from here on. */
  async create<T extends KubeObject>(kind: Kind<T>, namespace: string, object: Mutable<T>, context: WriteRequestContext): Promise<ObjectRevision> {
    const { metadata } = object;
    adoptNamespace(kind, metadata, namespace);
    if (/^0*[1-9]\d*$/.test(metadata.resourceVersion ?? "")) throw unclassifiedError("resourceVersion should not be set on objects to be created");
    delete metadata.resourceVersion;
    const generated = !metadata.name && Boolean(metadata.generateName);
    const pristine = generated ? mutableCopy(object) : undefined;
    for (let attempt = 1; ; attempt++) {
      const candidate = pristine === undefined || attempt === 1 ? object : mutableCopy(pristine);
      const outcome = await this.#tryCreate(kind, namespace, candidate, context);
      if (outcome !== undefined) return outcome;
      const error = alreadyExistsError(kind, candidate.metadata.name);
      if (!generated) throw error;
      if (attempt < NAME_ATTEMPTS) continue;
      const { reason, code, details, message } = error;
      throw new StatusError({ reason, code, details, message: `${message}, the server was not able to generate a unique name for the object` });
    }
  }

  async #tryCreate(
    kind: Kind,
    namespace: string,
    object: Mutable<KubeObject>,
    context: WriteRequestContext,
    tracked = false,
  ): Promise<ObjectRevision | undefined> {
    const request = this.#admissionRequest("CREATE", kind, "", namespace, object, undefined, context);
    if (!tracked) this.#trackFields(kind, "", object, undefined, context);
    await this.options.admission.mutate(request);
    this.#fillSystemFields(kind, object);
    prepareForCreate(kind, object, strategyContext(context, this.env.clock.now()));
    const hook = this.options.hooks.get(kind)?.prepare(object, undefined, context.dryRun);
    return this.#finish(hook, context.dryRun, async () => {
      refuse(kind, object, validateCreate(kind, object));
      warn(kind, object, undefined, context);
      await this.options.admission.validate({ ...request, name: object.metadata.name });
      return this.#storeNew(kind, namespace, object, context);
    });
  }

  /** Undefined when the name is taken. */
  async #storeNew(kind: Kind, namespace: string, object: Mutable<KubeObject>, context: WriteRequestContext): Promise<ObjectRevision | undefined> {
    const { objects, resources, leases } = this.options;
    const resource = resources.of(kind);
    const key = resource.key(namespace, object.metadata.name);
    const value = encodeView(kind, resource, object);
    if (context.dryRun) return (await objects.get(key)) === undefined ? new ObjectRevision(key, 0, value) : undefined;
    const outcome = await objects.create(key, value, await leases.leaseFor(resource.kind));
    return outcome.ok ? outcome.written : undefined;
  }

  /** Changes an object, whoever else is changing it. */
  async update<T extends KubeObject>(update: Update<T>, context: WriteRequestContext): Promise<Updated> {
    const { kind, namespace, name } = update;
    const { objects, resources } = this.options;
    const resource = resources.of(kind);
    let current = await objects.get(resource.key(namespace, name));
    for (let attempt = 0; attempt < UPDATE_ATTEMPTS; attempt++) {
      if (current === undefined) {
        const created = await this.#createMissing(update, context);
        if (created !== undefined) return { revision: created, created: true };
        current = await objects.get(resource.key(namespace, name));
        continue;
      }
      const outcome = await this.#tryUpdate(update, current, context);
      if (outcome.ok) return { revision: outcome.written, created: false };
      current = outcome.current;
    }
    throw modifiedError(kind, name);
  }

  async #createMissing<T extends KubeObject>(update: Update<T>, context: WriteRequestContext): Promise<ObjectRevision | undefined> {
    const { kind, namespace, name, subresource } = update;
    if (subresource !== "" || !(update.createMissing || kind.declaration.createsOnUpdate)) throw notFoundError(kind, name);
    const object = await update.change(undefined);
    // Who names the state he saw means an object that is gone, not a new one.
    if (object.metadata.resourceVersion) throw notFoundError(kind, name);
    const { uid } = object.metadata;
    if (uid && update.createMissing)
      throw conflictError(kind, name, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`);
    if (uid) throw notFoundError(kind, name);
    checkName(object, name);
    adoptNamespace(kind, object.metadata, namespace);
    return this.#tryCreate(kind, namespace, object, context, update.tracksFields);
  }

  async #tryUpdate<T extends KubeObject>(update: Update<T>, current: ObjectRevision, context: WriteRequestContext) {
    const { kind, namespace, name, subresource, through } = update;
    const old = viewOf(kind, current);
    let object = await update.change(old);
    checkName(object, name);
    adoptNamespace(kind, object.metadata, namespace);
    if (update.ownChange) {
      checkPreconditions(update, object, old);
      return this.#storeChanged(kind, object, current, context);
    }
    const [shown, shownOld] = through === undefined ? [object, old] : [mutableCopy(through.show(object as T)), through.show(old)];
    const request = this.#admissionRequest("UPDATE", kind, through?.subresource ?? subresource, namespace, shown, shownOld, context);
    if (!update.tracksFields) this.#trackFields(kind, through?.subresource ?? subresource, object, old, context);
    await this.options.admission.mutate(request);
    if (through !== undefined) object = through.take(object as T, shown);
    checkPreconditions(update, object, old);
    object.metadata.resourceVersion = current.resourceVersion;
    this.#carryOver(kind, subresource, object, old, context);
    const hook = subresource === "" ? this.options.hooks.get(kind)?.prepare(object, old, context.dryRun) : undefined;
    return this.#finish(hook, context.dryRun, async () => {
      refuse(kind, object, validateChange(kind, subresource, object, old));
      if (subresource === "") warn(kind, object, old, context);
      await this.options.admission.validate(request);
      return this.#storeChanged(kind, object, current, context);
    });
  }

  async #storeChanged(kind: Kind, object: Mutable<KubeObject>, current: ObjectRevision, context: WriteRequestContext) {
    const { objects, resources, leases, hooks } = this.options;
    const resource = resources.of(kind);
    const value = encodeView(kind, resource, object);
    if (isFullyReleased(object)) {
      if (context.dryRun) return { ok: true as const, written: new ObjectRevision(current.key, current.revision, value) };
      const outcome = await objects.delete(current);
      if (!outcome.ok) return outcome;
      hooks.get(kind)?.deleted(object);
      return { ok: true as const, written: new ObjectRevision(current.key, outcome.written.revision, value) };
    }
    if (sameBytes(value, current.value)) return { ok: true as const, written: current };
    if (context.dryRun) return { ok: true as const, written: new ObjectRevision(current.key, current.revision, value) };
    return objects.update(current, value, await leases.leaseFor(resource.kind));
  }

  /** Runs what is left to do of a write; what was allocated for it is kept when it succeeds, given back when not. */
  async #finish<R>(hook: PreparedWrite | undefined, dryRun: boolean, write: () => Promise<R>): Promise<R> {
    let stored = false;
    try {
      const outcome = await write();
      stored = !dryRun && outcome !== undefined && !isRefused(outcome);
      return outcome;
    } finally {
      if (stored) hook?.commit();
      else hook?.rollback();
    }
  }

  #fillSystemFields(kind: Kind, object: Mutable<KubeObject>): void {
    const { metadata } = object;
    if (!metadata.name && metadata.generateName) {
      metadata.name = metadata.generateName.slice(0, GENERATED_NAME_PREFIX_LENGTH) + randomNameSuffix(this.env.random);
      kind.declaration.defaults?.(object);
    }
    metadata.uid = randomUuid(this.env.random);
    metadata.creationTimestamp = formatTime(this.env.clock.now());
    delete metadata.deletionTimestamp;
    delete metadata.deletionGracePeriodSeconds;
    delete metadata.selfLink;
    delete metadata.generation;
    if (countsGeneration(kind)) metadata.generation = 1;
  }

  /** What an update may leave out and may not change. */
  #carryOver(kind: Kind, subresource: string, object: Mutable<KubeObject>, old: KubeObject, context: WriteRequestContext): void {
    const { metadata } = object;
    delete metadata.selfLink;
    if (old.metadata.generation === undefined) delete metadata.generation;
    else metadata.generation = old.metadata.generation;
    prepareForUpdate(kind, subresource, object, old, strategyContext(context, this.env.clock.now()));
    if (!metadata.uid) metadata.uid = old.metadata.uid;
    if (old.metadata.creationTimestamp !== undefined) metadata.creationTimestamp = old.metadata.creationTimestamp;
    if (old.metadata.deletionTimestamp !== undefined) object.metadata.deletionTimestamp = old.metadata.deletionTimestamp;
    if (old.metadata.deletionGracePeriodSeconds !== undefined) object.metadata.deletionGracePeriodSeconds ??= old.metadata.deletionGracePeriodSeconds;
    if (subresource !== "status" && raisesGeneration(kind, object, old)) object.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }

  /** Records whose fields these are from now on: what the client sent and may change here; nobody manages what the server adds. */
  #trackFields(kind: Kind, subresource: string, object: Mutable<KubeObject>, old: KubeObject | undefined, { fieldManager = "" }: WriteRequestContext): void {
    const time = formatTime(this.env.clock.now());
    const entries = trackUpdate(kind, old, changeable(kind, subresource, object, old), { manager: fieldManager, subresource, time });
    if (entries === undefined) delete object.metadata.managedFields;
    else object.metadata.managedFields = mutableCopy(entries);
  }

  #admissionRequest(
    operation: "CREATE" | "UPDATE",
    kind: Kind,
    subresource: string,
    namespace: string,
    object: Mutable<KubeObject>,
    oldObject: KubeObject | undefined,
    { user, dryRun, warnings, options }: WriteRequestContext,
  ): AdmissionRequest {
    const name = object.metadata.name ?? "";
    return { operation, kind, subresource, namespace, name, object, oldObject, user, dryRun, warnings, ...(options === undefined ? {} : { options }) };
  }
}

/** The object without what a write through this subresource cannot change. */
function changeable(kind: Kind, subresource: string, object: KubeObject, old: KubeObject | undefined): KubeObject {
  if (!kind.subresources.has("status") || (subresource !== "" && subresource !== "status")) return object;
  const { status: oldStatus, ...oldRest } = (old ?? {}) as KubeObject & { readonly status?: unknown };
  const { status, ...rest } = object as KubeObject & { readonly status?: unknown };
  const [kept, keptStatus] = subresource === "" ? [rest, oldStatus] : [{ ...oldRest, metadata: object.metadata }, status];
  return keptStatus === undefined ? kept : ({ ...kept, status: keptStatus } as KubeObject);
}

function isRefused(outcome: unknown): boolean {
  return typeof outcome === "object" && outcome !== null && "ok" in outcome && outcome.ok === false;
}

function encodeView(kind: Kind, resource: Resource, object: KubeObject): Uint8Array {
  const { storedAs } = kind.declaration;
  return encodeForStorage(resource.kind, storedAs === undefined ? object : storedAs.toStored(object));
}

/** Tells the writer what is allowed and yet a mistake. */
function warn(kind: Kind, object: KubeObject, old: KubeObject | undefined, { warnings }: WriteRequestContext): void {
  addWarnings(warnings, kind.declaration.warnings?.(object, old) ?? []);
}

function refuse(kind: Kind, object: KubeObject, errors: readonly FieldError[]): void {
  // A view is judged as what it is a view of.
  if (errors.length > 0) throw invalidError(kind.declaration.storedAs?.kind() ?? kind, object.metadata.name ?? "", errors);
}

function validateChange(kind: Kind, subresource: string, object: KubeObject, old: KubeObject): FieldError[] {
  if (subresource === "") return validateUpdate(kind, object, old);
  if (subresource === "status") return validateStatusUpdate(kind, object, old);
  const own = kind.declaration.subresourceUpdates?.[subresource]?.validate(object, old) ?? [];
  return [...validateObjectMeta(kind, object.metadata), ...validateObjectMetaUpdate(object.metadata, old.metadata), ...own];
}

/** Throws a Conflict when the object is not the one that the client means, or not in the state that it saw. */
function checkPreconditions({ kind, meansUid }: Pick<Update, "kind" | "meansUid">, object: KubeObject, old: KubeObject): void {
  const { uid, resourceVersion, name } = object.metadata;
  if (meansUid && uid && uid !== old.metadata.uid) {
    throw conflictError(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid ?? ""}`);
  }
  if (resourceVersion && resourceVersion !== "0") {
    if (!/^\d+$/.test(resourceVersion)) throw unclassifiedError(`strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`);
    if (resourceVersion !== old.metadata.resourceVersion) throw modifiedError(kind, name);
    return;
  }
  if (kind.declaration.requiresResourceVersion) {
    const named = { group: kind.group, kind: kind.resource };
    throw invalidError(named, name, [invalid(FieldPath.root("metadata").child("resourceVersion"), 0, "must be specified for an update")]);
  }
}

/** Throws a BadRequest when the body does not name the object of the path. */
export function checkName(object: KubeObject, name: string): void {
  const given = object.metadata.name;
  if (!given) throw badRequestError(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (given !== name) throw badRequestError(`the name of the object (${given}) does not match the name on the URL (${name})`);
}

/** The object's namespace is the path's, and may be left out of the body. What is in no namespace loses the one it names. */
function adoptNamespace(kind: Kind, metadata: Mutable<KubeObject>["metadata"], namespace: string): void {
  if (!kind.namespaced) {
    delete metadata.namespace;
    return;
  }
  assert(namespace !== "", "a namespaced object is written in a namespace");
  if (metadata.namespace && metadata.namespace !== namespace) {
    throw badRequestError(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  metadata.namespace = namespace;
}

/** The last finalizer of an object that is being deleted is gone: nothing holds it any more. */
export function isFullyReleased(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return false;
  return object.kind !== "Namespace" || object.apiVersion !== "v1" || namespaceFinalizers(object).length === 0;
}

function namespaceFinalizers(object: KubeObject): readonly string[] {
  return (object as { readonly spec?: { readonly finalizers?: readonly string[] } }).spec?.finalizers ?? [];
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, position) => byte === b[position]);
}
