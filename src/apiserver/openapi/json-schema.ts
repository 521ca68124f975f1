// Our schemas as JSON Schema in the two dialects of OpenAPI, with Kubernetes' extensions
// (https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition). Named types become references; what
// is referred to is collected, so that a document holds just what it speaks of.
import { type FieldSchema, gvkOfDefinition, type ObjectSchema, type ScalarType, type Schema, schemaOfDefinition } from "../../api/index.ts";

/** OpenAPI 2.0 (Swagger) or 3.0. */
export type Dialect = "v2" | "v3";

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

const QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
const MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
const FIELDS_V1 = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1";
const NAMED_SCALARS: Readonly<Partial<Record<ScalarType, string>>> = { quantity: QUANTITY, intOrString: INT_OR_STRING, time: TIME, microTime: MICRO_TIME };
const PLAIN_SCALARS: Readonly<Partial<Record<ScalarType, JsonSchema>>> = {
  string: { type: "string" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  double: { type: "number", format: "double" },
  boolean: { type: "boolean" },
  bytes: { type: "string", format: "byte" },
};

function sorted(values: readonly string[]): string[] {
  return [...values].sort();
}

function namedScalar(name: string, dialect: Dialect): JsonSchema | undefined {
  switch (name) {
    case QUANTITY:
      return dialect === "v2" ? { type: "string" } : { oneOf: [{ type: "string" }, { type: "number" }] };
    case INT_OR_STRING:
      return dialect === "v2" ? { type: "string", format: "int-or-string" } : { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] };
    case TIME:
    case MICRO_TIME:
      return { type: "string", format: "date-time" };
    default:
      return undefined;
  }
}

/** The definitions of one document. Asking for a reference adds what it refers to, and what that refers to. */
export class Definitions {
  readonly #found = new Map<string, JsonSchema>();

  constructor(readonly dialect: Dialect) {}

  /** A reference to the definition `name`: one of the generated facts, or one that was added. */
  reference(name: string, schema?: Schema): JsonSchema {
    if (!this.#found.has(name)) {
      this.#found.set(name, {});
      this.#found.set(name, namedScalar(name, this.dialect) ?? this.#define(name, schema ?? schemaOfDefinition(name)));
    }
    return { $ref: `${this.dialect === "v2" ? "#/definitions/" : "#/components/schemas/"}${name}` };
  }

  /** Adds a definition that no schema stands for. */
  add(name: string, definition: () => JsonSchema): JsonSchema {
    if (!this.#found.has(name)) this.#found.set(name, definition());
    return this.reference(name);
  }

  /** All that was referred to, by name. */
  all(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #define(name: string, schema: Schema): JsonSchema {
    const gvk = gvkOfDefinition(name);
    const body = schema.type === "object" ? this.#objectBody(schema) : this.#inline(schema);
    return gvk === undefined ? body : { ...body, "x-kubernetes-group-version-kind": [gvk] };
  }

  #objectBody(schema: ObjectSchema): JsonSchema {
    const required = [...schema.fields.values()].filter((field) => field.required).map((field) => field.name);
    const properties: Record<string, JsonSchema> = {};
    for (const field of schema.fields.values()) properties[field.name] = this.#property(field);
    return {
      type: "object",
      ...(schema.fields.size === 0 ? {} : { properties }),
      ...(required.length === 0 ? {} : { required }),
      ...(schema.mapType === "atomic" ? { "x-kubernetes-map-type": "atomic" } : {}),
      ...(schema.preserveUnknown ? { "x-kubernetes-preserve-unknown-fields": true } : {}),
    };
  }

  #property(field: FieldSchema): JsonSchema {
    const { schema, patchStrategy, patchMergeKey } = field;
    const extensions: Record<string, unknown> = {};
    if (schema.type === "array" && schema.isDeclared) {
      if (schema.listMapKeys.length > 0) extensions["x-kubernetes-list-map-keys"] = schema.listMapKeys;
      extensions["x-kubernetes-list-type"] = schema.listType;
    }
    if (schema.type === "map" && schema.mapType === "atomic") extensions["x-kubernetes-map-type"] = "atomic";
    if (patchMergeKey !== undefined) extensions["x-kubernetes-patch-merge-key"] = patchMergeKey;
    if (patchStrategy !== undefined) extensions["x-kubernetes-patch-strategy"] = patchStrategy;
    if (this.dialect === "v3") {
      if (field.default !== undefined) extensions["default"] = field.default;
      if (field.enum !== undefined && schema.type !== "array") extensions["enum"] = sorted(field.enum);
    }
    const own = field.name === "fieldsV1" ? this.add(FIELDS_V1, () => ({ type: "object" })) : this.#inline(schema, field.enum);
    if (Object.keys(extensions).length === 0) return own;
    // In OpenAPI 3.0 a reference must stand alone.
    return this.dialect === "v3" && "$ref" in own ? { allOf: [own], ...extensions } : { ...own, ...extensions };
  }

  #inline(schema: Schema, itemEnum?: readonly string[]): JsonSchema {
    switch (schema.type) {
      case "object":
        return schema.definition === undefined ? this.#objectBody(schema) : this.reference(schema.definition, schema);
      case "array": {
        const items = this.#inline(schema.items);
        return { type: "array", items: itemEnum !== undefined && this.dialect === "v3" ? { ...items, enum: sorted(itemEnum) } : items };
      }
      case "map":
        return { type: "object", additionalProperties: this.#inline(schema.values) };
      case "any":
        return this.dialect === "v2" ? {} : { "x-kubernetes-preserve-unknown-fields": true };
      default: {
        const name = NAMED_SCALARS[schema.type];
        return name === undefined ? (PLAIN_SCALARS[schema.type] ?? {}) : this.reference(name);
      }
    }
  }
}
