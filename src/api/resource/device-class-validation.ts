// What may stand in a DeviceClass, as far as it can be told without reading the selectors: those are CEL
// (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/).
import { checkRequiredText } from "../field-checks.ts";
import { type FieldError, FieldPath, invalid, required, tooLong, tooMany } from "../field-errors.ts";
import type { DeviceClass, DeviceClassConfiguration, DeviceSelector } from "../generated/types.ts";
import { byteLength, checkDnsSubdomain } from "../names.ts";

const SPEC = FieldPath.root("spec");
const MAX_ITEMS = 32;
const MAX_EXPRESSION = 10 * 1024;
const MAX_PARAMETERS = 10 * 1024;

export function validateDeviceClass({ spec }: DeviceClass): FieldError[] {
  const { selectors = [], config = [] } = spec ?? {};
  return [...checkItems(SPEC.child("selectors"), selectors, checkSelector), ...checkItems(SPEC.child("config"), config, checkConfiguration)];
}

function checkItems<T>(path: FieldPath, items: readonly T[], check: (path: FieldPath, item: T) => FieldError[]): FieldError[] {
  const errors = items.length > MAX_ITEMS ? [tooMany(path, items.length, MAX_ITEMS)] : [];
  return [...errors, ...items.slice(0, MAX_ITEMS).flatMap((item, position) => check(path.index(position), item))];
}

function checkSelector(path: FieldPath, { cel }: DeviceSelector): FieldError[] {
  if (cel === undefined) return [required(path.child("cel"))];
  const at = path.child("cel", "expression");
  const { expression = "" } = cel;
  if (byteLength(expression) > MAX_EXPRESSION) return [tooLong(at, MAX_EXPRESSION)];
  return expression.trim() === "" ? [invalid(at, expression, "compilation failed: the expression is empty")] : [];
}

/** Parameters are the driver's own, as long as they are an object. */
function checkConfiguration(path: FieldPath, { opaque }: DeviceClassConfiguration): FieldError[] {
  const at = path.child("opaque");
  if (opaque === undefined) return [required(at)];
  const errors = checkRequiredText(at.child("driver"), opaque.driver, checkDnsSubdomain);
  const parameters: unknown = opaque.parameters;
  if (parameters === undefined || parameters === null) return [...errors, required(at.child("parameters"))];
  if (typeof parameters !== "object" || Array.isArray(parameters))
    return [...errors, invalid(at.child("parameters"), "<value omitted>", "must be a valid JSON object")];
  return JSON.stringify(parameters).length > MAX_PARAMETERS ? [...errors, tooLong(at.child("parameters"), MAX_PARAMETERS)] : errors;
}
