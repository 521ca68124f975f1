// Checks of file paths within volumes: relative, and never climbing out.
import { type FieldError, type FieldPath, invalid } from "../field-errors.ts";

export function checkNoBacksteps(path: FieldPath, target: string): FieldError[] {
  return target.split("/").includes("..") ? [invalid(path, target, "must not contain '..'")] : [];
}

export function checkDescendingPath(path: FieldPath, target: string): FieldError[] {
  return [...(target.startsWith("/") ? [invalid(path, target, "must be a relative path")] : []), ...checkNoBacksteps(path, target)];
}

/** Names that begin with `..` are the volume's own. */
export function checkNonReservedPath(path: FieldPath, target: string): FieldError[] {
  const reserved = target.startsWith("..") && !target.startsWith("../");
  return [...checkDescendingPath(path, target), ...(reserved ? [invalid(path, target, "must not start with '..'")] : [])];
}

const LARGEST_MODE = 0o777;
export function checkFileMode(path: FieldPath, mode: number | undefined): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > LARGEST_MODE) ? [invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")] : [];
}
