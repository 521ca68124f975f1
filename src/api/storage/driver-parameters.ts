// What storage classes and volume attribute classes share: the name of a driver and the parameters it gets.
import { checkText } from "../field-checks.ts";
import { type FieldError, type FieldPath, invalid, required, tooLong } from "../field-errors.ts";
import { checkQualifiedName } from "../names.ts";

const MAX_COUNT = 512;
const MAX_BYTES = 256 * 1024;

export function checkDriverName(path: FieldPath, name: string | undefined): FieldError[] {
  return (name ?? "") === "" ? [required(path)] : checkText(path, (name ?? "").toLowerCase(), checkQualifiedName);
}

export function checkParameters(path: FieldPath, parameters: Readonly<Record<string, string>> | undefined, mayBeEmpty: boolean): FieldError[] {
  const entries = Object.entries(parameters ?? {});
  if (entries.length > MAX_COUNT) return [tooLong(path, MAX_COUNT)];
  const errors = entries.filter(([key]) => key === "").map(([key]) => invalid(path, key, "field can not be empty."));
  if (entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0) > MAX_BYTES) errors.push(tooLong(path, MAX_BYTES));
  if (!mayBeEmpty && entries.length === 0) errors.push(required(path, "must contain at least one key/value pair"));
  return errors;
}
