// From what a client sent to an object of a kind: types are checked, unknown fields pruned and reported, values brought to their
// one form (quantities, times), nulls dropped, and the fields that are always present filled in, so that what comes out is what
// its TypeScript type promises. The walk is the same for built-in kinds and custom resources.
//
// Failures are BadRequest, worded as upstream words them. The input is not changed.

import { type Mutable, present, WRONG_QUANTITY_FORMAT } from "../base/index.ts";
import { objectSchemaOf } from "./compile.ts";
import { emptyValue, fieldsAlwaysPresent, isEmptyValue } from "./emptiness.ts";
import { FieldPath, invalid } from "./field-errors.ts";
import { type DuplicateKeys, formatJson, JsonSyntaxError, MAX_DEPTH, parseJson, setOwn } from "./json.ts";
import { isMisfit } from "./misfits.ts";
import type { KubeObject } from "./object.ts";
import { goTypeOf, normalizeScalar } from "./scalar.ts";
import type { ArraySchema, MapSchema, ObjectSchema, ScalarSchema, Schema } from "./schema.ts";
import { badRequestError, invalidError, type StatusError, unclassifiedError } from "./status-error.ts";
import { parseYaml } from "./yaml.ts";

/** What decoding needs to know of a kind; every `Kind` is one. `T` is the type of its objects. */
export interface DecodeTarget<_T = KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly schema: Schema;
  /** Versions that are read as this one, for they say the same. */
  readonly olderVersions?: readonly string[];
}

/** Clients as old as kubectl 1.20 evict with the version that came first. */
const OLDER_VERSIONS: Readonly<Record<string, readonly string[]>> = { "policy/v1 Eviction": ["policy/v1beta1"] };

/** The target for a kind that only travels in requests: Eviction, Scale, TokenRequest, DeleteOptions. */
export function decodeTarget<T>(apiVersion: string, kind: string): DecodeTarget<T> {
  const schema = present(objectSchemaOf(apiVersion, kind), `schema of ${apiVersion} ${kind}`);
  return { apiVersion, kind, schema, olderVersions: OLDER_VERSIONS[`${apiVersion} ${kind}`] };
}

/** What happens with unknown and repeated fields: nothing, a warning, or a refusal. */
export type FieldValidation = "Ignore" | "Warn" | "Strict";

export interface DecodeOptions {
  /** Default `json`. */
  readonly format?: "json" | "yaml";
  /** Default `Warn`. */
  readonly fieldValidation?: FieldValidation;
}

export interface Decoded<T> {
  readonly object: Mutable<T>;
  /** What a `Warn` has to say, e.g. `unknown field "spec.foo"`. */
  readonly warnings: readonly string[];
}

/** What every object has, built-in or custom; null stands for nothing there. */
const OBJECT_FIELDS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/** As many complaints as one answer carries. */
const MAX_PROBLEMS = 100;

/** Parses and decodes the body of a request. Throws a BadRequest `StatusError`. */
export function decode<T extends KubeObject>(target: DecodeTarget<T>, body: string | Uint8Array, options: DecodeOptions = {}): Decoded<T> {
  const mode = options.fieldValidation ?? "Warn";
  try {
    if (options.format === "yaml") {
      const { value, problems } = parseYaml(body);
      const result = decodeValue(target, value, mode === "Strict" ? "Warn" : mode);
      const found = mode === "Ignore" ? [] : [...yamlProblems(problems, mode), ...result.warnings];
      return judge(target, result.object, { problems: found, mode, refuse: cannotBeHandled });
    }
    const { value, duplicates } = parseJson(body, mode !== "Ignore");
    checkGroupVersion(target, value, body);
    return decodeValue(target, value, mode, duplicates);
  } catch (error) {
    if (error instanceof JsonSyntaxError) {
      throw unrecognized(target, options.format === "yaml" ? error.message : `couldn't get version/kind; json parse error: ${error.message}`, body);
    }
    throw error;
  }
}

/** A version with too many parts is none, whatever the kind. */
function checkGroupVersion(target: DecodeTarget<unknown>, value: unknown, body: string | Uint8Array): void {
  const { apiVersion } = (value ?? {}) as { readonly apiVersion?: unknown };
  if (typeof apiVersion !== "string" || apiVersion.split("/").length < 3) return;
  throw unrecognized(target, `unexpected GroupVersion string: ${apiVersion}`, body);
}

