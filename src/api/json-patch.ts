// JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386) on plain values. Inputs are never changed; what a patch does not touch is
// shared between the document and the result. A patch that is no patch is a BadRequest, one that does not apply is Invalid (422).
import { setOwn } from "./json.ts";
import { badRequestError, requestTooLargeError, StatusError } from "./status-error.ts";

const MAX_OPERATIONS = 10_000;
/** How much a patch may add to a document by copying parts of it: `copy` doubles. */
const MAX_COPIED_VALUES = 100_000;

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** A patch that is well formed but cannot be applied to this object. The cause tells why. */
export function patchDoesNotApplyError(why: string): StatusError {
  const message = "the server rejected our request due to an error in our request";
  // Clients are told no more than that; the why is for those who catch the error.
  return Object.assign(new StatusError({ reason: "Invalid", code: 422, message, details: {} }), { cause: why });
}

/** Applies the operations of a JSON Patch one after the other. Throws a `StatusError`. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = readOperations(patch);
  let copied = 0;
  let result = document;
  for (const operation of operations) {
    if (operation.op === "copy" || operation.op === "move") {
      const value = lookUp(result, operation.from ?? "", operation);
      if (operation.op === "move") {
        if (`${operation.path}/`.startsWith(`${operation.from}/`) && operation.path !== operation.from) {
          throw patchDoesNotApplyError(`unable to move ${operation.from} into itself`);
        }
        result = change(result, operation.from ?? "", { ...operation, op: "remove" });
      } else {
        copied += countValues(value, MAX_COPIED_VALUES);
        if (copied > MAX_COPIED_VALUES) throw requestTooLargeError(`a JSON patch must not copy more than ${MAX_COPIED_VALUES} values`);
      }
      result = change(result, operation.path, { ...operation, op: "add", value });
    } else if (operation.op === "test") {
      const found = lookUp(result, operation.path, operation);
      if (!equalJson(found, operation.value)) throw patchDoesNotApplyError(`testing value ${operation.path} failed: test failed`);
    } else result = change(result, operation.path, operation);
  }
  return result;
}

const OPERATION_NAMES: readonly string[] = ["add", "remove", "replace", "move", "copy", "test"];

function readOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw badRequestError("error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp");
  if (patch.length > MAX_OPERATIONS) {
    throw requestTooLargeError(`The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`);
  }
  return patch.map((operation: unknown) => {
    const { op, path, from, value } = isObject(operation) ? operation : {};
    if (typeof op !== "string" || !OPERATION_NAMES.includes(op)) throw patchDoesNotApplyError(`Unexpected kind: ${typeof op === "string" ? op : "unknown"}`);
    if (typeof path !== "string" || (path !== "" && !path.startsWith("/"))) throw patchDoesNotApplyError(`a path begins with "/": ${op}`);
    const needsFrom = op === "move" || op === "copy";
    if (needsFrom && (typeof from !== "string" || (from !== "" && !from.startsWith("/")))) {
      throw badRequestError(`a JSON patch operation needs a from that begins with "/": ${op}`);
    }
    const needsValue = op === "add" || op === "replace" || op === "test";
    return { op, path, ...(needsFrom ? { from: from as string } : {}), ...(needsValue ? { value: value ?? null } : {}) };
  });
}

function tokensOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function missing(operation: Operation, where: string): StatusError {
  return patchDoesNotApplyError(`${operation.op} operation does not apply: doc is missing ${where}: missing value`);
}

function lookUp(document: unknown, pointer: string, operation: Operation): unknown {
  let at = document;
  for (const token of tokensOf(pointer)) {
    if (Array.isArray(at)) at = at[existingIndex(at, token)];
    else if (isObject(at) && Object.hasOwn(at, token)) at = at[token];
    else if (operation.op === "test" && operation.value === null) return null;
    else throw missing(operation, `key: ${pointer}`);
  }
  return at;
}

/** A copy of `document` with one place added, replaced or removed. */
function change(document: unknown, pointer: string, operation: Operation): unknown {
  const [first, ...rest] = tokensOf(pointer);
  if (first === undefined) {
    if (operation.op === "remove") throw patchDoesNotApplyError("unable to remove the whole document");
    return operation.value;
  }
  return changeWithin(document, first, rest, { ...operation, path: pointer });
}

function changeWithin(at: unknown, token: string, rest: readonly string[], operation: Operation): unknown {
  const [next, ...further] = rest;
  if (Array.isArray(at)) {
    const items: unknown[] = [...at];
    if (next !== undefined) {
      const position = existingIndex(items, token);
      items[position] = changeWithin(items[position], next, further, operation);
    } else if (operation.op === "remove") items.splice(existingIndex(items, token), 1);
    else if (operation.op === "replace") items[existingIndex(items, token)] = operation.value;
    else items.splice(token === "-" ? items.length : index(token, items.length), 0, operation.value);
    return items;
  }
  if (!isObject(at)) throw missing(operation, `path: ${JSON.stringify(operation.path)}`);
  const exists = Object.hasOwn(at, token);
  if (!exists && next !== undefined) throw missing(operation, `path: ${JSON.stringify(operation.path)}`);
  // Upstream's library takes the replacement of what is not there for an addition.
  if (!exists && operation.op === "remove") throw missing(operation, `key: ${operation.path}`);
  const result: Record<string, unknown> = { ...at };
  if (next !== undefined) setOwn(result, token, changeWithin(at[token], next, further, operation));
  else if (operation.op === "remove") delete result[token];
  else setOwn(result, token, operation.value);
  return result;
}

function existingIndex(items: readonly unknown[], token: string): number {
  return index(token, items.length - 1);
}

/** A position from 0 to `last`; negative ones count from the end, as upstream's library has it. */
function index(token: string, last: number): number {
  if (!/^-?(0|[1-9][0-9]*)$/.test(token)) throw patchDoesNotApplyError(`unable to parse index ${JSON.stringify(token)}`);
  const given = Number(token);
  const position = given < 0 ? given + last + 1 : given;
  if (position < 0 || position > last) throw patchDoesNotApplyError(`Unable to access invalid index: ${token}: invalid index referenced`);
  return position;
}

function countValues(value: unknown, limit: number): number {
  if (typeof value !== "object" || value === null || limit <= 0) return 1;
  let count = 1;
  for (const item of Object.values(value)) {
    count += countValues(item, limit - count);
    if (count > limit) return count;
  }
  return count;
}

/** Deep equality of JSON values; the order of keys does not matter. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && equalJson((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** A merge patch of an object is an object. */
export function notAnObjectError(prefix: string, patch: unknown): StatusError {
  const found = Array.isArray(patch) ? "array" : typeof patch === "boolean" ? "bool" : typeof patch;
  return badRequestError(patch === null ? "Invalid JSON Patch" : `${prefix}json: cannot unmarshal ${found} into Go value of type map[string]interface {}`);
}

/** Applies a JSON Merge Patch to an object. Throws a BadRequest when it is none. */
export function mergeInto(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw notAnObjectError("error decoding patch: ", patch);
  return applyMergePatch(document, patch);
}

/** Applies a JSON Merge Patch to any value: null removes, objects merge, all else replaces. */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setOwn(result, key, applyMergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value));
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
