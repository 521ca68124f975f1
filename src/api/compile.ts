// Compiles the generated type facts to `Schema`. Nothing is compiled before it is asked for: a type's fields are read when the
// type is first touched, and the type of a field when that field is first walked, so start-up does not pay for 500 types and
// recursive types need no care.
import { assert, present } from "../base/index.ts";
import { schemaText } from "./generated/schema.ts";
import type { AnySchema, ArraySchema, FieldSchema, MapSchema, ObjectSchema, ScalarSchema, ScalarType, Schema } from "./schema.ts";

interface FieldFact {
  readonly type: string;
  readonly required?: boolean;
  readonly emitEmpty?: boolean;
  readonly omitEmpty?: boolean;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly listType?: "atomic" | "set" | "map";
  readonly listMapKeys?: readonly string[];
  readonly mapType?: "atomic" | "granular";
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly proto?: number;
  readonly protoIn?: readonly number[];
}
interface TypeFact {
  readonly scalar?: string;
  readonly mapType?: "atomic";
  readonly gvk?: { readonly group: string; readonly version: string; readonly kind: string };
  readonly fields: Readonly<Record<string, FieldFact>>;
}

const SCALARS: readonly string[] = ["string", "int32", "int64", "double", "boolean", "bytes", "quantity", "intOrString", "time", "microTime"];
const any: AnySchema = { type: "any" };
const scalars = new Map<string, ScalarSchema>(SCALARS.map((type) => [type, { type: type as ScalarType }]));
const compiled = new Map<string, Schema>();
let definitionsByGvk: ReadonlyMap<string, string> | undefined;
let parsedFacts: Readonly<Record<string, TypeFact>> | undefined;

function typeFacts(): Readonly<Record<string, TypeFact>> {
  parsedFacts ??= JSON.parse(schemaText) as Readonly<Record<string, TypeFact>>;
  return parsedFacts;
}

/** The names of all definitions, e.g. `io.k8s.api.core.v1.Pod`, in alphabetical order of their packages. */
export function definitionNames(): readonly string[] {
  return Object.keys(typeFacts());
}

/** The definition of a built-in kind, or of a list or option kind; undefined when there is none. */
export function definitionOf(apiVersion: string, kind: string): string | undefined {
  definitionsByGvk ??= indexByGvk();
  return definitionsByGvk.get(`${apiVersion} ${kind}`);
}

/** The group, version and kind that a definition stands for; undefined for the types inside objects. */
export function gvkOfDefinition(definition: string): { readonly group: string; readonly version: string; readonly kind: string } | undefined {
  return typeFacts()[definition]?.gvk;
}

/** The schema of a definition, compiled once. */
export function schemaOfDefinition(definition: string): Schema {
  const known = compiled.get(definition);
  if (known !== undefined) return known;
  const schema = compileType(definition, present(typeFacts()[definition], `definition ${definition}`));
  compiled.set(definition, schema);
  return schema;
}

/** The schema of a kind by its names: also of the kinds that only travel in requests (Eviction, Scale, TokenRequest). */
export function objectSchemaOf(apiVersion: string, kind: string): ObjectSchema | undefined {
  const definition = definitionOf(apiVersion, kind);
  if (definition === undefined) return undefined;
  const schema = schemaOfDefinition(definition);
  return schema.type === "object" ? schema : undefined;
}

function indexByGvk(): Map<string, string> {
  const index = new Map<string, string>();
  for (const [name, { gvk }] of Object.entries(typeFacts())) {
    if (gvk !== undefined) index.set(`${gvk.group === "" ? "" : `${gvk.group}/`}${gvk.version} ${gvk.kind}`, name);
  }
  return index;
}

function compileType(definition: string, fact: TypeFact): Schema {
  if (fact.scalar !== undefined) return compileExpression(fact.scalar, {});
  const fields = new Map<string, FieldSchema>();
  for (const [name, field] of Object.entries(fact.fields)) fields.set(name, new CompiledField(name, field));
  return { type: "object", definition, fields, preserveUnknown: false, mapType: fact.mapType ?? "granular" };
}

/** A field whose schema is compiled when it is first read. */
class CompiledField implements FieldSchema {
  readonly name: string;
  readonly required: boolean;
  readonly emitEmpty: boolean;
  readonly omitEmpty: boolean;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly proto?: number;
  readonly protoIn?: readonly number[];
  #fact: FieldFact | undefined;
  #schema: Schema | undefined;

  constructor(name: string, fact: FieldFact) {
    this.name = name;
    this.required = fact.required ?? false;
    this.emitEmpty = fact.emitEmpty ?? false;
    this.omitEmpty = fact.omitEmpty ?? false;
    this.enum = fact.enum;
    this.default = fact.default;
    this.patchStrategy = fact.patchStrategy;
    this.patchMergeKey = fact.patchMergeKey;
    this.proto = fact.proto;
    this.protoIn = fact.protoIn;
    this.#fact = fact;
  }

  get schema(): Schema {
    if (this.#schema === undefined) {
      const fact = present(this.#fact, "fact of a field that is not compiled yet");
      this.#schema = compileExpression(fact.type, fact);
      this.#fact = undefined;
    }
    return this.#schema;
  }
}

/** `string`, `[]X`, `{}X`, `#definition`… `fact` carries the topology of the outermost list or map. */
function compileExpression(expression: string, fact: Partial<FieldFact>): Schema {
  if (expression.startsWith("#")) {
    const schema = schemaOfDefinition(expression.slice(1));
    return schema.type === "object" && fact.mapType !== undefined && fact.mapType !== schema.mapType ? { ...schema, mapType: fact.mapType } : schema;
  }
  if (expression.startsWith("[]")) {
    const items = compileExpression(expression.slice(2), {});
    return {
      type: "array",
      items,
      listType: fact.listType ?? "atomic",
      isDeclared: fact.listType !== undefined,
      listMapKeys: fact.listMapKeys ?? [],
    } satisfies ArraySchema;
  }
  if (expression.startsWith("{}")) {
    return { type: "map", values: compileExpression(expression.slice(2), {}), mapType: fact.mapType ?? "granular" } satisfies MapSchema;
  }
  if (expression === "any") return any;
  if (expression === "fieldsV1") return { type: "map", values: any, mapType: "atomic" };
  const scalar = scalars.get(expression);
  assert(scalar !== undefined, `type expression ${expression} is known`);
  return scalar;
}