/** Decodes an already parsed value, for instance the outcome of a patch. Throws a BadRequest `StatusError`. */
export function decodeValue<T extends KubeObject>(
  target: DecodeTarget<T>,
  value: unknown,
  mode: FieldValidation = "Ignore",
  duplicates?: DuplicateKeys,
): Decoded<T> {
  return decodeOr(target, value, { mode, duplicates, refuse: cannotBeHandled });
}

/** Decodes what has a place of its own and says no more than what is wrong. Throws a BadRequest `StatusError`. */
export function decodeBare<T extends KubeObject>(target: DecodeTarget<T>, value: unknown): Decoded<T> {
  return decodeOr(target, value, { mode: "Ignore", refuse: (_target, why) => badRequestError(why) });
}

/** Decodes a part of an object. Throws a BadRequest `StatusError`. */
export function decodePart(schema: Schema, value: unknown): unknown {
  try {
    return new DecodeWalk(false, undefined).decode(schema, value);
  } catch (error) {
    if (error instanceof DecodeFailure) throw badRequestError(error.message);
    throw error;
  }
}

/** Decodes the outcome of a patch; that of a strategic one is told wrong types in another way. Throws an Invalid `StatusError` that shows it. */
export function decodePatched<T extends KubeObject>(
  target: DecodeTarget<T>,
  value: unknown,
  { mode = "Ignore", known, isStrategic }: { readonly mode?: FieldValidation; readonly known?: readonly string[]; readonly isStrategic: boolean },
): Decoded<T> {
  const refuse: Refusal = (_target, why) => invalidError({ group: "", kind: "" }, "", [invalid(FieldPath.root("patch"), formatJson(value), why)]);
  return decodeOr(target, value, { mode, known, refuse, ...(isStrategic ? { wrongType: wrongTypeInMemory } : {}) });
}

/** What a value says it is. */
type GivenType = Pick<DecodeTarget, "apiVersion" | "kind">;
/** How a value that is none of the target's is refused, and why. */
type Refusal = (target: DecodeTarget<unknown>, why: string, given?: GivenType) => StatusError;

interface Strictness {
  readonly mode: FieldValidation;
  readonly duplicates?: DuplicateKeys | undefined;
  /** Problems that were found before. */
  readonly known?: readonly string[] | undefined;
  readonly refuse: Refusal;
  readonly wrongType?: (value: unknown, goType: string) => string;
}

function decodeOr<T extends KubeObject>(target: DecodeTarget<T>, value: unknown, { mode, duplicates, known = [], refuse, wrongType }: Strictness): Decoded<T> {
  checkTypeMeta(target, value, refuse);
  const walk = new DecodeWalk(mode !== "Ignore", duplicates, true, wrongType);
  let object: Record<string, unknown>;
  try {
    // A body that is null says as much as one that is empty.
    object = walk.decode(target.schema, value ?? {}) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof DecodeFailure) throw refuse(target, error.message);
    throw error;
  }
  const decoded = { ...object, kind: target.kind, apiVersion: target.apiVersion } as unknown as Mutable<T>;
  return judge(target, decoded, { problems: [...known, ...walk.problems].slice(0, MAX_PROBLEMS), mode, refuse });
}

/** A body that does not even tell what it is; its beginning is shown, in hexadecimal when it is not JSON's. */
function unrecognized(target: DecodeTarget<unknown>, why: string, body: string | Uint8Array): StatusError {
  return badRequestError(`the object provided is unrecognized (must be of type ${target.kind}): ${why} (${beginningOf(body)})`);
}

const SHOWN_LENGTH = 30;

function beginningOf(body: string | Uint8Array): string {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (bytes.length === 0) return "<empty>";
  const isJson = /^\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, 1024)));
  const text = isJson
    ? new TextDecoder().decode(bytes.subarray(0, SHOWN_LENGTH))
    : [...bytes.subarray(0, SHOWN_LENGTH)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return bytes.length > SHOWN_LENGTH ? `${text} ...` : text;
}

/** A refusal lists the lines under a heading, a warning tells each by itself. */
function yamlProblems(problems: readonly string[], mode: FieldValidation): readonly string[] {
  return mode === "Strict" && problems.length > 0 ? [`yaml: unmarshal errors:\n  ${problems.join("\n  ")}`] : problems;
}

interface Judged {
  readonly problems: readonly string[];
  readonly mode: FieldValidation;
  readonly refuse: Refusal;
}

function judge<T>(target: DecodeTarget<T>, object: Mutable<T>, { problems, mode, refuse }: Judged): Decoded<T> {
  if (mode === "Strict" && problems.length > 0) throw refuse(target, strictDecodingText(problems));
  return { object, warnings: mode === "Warn" ? problems : [] };
}

