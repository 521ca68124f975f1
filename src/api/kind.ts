// One declaration per kind. `kind()` joins what was generated (fields, discovery facts) with what we declare beside it
// (columns, defaults, validation, strategy); routes, discovery, OpenAPI, decoding, patches and tables follow from the result.
// Built-in kinds and custom resources meet in the same `Kind`.
//
// Functions of an object are declared as methods, so that a `Kind<Pod>` can stand where any `Kind` is asked for: who holds a
// kind hands it only objects of that kind.
import type { Mutable } from "../base/index.ts";
import type { FieldError } from "./field-errors.ts";
import type { JSONSchemaProps } from "./generated/types.ts";
import type { KubeObject } from "./object.ts";
import type { Schema } from "./schema.ts";

/** A column of the table that `kubectl get` prints. */
export interface Column<T> {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  /** `name` for the name; custom resources choose among OpenAPI's. */
  readonly format?: string;
  /** 0: always shown; more: with `-o wide`. */
  readonly priority?: number;
  readonly description?: string;
  /** The cell. `now` is in milliseconds, for ages. */
  value(object: T, now: number): string | number | boolean | null;
}

/** Who writes, and how: what a strategy may look at. */
export interface WriteContext {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Name of the user who writes. */
  readonly userName: string;
  /** Groups, uid and extras of the user, for the kinds that record them (CertificateSigningRequest). */
  readonly userGroups: readonly string[];
  readonly userUid?: string;
  readonly userExtra?: Readonly<Record<string, readonly string[]>>;
  /** Tells the writer, beside the answer, what can no longer be seen once the object is prepared. */
  warn(texts: readonly string[]): void;
}

/** How a subresource that updates its object (`approval`, `finalize`, `resize`, `ephemeralcontainers`) narrows and checks the update. */
export interface SubresourceUpdate<T extends KubeObject> {
  /** Puts back from `old` all that this subresource may not change. */
  prepare(object: Mutable<T>, old: T, context: WriteContext): void;
  validate(object: T, old: T): FieldError[];
}

/** Reads one field as the text that a field selector compares. */
export type FieldReader<T> = { read(object: T): string }["read"];

/** What we declare about a kind. All functions are pure except that the first argument of `defaults` and `prepare…` is changed in place. */
export interface KindDeclaration<T extends KubeObject> {
  readonly columns: readonly Column<T>[];
  /** Fills in what the client left out; also run on what a patch produced. */
  defaults?(object: Mutable<T>): void;
  /** Clears what a creator may not set; runs after defaults. By default drops `status` where there is a status subresource. */
  prepareForCreate?(object: Mutable<T>, context: WriteContext): void;
  /** Carries over what an updater may not change; by default keeps the old `status`. */
  prepareForUpdate?(object: Mutable<T>, old: T, context: WriteContext): void;
  /** For `/status`: by default keeps everything but `status` and metadata that may change. */
  prepareForStatusUpdate?(object: Mutable<T>, old: T, context: WriteContext): void;
  validateCreate?(object: T): FieldError[];
  validateUpdate?(object: T, old: T): FieldError[];
  validateStatusUpdate?(object: T, old: T): FieldError[];
  /** What is allowed and yet most likely a mistake, told to who writes it. `old` is undefined at creation. */
  warnings?(object: T, old: T | undefined): string[];
  /** Marks an object that somebody begins to delete, before it is decided whether anything still holds it. */
  prepareForDeletion?(object: Mutable<T>, now: number): void;
  /** Why this object stays for good; undefined when it may be deleted. */
  forbidsDeletion?(object: T): string | undefined;
  /** Updates through subresources other than `status` and `scale`, by subresource name. */
  readonly subresourceUpdates?: Readonly<Record<string, SubresourceUpdate<T>>>;
  /** How `metadata.name` must look; absent: a DNS subdomain. */
  validateName?(name: string, isPrefix: boolean): string[];
  /** Field selectors beside metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>>>;
  /** False for kinds whose `metadata.generation` is never set (Pod counts; ConfigMap, Event, Lease do not). Default: kinds with a spec. */
  readonly countsGeneration?: boolean;
  /** What a change must touch to raise `metadata.generation`; default: the spec. Deployments count annotations too, PodTemplates their template. */
  generationCounts?(object: T): readonly unknown[];
  /** Fields that never change once they are there, so that nobody need manage them. */
  readonly unmanagedFields?: readonly string[];
  /** An unconditional update (no resourceVersion) is refused. */
  readonly requiresResourceVersion?: boolean;
  /** Told, as a warning, to everybody who uses the kind. */
  readonly deprecation?: string;
  /** A PUT on a missing name creates the object. */
  readonly createsOnUpdate?: boolean;
  /** Default deletion grace in seconds; kinds without it are deleted at once. */
  gracePeriodSeconds?(object: T, asked: number | undefined): number;
  /** Where the replica counts of `/scale` stand. */
  readonly scale?: {
    specReplicas(object: T): number;
    setSpecReplicas(object: Mutable<T>, replicas: number): void;
    statusReplicas(object: T): number;
    /** The label selector as text. */
    selector(object: T): string;
  };
  /** Kinds that are two views of one stored kind (Event, HorizontalPodAutoscaler): the stored one and the way there and back. */
  readonly storedAs?: { readonly kind: () => Kind; toStored(object: T): KubeObject; fromStored(object: KubeObject): T };
}

export interface Subresource {
  readonly name: string;
  readonly verbs: readonly string[];
  readonly kind: string;
  readonly group: string;
  readonly version: string;
}

/** What is known of a kind only because a CustomResourceDefinition says so. */
export interface CustomFacts {
  readonly listKind: string;
  /** As the definition has it. */
  readonly openApiSchema: JSONSchemaProps;
}

export interface Kind<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** The plural, as in paths. */
  readonly resource: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: ReadonlyMap<string, Subresource>;
  /** OpenAPI definition name, e.g. `io.k8s.api.core.v1.Pod`. */
  readonly definition: string;
  readonly schema: Schema;
  readonly declaration: KindDeclaration<T>;
  /** Absent for built-in kinds. */
  readonly custom?: CustomFacts;
}

/** The kind of a list of these objects. */
export function listKindOf({ kind, custom }: Pick<Kind, "kind" | "custom">): string {
  return custom?.listKind ?? `${kind}List`;
}
