// What can be done with resources, whoever asks and over whichever transport: the objects themselves, their subresources
// and the kinds that are questions rather than things (reviews). Who asks has been authenticated and authorized before.

import {
  applyConfiguration,
  type Column,
  type DeleteOptions,
  decodePatched,
  decodeTarget,
  FieldPath,
  invalidError,
  isStatus,
  type Kind,
  type KubeObject,
  methodNotAllowedError,
  notFoundError,
  required,
  type Scale,
  scaleColumns,
  scaleOf,
  trackUpdate,
  withScale,
} from "../api/index.ts";
import { type Env, formatTime, type Mutable, mutableCopy } from "../base/index.ts";
import type { AdmissionChain } from "./admission/chain.ts";
import type { Authorizer } from "./authorization/authorizer.ts";
import { forbiddenByAuthorizer } from "./authorization/forbidden.ts";
import { viewOf } from "./cache/resource.ts";
import { getFromSource, listFromSource, type ObjectSources } from "./object-sources.ts";
import { applyPatch, type PatchRequest } from "./patching.ts";
import type { Reviews } from "./reviews.ts";
import type { ObjectRevision } from "./storage/object-revision.ts";
import type { ListQuery, ObjectList } from "./storage/reader.ts";
import type { Registry } from "./storage/registry.ts";
import type { Watcher, WatchQuery } from "./storage/watcher.ts";
import type { WriteRequestContext } from "./storage/write-context.ts";
import { checkName } from "./storage/writer.ts";
import type { SubresourceCreators } from "./subresources/creators.ts";

export interface Target {
  readonly kind: Kind;
  /** "" for cluster-scoped kinds, and for all namespaces. */
  readonly namespace: string;
  /** "" for a collection. */
  readonly name: string;
  /** "" for the object itself. */
  readonly subresource: string;
}

/** An answer: a stored object, whose bytes are there already, or one that was made for the occasion. */
/** What is stored, or an object that is not, with the columns of its table where it has one. */
export type Outcome =
  | { readonly revision: ObjectRevision; readonly created?: boolean }
  | { readonly object: KubeObject; readonly created?: boolean; readonly columns?: readonly Column<KubeObject>[] };

export interface DeleteOutcome {
  readonly revision: ObjectRevision;
  readonly gone: boolean;
}

const SCALE = decodeTarget<Scale>("autoscaling/v1", "Scale");

export interface OperationsParts {
  readonly registry: Registry;
  readonly creators: SubresourceCreators;
  readonly reviews: Reviews;
  readonly sources: ObjectSources;
  readonly authorizer: Authorizer;
  readonly admission: Pick<AdmissionChain, "mutate" | "validate">;
}

export class Operations {
  constructor(
    private readonly env: Env,
    private readonly parts: OperationsParts,
  ) {}

