// A value against its structural schema: types, bounds, patterns, formats, enumerations, what must be there, and the schemas that are joined
// by allOf, anyOf, oneOf and not. Texts are those that Kubernetes answers with.
//
// What is wrong with a part that an update leaves as it is does not count. The walk is linear in the value for each schema that looks at it.
import { type FieldError, FieldPath, invalid, notSupported, required, tooLong, tooMany, typeInvalid } from "../field-errors.ts";
import type { JSONSchemaProps } from "../generated/types.ts";
import { formatJson } from "../json.ts";
import { equalJson } from "../json-patch.ts";
import { hasFormat } from "./formats.ts";
import { type JsonObject, oldItemOf } from "./list-items.ts";
import { matchesPattern } from "./patterns.ts";
import { itemsOf, valuesOf } from "./structural-schema.ts";

/** What was found, and how many checks went well: of several schemas that do not fit, the errors of the best are told. */
interface Verdict {
  readonly errors: FieldError[];
  matches: number;
}

/** Where a value stands: the text of its path in messages. */
type Place = string;

/** All that is wrong with a value; `old` is what an update replaces. */
export function checkValue(schema: JSONSchemaProps, value: unknown, old: unknown): FieldError[] {
  return check(schema, value, old, "").errors;
}

function check(schema: JSONSchemaProps, value: unknown, old: unknown, place: Place): Verdict {
  const verdict: Verdict = { errors: [], matches: 0 };
  if (old !== undefined && equalJson(value, old)) return verdict;
  if (!checkType(schema, value, place, verdict) || value === null) {
    checkEnum(schema, value, place, verdict);
    if (value === null) return verdict;
  } else checkEnum(schema, value, place, verdict);
  checkJunctors(schema, value, old, place, verdict);
  if (typeof value === "string") checkString(schema, value, place, verdict);
  else if (typeof value === "number" || typeof value === "bigint") checkNumber(schema, Number(value), place, verdict);
  else if (Array.isArray(value)) checkList(schema, value, old, place, verdict);
  else if (typeof value === "object") checkObject(schema, value as JsonObject, old, place, verdict);
  return verdict;
}

function pathOf(place: Place): FieldPath {
  return place === "" ? FieldPath.empty : FieldPath.root(place.replace(/^\./, ""));
}

function say(verdict: Verdict, place: Place, value: unknown, text: string): void {
  verdict.errors.push(invalid(pathOf(place), value, `${place} in body ${text}`));
}

function typesOf(schema: JSONSchemaProps): readonly string[] {
  if (schema["x-kubernetes-int-or-string"] === true) return ["integer", "string"];
  return schema.type === undefined || schema.type === "" ? [] : [schema.type];
}

function checkType(schema: JSONSchemaProps, value: unknown, place: Place, verdict: Verdict): boolean {
  const types = typesOf(schema);
  if (types.length === 0) return true;
  const found = jsonTypeOf(value);
  const fits = value === null ? schema.nullable === true : types.includes(found) || (found === "integer" && types.includes("number"));
  if (fits) verdict.matches++;
  else verdict.errors.push(typeInvalid(pathOf(place), found, `${place} in body must be of type ${types.join(",")}: ${JSON.stringify(found)}`));
  return fits;
}

function jsonTypeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "integer";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function checkEnum(schema: JSONSchemaProps, value: unknown, place: Place, verdict: Verdict): void {
  if (schema.enum === undefined || schema.enum.length === 0) return;
  if (value !== null && schema.enum.some((allowed) => equalJson(allowed, value))) verdict.matches++;
  else {
    const allowed = schema.enum.map((item) => (typeof item === "string" ? item : formatJson(item)));
    verdict.errors.push(notSupported(pathOf(place), value, allowed));
  }
}

function checkString(schema: JSONSchemaProps, value: string, place: Place, verdict: Verdict): void {
  const { minLength, maxLength, pattern, format } = schema;
  const length = [...value].length;
  if (maxLength !== undefined && length > maxLength) verdict.errors.push(tooLong(pathOf(place), maxLength));
  else if (minLength !== undefined && length < minLength) say(verdict, place, value, `should be at least ${minLength} chars long`);
  else if (pattern !== undefined && pattern !== "" && !matchesPattern(pattern, value)) say(verdict, place, value, `should match '${pattern}'`);
  if (format !== undefined && !hasFormat(format, value)) {
    verdict.errors.push(typeInvalid(pathOf(place), value, `${place} in body must be of type ${format}: ${JSON.stringify(value)}`));
  }
}

const RANGES: Readonly<Record<string, number>> = { int32: 2 ** 31, uint32: 2 ** 32 };