/** Decodes what a client applies, whose types are right: only what it says, for every field it names it will own. Throws a `StatusError`. */
export function decodeConfiguration(target: DecodeTarget<unknown>, value: unknown): Record<string, unknown> {
  try {
    return new DecodeWalk(false, undefined, false, wrongTypeInMemory).decode(target.schema, value) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof DecodeFailure)) throw error;
    const type = gvkText(target);
    throw unclassifiedError(
      `failed to convert new object (${configurationName(value)}; ${type}) to proper version: unable to convert unstructured object to ${type}: ${error.message}`,
    );
  }
}

/** A configuration that does not fit the types of its kind. Upstream gives no reason for it. */
export function notTypedError(target: DecodeTarget<unknown>, value: unknown, why: string): StatusError {
  return unclassifiedError(`failed to create typed patch object (${configurationName(value)}; ${gvkText(target)}): ${why}`);
}

function configurationName(value: unknown): string {
  const { namespace = "", name = "" } = (value as { readonly metadata?: { readonly namespace?: string; readonly name?: string } }).metadata ?? {};
  return `${namespace}/${name}`;
}

function gvkText({ apiVersion, kind }: DecodeTarget<unknown>): string {
  return `${apiVersion.includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

/** An applied configuration says what it is. Throws a BadRequest. */
export function checkConfigurationType({ apiVersion, kind }: DecodeTarget<unknown>, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const type = `json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type map[string]interface {}`;
    throw badRequestError(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${type}`);
  }
  const given = value as { readonly apiVersion?: unknown; readonly kind?: unknown };
  if (given.apiVersion === apiVersion && given.kind === kind) return;
  const version = typeof given.apiVersion === "string" ? given.apiVersion : "";
  const kindText = typeof given.kind === "string" ? given.kind : "";
  throw badRequestError(`invalid object type: ${version.includes("/") ? version : `/${version}`}, Kind=${kindText}`);
}

/** What strict decoding answers with. */
export function strictDecodingText(problems: readonly string[]): string {
  return `strict decoding error: ${problems.join(", ")}`;
}

function cannotBeHandled(target: DecodeTarget<unknown>, why: string, given: GivenType = target): StatusError {
  return badRequestError(`${given.kind} in version ${JSON.stringify(versionOf(given.apiVersion))} cannot be handled as a ${target.kind}: ${why}`);
}

function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf("/") + 1);
}

/** Where upstream keeps its list of kinds, as its answers name it. */
const SCHEME = "pkg/runtime/scheme.go:111";

/** A body may leave out what it is; it may not claim to be something else. */
function checkTypeMeta(target: DecodeTarget<unknown>, value: unknown, refuse: Refusal): void {
  if (value === null) return;
  if (typeof value !== "object" || Array.isArray(value)) {
    const found = jsonTypeOf(value);
    throw badRequestError(
      `the object provided is unrecognized (must be of type ${target.kind}): couldn't get version/kind; json parse error: json: cannot unmarshal ${found} into Go value of type an object with apiVersion and kind`,
    );
  }
  const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown };
  if (!isOptionalText(apiVersion) || !isOptionalText(kind)) throw refuse(target, "apiVersion and kind must be strings");
  const given = { apiVersion: apiVersion || target.apiVersion, kind: kind || target.kind };
  const isOfVersion = given.apiVersion === target.apiVersion || target.olderVersions?.includes(given.apiVersion) === true;
  if (isOfVersion && given.kind === target.kind) return;
  const isCustom = target.schema.type === "object" && target.schema.keepsMisfits === true;
  if (isCustom) throw refuseOtherCustom(target, given, refuse);
  const schema = given.kind === "List" && given.apiVersion === "v1" ? ANY_LIST : objectSchemaOf(given.apiVersion, given.kind);
  if (schema === undefined) throw refuse(target, notRegisteredText(given), given);
  if (given.kind === target.kind)
    throw badRequestError(`the API version in the data (${given.apiVersion}) does not match the expected API version (${target.apiVersion})`);
  throw refuse(target, whyOtherKind(target, given, schema, value), given);
}

/** Nobody knows of all custom resources: what says that it is something else is not looked up. */
function refuseOtherCustom(target: DecodeTarget<unknown>, given: GivenType, refuse: Refusal): StatusError {
  if (given.kind !== target.kind) return refuse(target, `the kind in the data (${given.kind}) does not match the expected kind (${target.kind})`, given);
  return badRequestError(`the API version in the data (${given.apiVersion}) does not match the expected API version (${target.apiVersion})`);
}

