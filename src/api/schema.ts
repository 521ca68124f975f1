// The one description of a type's shape that decoding, pruning, defaulting, validation, patches, apply and OpenAPI walk.
// Built-in types compile to it from generated/schema.json, custom resources from their OpenAPI schema; both lazily.

export type ScalarType = "string" | "int32" | "int64" | "double" | "boolean" | "bytes" | "quantity" | "intOrString" | "time" | "microTime";

export interface ObjectSchema {
  readonly type: "object";
  /** OpenAPI definition name; absent for the anonymous objects of a custom resource. */
  readonly definition?: string;
  readonly fields: ReadonlyMap<string, FieldSchema>;
  /** Keep what no field names (x-kubernetes-preserve-unknown-fields). */
  readonly preserveUnknown: boolean;
  /** `atomic`: replaced whole by patches and apply. */
  readonly mapType: "granular" | "atomic";
  /** Of a custom resource: a value of another type, and nulls, are kept for validation to judge. */
  readonly keepsMisfits?: boolean;
}
export interface MapSchema {
  readonly type: "map";
  readonly values: Schema;
  readonly mapType: "granular" | "atomic";
  readonly keepsMisfits?: boolean;
}
export interface ArraySchema {
  readonly type: "array";
  readonly items: Schema;
  readonly listType: "atomic" | "set" | "map";
  /** False where nobody declared the type of the list, and it is taken for atomic. */
  readonly isDeclared: boolean;
  /** For `map`: the keys that identify an item. */
  readonly listMapKeys: readonly string[];
  readonly keepsMisfits?: boolean;
}
export interface ScalarSchema {
  readonly type: ScalarType;
}
/** Anything: RawExtension, JSON. */
export interface AnySchema {
  readonly type: "any";
}
export type Schema = ObjectSchema | MapSchema | ArraySchema | ScalarSchema | AnySchema;

export interface FieldSchema {
  readonly name: string;
  /** Lazily resolved, because types are recursive. */
  readonly schema: Schema;
  readonly required: boolean;
  /** Written even when empty, as upstream writes it: `{}` for a struct, the zero of a scalar. */
  readonly emitEmpty: boolean;
  /** Left out when empty, as upstream leaves it out: a zero scalar, an empty list or map. Others keep what was given. */
  readonly omitEmpty: boolean;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  /** Strategic merge: `merge`, `replace`, `retainKeys`, comma-separated; and the one merge key. */
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  /** Protobuf field number. */
  readonly proto?: number;
  /** For fields that stand inline in JSON: the numbers of the messages that hold them in protobuf, outermost first. */
  readonly protoIn?: readonly number[];
}