function checkNumber(schema: JSONSchemaProps, value: number, place: Place, verdict: Verdict): void {
  const { minimum, maximum, multipleOf, format = "", type } = schema;
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) say(verdict, place, value, `should be a multiple of ${multipleOf}`);
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    say(verdict, place, value, `should be less than ${schema.exclusiveMaximum === true ? "" : "or equal to "}${maximum}`);
  }
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    say(verdict, place, value, `should be greater than ${schema.exclusiveMinimum === true ? "" : "or equal to "}${minimum}`);
  }
  const range = RANGES[format];
  if (type === "integer" && range !== undefined && (value >= range || value < (format === "int32" ? -range : 0))) {
    verdict.errors.push(invalid(NOWHERE, "", `Checked value must be of type integer with format ${format} in ${place}`));
  }
}

/** Upstream gives no path with what it says of several schemas together. */
const NOWHERE = FieldPath.root("<nil>");

function checkList(schema: JSONSchemaProps, value: readonly unknown[], old: unknown, place: Place, verdict: Verdict): void {
  const { minItems, maxItems } = schema;
  const items = itemsOf(schema);
  if (items !== undefined) {
    for (const [position, item] of value.entries()) merge(verdict, check(items, item, oldItemOf(schema, item, old), `${place}[${position}]`));
  }
  if (minItems !== undefined && value.length < minItems) say(verdict, place, value.length, `should have at least ${minItems} items`);
  if (maxItems !== undefined && value.length > maxItems) verdict.errors.push(tooMany(pathOf(place), value.length, maxItems));
}

function merge(verdict: Verdict, other: Verdict): void {
  verdict.errors.push(...other.errors);
  verdict.matches += other.matches;
}

function checkObject(schema: JSONSchemaProps, value: JsonObject, old: unknown, place: Place, verdict: Verdict): void {
  const keys = Object.keys(value).sort();
  const { minProperties, maxProperties, properties = {} } = schema;
  if (minProperties !== undefined && keys.length < minProperties) {
    say(verdict, place, keys.length, `should have at least ${minProperties} properties`);
    return;
  }
  if (maxProperties !== undefined && keys.length > maxProperties) {
    verdict.errors.push(tooMany(pathOf(place), keys.length, maxProperties));
    return;
  }
  const values = valuesOf(schema);
  for (const key of keys) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const child = property ?? values;
    if (child !== undefined) merge(verdict, check(child, value[key], fieldOf(old, key), below(place, key)));
    else if (schema.additionalProperties === false) verdict.errors.push(invalid(pathOf(place), "", `${place}.${key} in body is a forbidden property`));
  }
  for (const key of schema.required ?? []) {
    if (Object.hasOwn(value, key)) verdict.matches++;
    else verdict.errors.push(required(pathOf(below(place, key))));
  }
}

function below(place: Place, key: string): Place {
  return place === "" ? key : `${place}.${key}`;
}

function fieldOf(old: unknown, key: string): unknown {
  if (typeof old !== "object" || old === null || Array.isArray(old) || !Object.hasOwn(old, key)) return undefined;
  return (old as JsonObject)[key];
}

function checkJunctors(schema: JSONSchemaProps, value: unknown, old: unknown, place: Place, verdict: Verdict): void {
  const { anyOf = [], oneOf = [], allOf = [], not } = schema;
  const judge = (part: JSONSchemaProps): Verdict => check(part, value, old, place);
  const complain = (text: string): void => void verdict.errors.push(invalid(NOWHERE, "", `${JSON.stringify(place)} ${text}`));
  if (anyOf.length > 0) {
    const verdicts = anyOf.map(judge);
    const fitting = verdicts.find(isClean);
    if (fitting === undefined) complain("must validate at least one schema (anyOf)");
    merge(verdict, fitting ?? best(verdicts));
  }
  if (oneOf.length > 0) {
    const verdicts = oneOf.map(judge);
    const count = verdicts.filter(isClean).length;
    if (count !== 1) complain(`must validate one and only one schema (oneOf). ${count === 0 ? "Found none valid" : `Found ${count} valid alternatives`}`);
    if (count === 0) merge(verdict, best(verdicts));
  }
  if (allOf.length > 0) {
    const verdicts = allOf.map(judge);
    for (const each of verdicts) merge(verdict, each);
    const isWrong = verdicts.some((each) => !isClean(each));
    if (isWrong) complain(`must validate all the schemas (allOf)${verdicts.some(isClean) ? "" : ". None validated"}`);
  }
  if (not !== undefined && isClean(check(not, value, undefined, place))) complain("must not validate the schema (not)");
}

function isClean({ errors }: Verdict): boolean {
  return errors.length === 0;
}

/** The one that fits best, the first of several. */
function best(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce((found, verdict) => (verdict.matches > found.matches ? verdict : found));
}