/** A list of anything. */
const ANY_LIST: ObjectSchema = { type: "object", fields: new Map(), preserveUnknown: true, mapType: "granular" };

export function notRegisteredText({ apiVersion, kind }: GivenType): string {
  return `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme ${JSON.stringify(SCHEME)}`;
}

/** What is of another kind is read as that kind first, and may already fail there. */
function whyOtherKind(target: DecodeTarget<unknown>, given: GivenType, schema: ObjectSchema, value: object): string {
  try {
    new DecodeWalk(false, undefined).decode(schema, value);
  } catch (error) {
    if (error instanceof DecodeFailure) return error.message;
    throw error;
  }
  const [group = ""] = target.apiVersion.includes("/") ? target.apiVersion.split(/[./]/) : ["core"];
  return `converting (${versionOf(given.apiVersion)}.${given.kind}) to (${group}.${target.kind}): unknown conversion`;
}

function isOptionalText(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === "string";
}

/** A value that does not fit its schema; the message is the part that follows `cannot be handled as a …: `. */
class DecodeFailure extends Error {
  override readonly name = "DecodeFailure";
}

/** A key of a map, as a step of the way to a value. */
class MapKey {
  constructor(readonly key: string) {}
}

/** One walk over a value and its schema. The stack holds where it is: field names, map keys, positions in lists. */
class DecodeWalk {
  readonly problems: string[] = [];
  readonly #complete: boolean;
  readonly #report: boolean;
  readonly #duplicates: DuplicateKeys | undefined;
  /** How a wrong type is told, where that is not in JSON's words. */
  readonly #wrongTypeText: ((value: unknown, goType: string) => string) | undefined;
  readonly #stack: (string | number | MapKey)[] = [];
  /** The struct that the current field belongs to, as failures name it. */
  #struct = "";

  /** Not `complete`: the value is left with just the fields it came with. */
  constructor(report: boolean, duplicates: DuplicateKeys | undefined, complete = true, wrongType?: (value: unknown, goType: string) => string) {
    this.#wrongTypeText = wrongType;
    this.#report = report;
    this.#complete = complete;
    this.#duplicates = duplicates === undefined || duplicates.size === 0 ? undefined : duplicates;
  }

  decode(schema: Schema, value: unknown): unknown {
    if (isMisfit(schema, value)) return this.#any(value);
    switch (schema.type) {
      case "object":
        return this.#object(schema, value);
      case "map":
        return this.#map(schema, value);
      case "array":
        return this.#array(schema, value);
      case "any":
        return this.#any(value);
      default:
        return this.#scalar(schema, value);
    }
  }

  #object(schema: ObjectSchema, value: unknown): unknown {
    if (!isPlainObject(value)) throw this.#wrongType(value, goTypeOfDefinition(schema.definition));
    this.#enter();
    const outerStruct = this.#struct;
    const struct = schema.definition?.slice(schema.definition.lastIndexOf(".") + 1) ?? "";
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      this.#stack.push(key);
      this.#struct = struct;
      const field = schema.fields.get(key);
      const item = value[key];
      if (field === undefined) {
        if (schema.preserveUnknown) setOwn(result, key, this.#any(item));
        else this.#complain("unknown");
      } else {
        if (schema.keepsMisfits === true && item === null && !OBJECT_FIELDS.has(key)) result[key] = null;
        else if (item !== null && item !== undefined) {
          const decoded = this.decode(field.schema, item);
          if (!(this.#complete && field.omitEmpty && isEmptyValue(decoded))) result[key] = decoded;
        }
        this.#reportDuplicate(value, key);
      }
      this.#stack.pop();
    }
    this.#struct = outerStruct;
    for (const field of this.#complete ? fieldsAlwaysPresent(schema) : []) {
      if (result[field.name] !== undefined) continue;
      const empty = emptyValue(field.schema);
      if (empty !== undefined) result[field.name] = empty;
    }
    return result;
  }

  #map({ values, keepsMisfits = false }: MapSchema, value: unknown): unknown {
    if (!isPlainObject(value)) throw this.#wrongType(value, `map[string]${goTypeOfSchema(values)}`);
    this.#enter();
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      this.#stack.push(new MapKey(key));
      setOwn(result, key, this.#item(values, value[key], keepsMisfits));
      this.#reportDuplicate(value, key);
      this.#stack.pop();
    }
    return result;
  }

