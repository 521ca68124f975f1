// Strategic merge patch: a merge patch that knows the lists of Kubernetes' types. Lists whose field says `merge` are merged by
// their merge key (or as sets of scalars); directives in the patch replace, delete, order and retain
// (https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/ and the design
// "preserve order in strategic merge patch"). Inputs are never changed.

import { goText } from "./go-text.ts";
import { setOwn } from "./json.ts";
import { equalJson, notAnObjectError, patchDoesNotApplyError } from "./json-patch.ts";
import type { FieldSchema, Schema } from "./schema.ts";
import { badRequestError, unclassifiedError } from "./status-error.ts";

const PATCH = "$patch";
const RETAIN_KEYS = "$retainKeys";
const SET_ELEMENT_ORDER = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST = "$deleteFromPrimitiveList/";

type JsonObject = Readonly<Record<string, unknown>>;

/** How the value of a key merges. */
interface Merging {
  readonly schema: Schema;
  /** `merge`, `replace` or nothing. */
  readonly strategy: string | undefined;
  readonly mergeKey: string | undefined;
}

const ANYTHING: Schema = { type: "any" };

/** Applies a strategic merge patch to an object of a built-in kind. Throws a `StatusError`. */
export function applyStrategicMergePatch(schema: Schema, document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw notAnObjectError("", patch);
  return mergeObjects(schema, isObject(document) ? document : {}, patch);
}

function mergingOf(schema: Schema, key: string): Merging {
  if (schema.type === "map") return { schema: schema.values, strategy: undefined, mergeKey: undefined };
  const field: FieldSchema | undefined = schema.type === "object" ? schema.fields.get(key) : undefined;
  if (field === undefined) return { schema: ANYTHING, strategy: undefined, mergeKey: undefined };
  const strategy = field.patchStrategy?.split(",").find((name) => name !== "retainKeys");
  return { schema: field.schema, strategy, mergeKey: field.patchMergeKey };
}

function mergeObjects(schema: Schema, original: JsonObject, patch: JsonObject): JsonObject {
  if (Object.hasOwn(patch, PATCH)) return applyObjectDirective(patch);
  let result: Record<string, unknown> = retainKeys(original, patch);
  result = mergeOrderedLists(schema, result, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === RETAIN_KEYS || key.startsWith(SET_ELEMENT_ORDER) || Object.hasOwn(patch, SET_ELEMENT_ORDER + key)) continue;
    if (key.startsWith(DELETE_FROM_PRIMITIVE_LIST)) deleteFromPrimitiveList(result, key.slice(DELETE_FROM_PRIMITIVE_LIST.length), value);
    else mergeKey(schema, result, key, value);
  }
  return result;
}

function mergeKey(schema: Schema, result: Record<string, unknown>, key: string, value: unknown): void {
  if (value === null) {
    delete result[key];
    return;
  }
  const current = Object.hasOwn(result, key) ? result[key] : undefined;
  const merging = mergingOf(schema, key);
  if (isObject(current) && isObject(value)) {
    setOwn(result, key, merging.strategy === "replace" ? withoutDirectives(value) : mergeObjects(merging.schema, current, value));
  } else if (Array.isArray(current) && Array.isArray(value)) {
    setOwn(result, key, merging.strategy === "merge" ? mergeLists(merging, current, value) : withoutDirectives(value));
  } else {
    const kept = withoutDirectives(value);
    if (kept === undefined) delete result[key];
    else setOwn(result, key, kept);
  }
}

/** `$patch: replace` takes the patch as it is, `$patch: delete` leaves nothing. */
function applyObjectDirective(patch: JsonObject): JsonObject {
  const { [PATCH]: directive, ...rest } = patch;
  if (directive === "replace") return (withoutDirectives(rest) ?? {}) as JsonObject;
  if (directive === "delete") return {};
  throw unclassifiedError(`unknown patch type: ${String(directive)} in map: ${goText(patch)}`);
}

/** `$retainKeys` names all the keys that may be left: for unions, whose other members must go. */
function retainKeys(original: JsonObject, patch: JsonObject): Record<string, unknown> {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return { ...original };
  const retained = patch[RETAIN_KEYS];
  const badFormat = badRequestError("invalid patch format of retainKeys");
  if (!Array.isArray(retained)) throw badFormat;
  for (const [key, value] of Object.entries(patch)) {
    if (value !== null && !key.startsWith("$") && !retained.includes(key)) throw badFormat;
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => retained.includes(key)));
}

/** `$setElementOrder/x` says in what order the items of list `x` that the client knows of shall stand. */
function mergeOrderedLists(schema: Schema, result: Record<string, unknown>, patch: JsonObject): Record<string, unknown> {
  for (const [directive, order] of Object.entries(patch)) {
    if (directive === SET_ELEMENT_ORDER.slice(0, -1) && !Array.isArray(order))
      throw unclassifiedError(`expected a []interface {}, but received a ${typeof order === "number" ? "int64" : typeof order}`);
    if (!directive.startsWith(SET_ELEMENT_ORDER)) continue;
    const key = directive.slice(SET_ELEMENT_ORDER.length);
    const badFormat = patchDoesNotApplyError("invalid patch format of setElementOrder list");
    const original = result[key];
    const changes = patch[key];
    const merging = mergingOf(schema, key);
    if (changes === null) {
      delete result[key];
      continue;
    }
    if (!Array.isArray(order) || !isOptionalList(original) || !isOptionalList(changes)) throw badFormat;
    checkOrder(changes ?? [], order, merging.mergeKey);
    if (original === undefined && changes === undefined) continue;
    const merged = mergedList(merging, original, changes);
    result[key] = inOrder(merged, order, original ?? [], merging.mergeKey);
  }
  return result;
}