  async get({ kind, namespace, name, subresource }: Target, resourceVersion = ""): Promise<Outcome> {
    const source = this.parts.sources.get(kind);
    if (source !== undefined) return { revision: await getFromSource(kind, source, namespace, name) };
    if (subresource === "scale") return scaleOutcome(await this.#getScale(kind, namespace, name, resourceVersion));
    return { revision: await this.parts.registry.reader.get(kind, namespace, name, resourceVersion) };
  }

  list(kind: Kind, query: ListQuery): Promise<ObjectList> {
    const source = this.parts.sources.get(kind);
    return source === undefined ? this.parts.registry.reader.list(kind, query) : listFromSource(kind, source, query);
  }

  watch(kind: Kind, query: WatchQuery): Promise<Watcher> {
    return this.parts.registry.watches.start(kind, query);
  }

  async create({ kind, namespace, name, subresource }: Target, object: Mutable<KubeObject>, context: WriteRequestContext): Promise<Outcome> {
    const resource = subresource === "" ? kind.resource : `${kind.resource}/${subresource}`;
    const creator = this.parts.creators.get(`${kind.group}/${resource}`);
    if (creator !== undefined) return { object: await creator({ namespace, name: name || object.metadata.name }, object, context), created: true };
    if (subresource !== "") throw methodNotAllowedError();
    const review = this.parts.reviews.get(kind);
    if (review !== undefined) {
      const owner = { manager: context.fieldManager ?? "", subresource: "", time: formatTime(this.env.clock.now()) };
      object.metadata.managedFields = mutableCopy(trackUpdate(kind, undefined, object, owner));
      const request = { operation: "CREATE", kind, subresource: "", namespace, name: object.metadata.name ?? "", object, ...context } as const;
      await this.parts.admission.mutate(request);
      await this.parts.admission.validate(request);
      return { object: await review(object, namespace, context), created: true };
    }
    return { revision: await this.parts.registry.writer.create(kind, namespace, object, context), created: true };
  }

  update({ kind, namespace, name, subresource }: Target, object: Mutable<KubeObject>, context: WriteRequestContext): Promise<Outcome> {
    if (subresource === "scale") return this.#updateScale(kind, namespace, name, () => object as unknown as Scale, context);
    checkName(object, name);
    const change = (current: KubeObject | undefined): Mutable<KubeObject> => {
      // Some kinds are created by an update: by who may create.
      if (current === undefined && kind.declaration.createsOnUpdate) this.#authorizeCreation({ kind, namespace, name, subresource }, context);
      return mutableCopy(object);
    };
    return this.parts.registry.writer.update({ kind, namespace, name, subresource, change, meansUid: true }, context);
  }

  patch({ kind, namespace, name, subresource }: Target, patch: PatchRequest, context: WriteRequestContext): Promise<Outcome> {
    const isStrategic = patch.type === "strategic";
    if (subresource === "scale") {
      const change = (current: Scale): Scale => decodePatched(SCALE, applyPatch(SCALE.schema, current, patch), { isStrategic }).object;
      return this.#updateScale(kind, namespace, name, change, context);
    }
    if (patch.type === "apply") return this.#apply({ kind, namespace, name, subresource }, patch, context);
    const change = (current: KubeObject | undefined): Mutable<KubeObject> => {
      if (current === undefined) throw notFoundError(kind, name);
      const { object, warnings } = decodePatched(kind, applyPatch(kind.schema, current, patch), {
        mode: patch.fieldValidation,
        known: patch.problems,
        isStrategic,
      });
      for (const warning of warnings) if (!context.warnings.includes(warning)) context.warnings.push(warning);
      kind.declaration.defaults?.(object);
      return object;
    };
    return this.parts.registry.writer.update({ kind, namespace, name, subresource, change }, context);
  }

  /** Applies a configuration; an object that is missing is created, by who may. */
  #apply({ kind, namespace, name, subresource }: Target, patch: PatchRequest, context: WriteRequestContext): Promise<Outcome> {
    const { fieldManager: manager = "", force = false, body } = patch;
    if (manager === "") {
      const error = required(FieldPath.root("fieldManager"), "is required for apply patch");
      throw invalidError({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [error]);
    }
    const time = formatTime(this.env.clock.now());
    const change = (current: KubeObject | undefined): Mutable<KubeObject> => {
      if (current === undefined) this.#authorizeCreation({ kind, namespace, name, subresource }, context);
      const object = applyConfiguration(kind, current, body, { manager, subresource, time, force });
      kind.declaration.defaults?.(object);
      return object;
    };
    return this.parts.registry.writer.update({ kind, namespace, name, subresource, change, createMissing: true, tracksFields: true }, context);
  }

  /** Throws Forbidden: the request was authorized as a patch. */
  #authorizeCreation({ kind, namespace, name }: Target, { user }: WriteRequestContext): void {
    const { group, version, resource } = kind;
    const attributes = { user, verb: "create", path: "", resource: { group, version, resource, subresource: "", namespace, name } };
    const { decision, reason } = this.parts.authorizer.authorize(attributes);
    if (decision !== "allow") throw forbiddenByAuthorizer(attributes, reason);
  }

  async delete({ kind, namespace, name }: Target, options: Partial<DeleteOptions>, context: WriteRequestContext): Promise<DeleteOutcome> {
    return this.parts.registry.deleter.delete(kind, namespace, name, options, context);
  }

  deleteCollection(kind: Kind, query: ListQuery, options: Partial<DeleteOptions>, context: WriteRequestContext): Promise<readonly ObjectRevision[]> {
    return this.parts.registry.deleter.deleteCollection(kind, query, options, context);
  }

  /** Throws NotFound, of the scale. */
  async #getScale(kind: Kind, namespace: string, name: string, resourceVersion: string): Promise<Scale> {
    try {
      return scaleOf(kind, viewOf(kind, await this.parts.registry.reader.get(kind, namespace, name, resourceVersion)));
    } catch (error) {
      if (isStatus(error, "NotFound")) throw notFoundError({ group: kind.group, resource: `${kind.resource}/scale` }, name);
      throw error;
    }
  }

  async #updateScale(kind: Kind, namespace: string, name: string, change: (current: Scale) => Scale, context: WriteRequestContext): Promise<Outcome> {
    const { revision } = await this.parts.registry.writer.update(
      {
        kind,
        namespace,
        name,
        subresource: "",
        through: { subresource: "scale", show: (object) => scaleOf(kind, object), take: (object, scale) => withScale(kind, object, scale as Scale) },
        change: (current) => {
          if (current === undefined) throw notFoundError(kind, name);
          return withScale(kind, current, change(scaleOf(kind, current)));
        },
      },
      context,
    );
    return scaleOutcome(scaleOf(kind, viewOf(kind, revision)));
  }
}

function scaleOutcome(scale: Scale): Outcome {
  return { object: scale, columns: scaleColumns as readonly Column<KubeObject>[] };
}
