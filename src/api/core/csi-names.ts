// Names of storage drivers: domains, of any case.
import { type FieldError, type FieldPath, invalid, required, tooLong } from "../field-errors.ts";
import { checkDnsSubdomain } from "../names.ts";

const MAX_LENGTH = 63;

export function checkCsiDriverName(path: FieldPath, name: string): FieldError[] {
  if (name === "") return [required(path)];
  const errors = name.length > MAX_LENGTH ? [tooLong(path, MAX_LENGTH)] : [];
  return [...errors, ...checkDnsSubdomain(name.toLowerCase()).map((problem) => invalid(path, name, problem))];
}