function mergedList(merging: Merging, original: readonly unknown[] | undefined, changes: readonly unknown[] | undefined): readonly unknown[] {
  if (changes === undefined) return original ?? [];
  if (original === undefined || merging.strategy !== "merge") return withoutDirectives(changes) as readonly unknown[];
  return mergeLists(merging, original, changes);
}

/** What a patch adds must stand in the order list, in that order. */
function checkOrder(changes: readonly unknown[], order: readonly unknown[], mergeKey: string | undefined): void {
  if (order.length === 0) return;
  let position = 0;
  for (const item of changes) {
    if (isObject(item) && Object.hasOwn(item, PATCH)) continue;
    while (position < order.length && !sameItem(item, order[position], mergeKey)) position++;
    if (position === order.length) throw patchDoesNotApplyError("The order in patch list doesn't match $setElementOrder list");
    position++;
  }
}

function mergeLists(merging: Merging, original: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  if (original.length === 0 && patch.length === 0) return original;
  const items = [...original, ...patch];
  if (items.some(Array.isArray)) throw patchDoesNotApplyError("lists of lists are not supported");
  if (!items.some(isObject)) {
    const merged = [...new Set(items)];
    return inOrder(merged, patch, original, undefined);
  }
  const { mergeKey } = merging;
  if (mergeKey === undefined) throw patchDoesNotApplyError("cannot merge lists without merge key");
  const { remaining, additions } = applyItemDirectives(original, patch, mergeKey);
  const merged = [...remaining];
  const itemSchema = merging.schema.type === "array" ? merging.schema.items : ANYTHING;
  for (const item of additions) {
    const position = merged.findIndex((other) => sameItem(other, item, mergeKey));
    const current = merged[position];
    if (isObject(current)) merged[position] = mergeObjects(itemSchema, current, item);
    else merged.push(mergeObjects(itemSchema, {}, item));
  }
  return inOrder(merged, additions, remaining, mergeKey);
}

/** Items with `$patch`: one deletes its namesakes, `replace` clears the whole list. */
function applyItemDirectives(
  original: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
): { remaining: readonly unknown[]; additions: readonly JsonObject[] } {
  let remaining = original;
  let replaces = false;
  const additions: JsonObject[] = [];
  for (const item of patch) {
    if (!isObject(item)) throw patchDoesNotApplyError("expected a map, but received a scalar in a list of maps");
    const directive = item[PATCH];
    if (directive === "replace") replaces = true;
    else if (!Object.hasOwn(item, mergeKey)) throw unclassifiedError(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
    else if (directive === undefined) additions.push(item);
    else if (directive === "delete") remaining = remaining.filter((other) => !sameItem(other, item, mergeKey));
    else if (directive === "merge") throw patchDoesNotApplyError("merging lists cannot yet be specified in the patch");
    else throw unclassifiedError(`unknown patch type: ${String(directive)} in map: ${goText(item)}`);
  }
  // As it is: a list may hold two items of one key, as a node's addresses of one type.
  return replaces ? { remaining: additions.map(withoutDirectives), additions: [] } : { remaining, additions };
}

/** Items that `order` names stand in its order; the others keep theirs, and go before the first of the former that stood behind them. */
function inOrder(items: readonly unknown[], order: readonly unknown[], serverOrder: readonly unknown[], mergeKey: string | undefined): unknown[] {
  const rank = (item: unknown): number => order.findIndex((other) => sameItem(other, item, mergeKey));
  const serverRank = (item: unknown): number => serverOrder.findIndex((other) => sameItem(other, item, mergeKey));
  const named = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const others = items.filter((item) => rank(item) < 0);
  const result: unknown[] = [];
  for (const item of named) {
    const place = serverRank(item);
    while (place >= 0 && others.length > 0 && serverRank(others[0]) >= 0 && serverRank(others[0]) < place) result.push(others.shift());
    result.push(item);
  }
  return [...result, ...others];
}

function sameItem(a: unknown, b: unknown, mergeKey: string | undefined): boolean {
  if (mergeKey === undefined) return a === b;
  return isObject(a) && isObject(b) && Object.hasOwn(a, mergeKey) && equalJson(a[mergeKey], b[mergeKey]);
}

function deleteFromPrimitiveList(result: Record<string, unknown>, key: string, values: unknown): void {
  if (!Array.isArray(values)) throw patchDoesNotApplyError("invalid patch format of primitive list");
  const current = result[key];
  if (Array.isArray(current)) result[key] = current.filter((item) => !values.includes(item));
}

/** A value without anything that only instructs: directives with the objects that hold them, nulls. Undefined when nothing is left to keep. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, PATCH)) return undefined;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null || key === RETAIN_KEYS || key.startsWith(SET_ELEMENT_ORDER) || key.startsWith(DELETE_FROM_PRIMITIVE_LIST)) continue;
    const kept = withoutDirectives(item);
    if (kept !== undefined) setOwn(result, key, kept);
  }
  return result;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isOptionalList(value: unknown): value is readonly unknown[] | undefined {
  return value === undefined || Array.isArray(value);
}
