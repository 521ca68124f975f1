// Validation errors with the path of the field, worded as Kubernetes words them: clients match on these texts.
import type { StatusCause } from "./generated/types.ts";

/** The path of a field, e.g. `spec.containers[0].ports[1].name` or `metadata.labels[app]`. Immutable. */
export class FieldPath {
  private constructor(private readonly text: string) {}
  static root(name: string): FieldPath {
    return new FieldPath(name);
  }
  /** The path of an object itself, before any field. */
  static readonly empty = new FieldPath("");
  child(name: string, ...more: string[]): FieldPath {
    const rest = more.length === 0 ? name : [name, ...more].join(".");
    return new FieldPath(this.text === "" ? rest : `${this.text}.${rest}`);
  }
  index(position: number): FieldPath {
    return new FieldPath(`${this.text}[${position}]`);
  }
  key(name: string): FieldPath {
    return new FieldPath(`${this.text}[${name}]`);
  }
  toString(): string {
    return this.text;
  }
}

export type FieldErrorType =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueDuplicate"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueNotFound"
  | "FieldValueTypeInvalid"
  | "InternalError";

export interface FieldError {
  readonly type: FieldErrorType;
  readonly path: string;
  /** The text without the path, e.g. `Required value: must be set`. */
  readonly body: string;
}

function fieldError(type: FieldErrorType, path: FieldPath, body: string): FieldError {
  return { type, path: path.toString(), body };
}

function withDetail(text: string, detail: string): string {
  return detail === "" ? text : `${text}: ${detail}`;
}

/** A value as Kubernetes prints it in errors: strings quoted as in Go, null as `null`, the rest as JSON. */
function printed(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value).replaceAll(/\\u(0007|000b|00[01][0-9a-f])/g, (_, code: string) => GO_ESCAPES[code] ?? `\\x${code.slice(2)}`);
  return value === undefined ? "null" : JSON.stringify(value);
}

/** Where Go has a letter for a character that JSON only numbers. */
const GO_ESCAPES: Readonly<Record<string, string>> = { "0007": "\\a", "000b": "\\v" };

export function required(path: FieldPath, detail = ""): FieldError {
  return fieldError("FieldValueRequired", path, withDetail("Required value", detail));
}
export function invalid(path: FieldPath, value: unknown, detail: string): FieldError {
  return fieldError("FieldValueInvalid", path, withDetail(`Invalid value: ${printed(value)}`, detail));
}
export function typeInvalid(path: FieldPath, value: unknown, detail: string): FieldError {
  return fieldError("FieldValueTypeInvalid", path, withDetail(`Invalid value: ${printed(value)}`, detail));
}
export function notSupported(path: FieldPath, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map((item) => JSON.stringify(item)).join(", ");
  return fieldError("FieldValueNotSupported", path, withDetail(`Unsupported value: ${printed(value)}`, list === "" ? "" : `supported values: ${list}`));
}
export function forbidden(path: FieldPath, detail: string): FieldError {
  return fieldError("FieldValueForbidden", path, withDetail("Forbidden", detail));
}
export function duplicate(path: FieldPath, value: unknown): FieldError {
  return fieldError("FieldValueDuplicate", path, `Duplicate value: ${printed(value)}`);
}
export function notFound(path: FieldPath, value: unknown): FieldError {
  return fieldError("FieldValueNotFound", path, `Not found: ${printed(value)}`);
}
export function tooLong(path: FieldPath, maximum: number): FieldError {
  return fieldError("FieldValueTooLong", path, `Too long: may not be more than ${maximum} bytes`);
}
export function tooMany(path: FieldPath, actual: number, maximum: number): FieldError {
  return fieldError("FieldValueTooMany", path, `Too many: ${actual}: must have at most ${maximum} item${maximum === 1 ? "" : "s"}`);
}
export function internalError(path: FieldPath, detail: string): FieldError {
  return fieldError("InternalError", path, `Internal error: ${detail}`);
}

/** `path: body`, or the body alone at the root. */
export function fieldErrorText(error: FieldError): string {
  return error.path === "" ? error.body : `${error.path}: ${error.body}`;
}

/** The causes of an Invalid status, and the text that follows the object's name: one error bare, several in brackets, each text once. */
export function describeFieldErrors(errors: readonly FieldError[]): { causes: StatusCause[]; message: string } {
  const texts = [...new Set(errors.map(fieldErrorText))];
  const causes = errors.map((error) => ({ reason: error.type, message: error.body, field: error.path }));
  return { causes, message: texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]` };
}