  #array({ items, keepsMisfits = false }: ArraySchema, value: unknown): unknown {
    if (!Array.isArray(value)) throw this.#wrongType(value, `[]${goTypeOfSchema(items)}`);
    this.#enter();
    return value.map((item, position) => {
      this.#stack.push(position);
      const decoded = this.#item(items, item, keepsMisfits);
      this.#stack.pop();
      return decoded;
    });
  }

  /** In lists and maps null stands for the empty value. */
  #item(schema: Schema, value: unknown, keepsNull: boolean): unknown {
    if (value !== null && value !== undefined) return this.decode(schema, value);
    return keepsNull ? null : (emptyValue(schema) ?? null);
  }

  #any(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    this.#enter();
    if (Array.isArray(value)) return value.map((item, position) => this.#within(position, () => this.#any(item)));
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const item = (value as Record<string, unknown>)[key];
      if (item !== undefined)
        setOwn(
          result,
          key,
          this.#within(key, () => this.#any(item)),
        );
      this.#stack.push(key);
      this.#reportDuplicate(value, key);
      this.#stack.pop();
    }
    return result;
  }

  #within<R>(step: string | number, action: () => R): R {
    this.#stack.push(step);
    const result = action();
    this.#stack.pop();
    return result;
  }

  #scalar(schema: ScalarSchema, value: unknown): unknown {
    const outcome = normalizeScalar(schema.type, value);
    if (outcome.ok) return outcome.value;
    throw outcome.reason === "form" ? new DecodeFailure(outcome.message) : this.#wrongType(value, outcome.goType);
  }

  #enter(): void {
    if (this.#stack.length > MAX_DEPTH) throw new DecodeFailure("exceeded max depth");
  }

  #reportDuplicate(object: object, key: string): void {
    if (this.#duplicates?.get(object)?.includes(key)) this.#complain("duplicate");
  }

  #complain(what: "unknown" | "duplicate"): void {
    if (!this.#report || this.problems.length >= MAX_PROBLEMS) return;
    this.problems.push(`${what} field ${JSON.stringify(this.#path())}`);
  }

  #path(): string {
    return this.#stack
      .map((step, position) => {
        if (typeof step === "number") return `[${step}]`;
        const name = step instanceof MapKey ? step.key : step;
        return position === 0 ? name : `.${name}`;
      })
      .join("");
  }

  #wrongType(value: unknown, goType: string): DecodeFailure {
    if (this.#wrongTypeText !== undefined) return new DecodeFailure(this.#wrongTypeText(value, goType));
    const fields = this.#stack.filter((step) => typeof step === "string").join(".");
    const target = fields === "" ? `Go value of type ${goType}` : `Go struct field ${this.#struct}.${fields} of type ${goType}`;
    const found = typeof value === "number" && goType.startsWith("int") ? `number ${value}` : jsonTypeOf(value);
    return new DecodeFailure(`json: cannot unmarshal ${found} into ${target}`);
  }
}

/** Upstream converts the outcome of a strategic patch without a detour over JSON, and tells of kinds of Go values. */
function wrongTypeInMemory(value: unknown, goType: string): string {
  const found = goKindOf(value);
  if (goType === "resource.Quantity") return WRONG_QUANTITY_FORMAT;
  if (goType.startsWith("[]")) return `cannot restore slice from ${found}`;
  if (goType.startsWith("map[")) return `cannot restore map from ${found}`;
  if (goType.includes(".")) return `cannot restore struct from: ${found}`;
  if (found === "int64" && goType === "string") return "cannot convert int64 to string";
  if (found === "float64" && goType.startsWith("int")) return `cannot convert float64 to ${goType}`;
  return `unrecognized type: ${goType}`;
}

function goKindOf(value: unknown): string {
  if (Array.isArray(value)) return "slice";
  if (typeof value === "bigint") return "int64";
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : "map";
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function jsonTypeOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value === "bigint" ? `number ${value}` : typeof value;
}

function goTypeOfSchema(schema: Schema): string {
  switch (schema.type) {
    case "object":
      return goTypeOfDefinition(schema.definition);
    case "map":
      return `map[string]${goTypeOfSchema(schema.values)}`;
    case "array":
      return `[]${goTypeOfSchema(schema.items)}`;
    case "any":
      return "interface {}";
    default:
      return goTypeOf(schema.type);
  }
}

/** `io.k8s.api.core.v1.Container` is `v1.Container`. */
function goTypeOfDefinition(definition: string | undefined): string {
  return definition === undefined ? "map[string]interface {}" : definition.split(".").slice(-2).join(".");
}
