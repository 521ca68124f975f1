// The structural schema of a custom resource (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema)
// as the one `Schema` that decoding, pruning, patches and apply walk. Scalars are left as they come: whether they fit is validation's to
// say, and it says so in other words than decoding does.
import { present } from "../../base/index.ts";
import { schemaOfDefinition } from "../compile.ts";
import { decodePart } from "../decode.ts";
import type { JSONSchemaProps } from "../generated/types.ts";
import type { AnySchema, FieldSchema, ObjectSchema, Schema } from "../schema.ts";

const ANY: AnySchema = { type: "any" };
/** Whatever stands there; objects are looked into by apply. */
const FREE_FORM: ObjectSchema = { type: "object", fields: new Map(), preserveUnknown: true, mapType: "granular", keepsMisfits: true };
/** Nothing is known of what may be in it, and nothing is kept. */
const EMPTY: ObjectSchema = { type: "object", fields: new Map(), preserveUnknown: false, mapType: "granular", keepsMisfits: true };
const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const TYPE_FIELDS: readonly string[] = ["apiVersion", "kind"];

/** The schema of the items of a list; undefined when none, or one for each position, is given. */
export function itemsOf({ items }: JSONSchemaProps): JSONSchemaProps | undefined {
  return isSchema(items) ? (items as JSONSchemaProps) : undefined;
}

/** The schema of the values of a map; undefined when nothing is said of them. */
export function valuesOf({ additionalProperties }: JSONSchemaProps): JSONSchemaProps | undefined {
  return isSchema(additionalProperties) ? (additionalProperties as JSONSchemaProps) : undefined;
}

function isSchema(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tells whether an object of this schema has the type and metadata that every object has. */
export function isResource(schema: JSONSchemaProps, isRoot: boolean): boolean {
  return isRoot || schema["x-kubernetes-embedded-resource"] === true;
}

/** The schema of whole objects. */
export function compileRootSchema(schema: JSONSchemaProps): ObjectSchema {
  return compileObject(schema, true);
}

/** A value without what its schema does not know; the value itself where nothing of it is kept back. */
export function prunedBy(schema: JSONSchemaProps, value: unknown): unknown {
  return decodePart(compileSchema(schema), value);
}

function compileSchema(schema: JSONSchemaProps): Schema {
  if (schema["x-kubernetes-int-or-string"] === true) return ANY;
  if (schema.type === "array") return compileList(schema);
  if (schema.type === "object") {
    return schema.additionalProperties === undefined ? compileObject(schema, false) : compileMap(schema);
  }
  return schema["x-kubernetes-preserve-unknown-fields"] === true && schema.type === undefined ? FREE_FORM : ANY;
}

function compileList(schema: JSONSchemaProps): Schema {
  const items = itemsOf(schema);
  const listType = schema["x-kubernetes-list-type"];
  return {
    type: "array",
    items: items === undefined ? ANY : compileSchema(items),
    listType: listType === "set" || listType === "map" ? listType : "atomic",
    isDeclared: listType !== undefined,
    listMapKeys: schema["x-kubernetes-list-map-keys"] ?? [],
    keepsMisfits: true,
  };
}

function compileMap(schema: JSONSchemaProps): Schema {
  const values = valuesOf(schema);
  return { type: "map", values: values === undefined ? EMPTY : compileSchema(values), mapType: mapTypeOf(schema), keepsMisfits: true };
}

function compileObject(schema: JSONSchemaProps, isRoot: boolean): ObjectSchema {
  const properties = new Map<string, () => Schema>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) properties.set(name, () => compileSchema(property));
  if (isResource(schema, isRoot)) {
    for (const name of TYPE_FIELDS) properties.set(name, () => ANY);
    properties.set("metadata", () => schemaOfDefinition(OBJECT_META));
  }
  const fields = new Map<string, FieldSchema>();
  for (const name of [...properties.keys()].sort()) {
    const compile = present(properties.get(name), `schema of ${name}`);
    fields.set(name, new CustomField(name, { compile, default: schema.properties?.[name]?.default, isAlwaysThere: isRoot && name === "metadata" }));
  }
  const preserveUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  return { type: "object", fields, preserveUnknown, mapType: mapTypeOf(schema), keepsMisfits: true };
}

function mapTypeOf(schema: JSONSchemaProps): "atomic" | "granular" {
  return schema["x-kubernetes-map-type"] === "atomic" ? "atomic" : "granular";
}

/** A field whose schema is compiled when it is first walked. Nothing about it is required here: validation reads the structural schema. */
class CustomField implements FieldSchema {
  readonly required = false;
  readonly emitEmpty: boolean;
  readonly omitEmpty = false;
  /** By which apply completes the keys of list items. */
  readonly default: unknown;
  readonly #compile: () => Schema;
  #schema: Schema | undefined;

  constructor(
    readonly name: string,
    options: { readonly compile: () => Schema; readonly default: unknown; readonly isAlwaysThere: boolean },
  ) {
    this.default = options.default;
    this.emitEmpty = options.isAlwaysThere;
    this.#compile = options.compile;
  }

  get schema(): Schema {
    this.#schema ??= this.#compile();
    return this.#schema;
  }
}
