// The catalogue of API failures: `Status` objects with upstream's reasons, codes and texts
// (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/).
import { describeFieldErrors, type FieldError } from "./field-errors.ts";
import type { Status, StatusCause, StatusDetails } from "./generated/types.ts";

export type StatusReason =
  | "BadRequest"
  | "Unauthorized"
  | "Forbidden"
  | "NotFound"
  | "AlreadyExists"
  | "Conflict"
  | "Gone"
  | "Invalid"
  | "Expired"
  | "ServerTimeout"
  | "Timeout"
  | "TooManyRequests"
  | "InternalError"
  | "MethodNotAllowed"
  | "NotAcceptable"
  | "UnsupportedMediaType"
  | "RequestEntityTooLarge"
  | "ServiceUnavailable"
  | "StoreReadError"
  | "Unknown"
  /** None was given. */
  | "";

interface Failure {
  reason: StatusReason;
  code: number;
  message: string;
  details?: StatusDetails;
}

/** An API failure. `status` is what goes over the wire. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails | undefined;
  constructor(failure: Failure) {
    super(failure.message);
    this.reason = failure.reason;
    this.code = failure.code;
    this.details = failure.details;
  }
  get status(): Status {
    const { reason, code, message, details } = this;
    const stated = reason === "" ? {} : { reason };
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, ...stated, ...(details === undefined ? {} : { details }), code };
  }
  /** The error that a server's `Status` answer stands for. */
  static fromStatus(status: Status): StatusError {
    return new StatusError({
      reason: (status.reason ?? "Unknown") as StatusReason,
      code: status.code ?? 500,
      message: status.message ?? "unknown error",
      details: status.details,
    });
  }
}

/** Tells whether `error` is an API failure for one of `reasons`. */
export function isStatus(error: unknown, ...reasons: StatusReason[]): error is StatusError {
  return error instanceof StatusError && (reasons.length === 0 || reasons.includes(error.reason));
}

/** The resource an error speaks of: `pods`, or `deployments.apps` in a group. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

export function groupResourceText(of: GroupResource): string {
  return of.group === "" ? of.resource : `${of.resource}.${of.group}`;
}

function named(of: GroupResource, name: string, more: Partial<StatusDetails> = {}): StatusDetails {
  return { ...(name === "" ? {} : { name }), ...(of.group === "" ? {} : { group: of.group }), ...(of.resource === "" ? {} : { kind: of.resource }), ...more };
}

export function notFoundError(of: GroupResource, name: string): StatusError {
  return new StatusError({ reason: "NotFound", code: 404, message: `${groupResourceText(of)} "${name}" not found`, details: named(of, name) });
}
export function alreadyExistsError(of: GroupResource, name: string): StatusError {
  return new StatusError({ reason: "AlreadyExists", code: 409, message: `${groupResourceText(of)} "${name}" already exists`, details: named(of, name) });
}
export function conflictError(of: GroupResource, name: string, why: string): StatusError {
  return new StatusError({
    reason: "Conflict",
    code: 409,
    message: `Operation cannot be fulfilled on ${groupResourceText(of)} "${name}": ${why}`,
    details: named(of, name),
  });
}
/** The conflict of a stale resourceVersion. */
export function modifiedError(of: GroupResource, name: string): StatusError {
  return conflictError(of, name, "the object has been modified; please apply your changes to the latest version and try again");
}
export function invalidError(of: { group: string; kind: string }, name: string, errors: readonly FieldError[]): StatusError {
  const { causes, message } = describeFieldErrors(errors);
  const qualified = of.group === "" ? of.kind : `${of.kind}.${of.group}`;
  return new StatusError({
    reason: "Invalid",
    code: 422,
    message: `${qualified} "${name}" is invalid: ${message}`,
    details: { ...(name === "" ? {} : { name }), ...(of.group === "" ? {} : { group: of.group }), ...(of.kind === "" ? {} : { kind: of.kind }), causes },
  });
}
export function forbiddenError(of: GroupResource, name: string, why: string, causes?: readonly StatusCause[]): StatusError {
  const text = groupResourceText(of);
  const message = of.resource === "" ? `forbidden: ${why}` : name === "" ? `${text} is forbidden: ${why}` : `${text} "${name}" is forbidden: ${why}`;
  return new StatusError({ reason: "Forbidden", code: 403, message, details: named(of, name, causes === undefined ? {} : { causes }) });
}
export function badRequestError(message: string): StatusError {
  return new StatusError({ reason: "BadRequest", code: 400, message });
}
export function unauthorizedError(): StatusError {
  return new StatusError({ reason: "Unauthorized", code: 401, message: "Unauthorized" });
}
/** Too old a resourceVersion or continue token; `continueToken` lets the client go on from the newest state. */
export function expiredError(message: string, continueToken?: string): StatusError {
  const error = new StatusError({ reason: "Expired", code: 410, message });
  return continueToken === undefined ? error : Object.assign(error, { continueToken });
}
export function tooManyRequestsError(message: string, retryAfterSeconds: number, causes?: readonly StatusCause[]): StatusError {
  return new StatusError({ reason: "TooManyRequests", code: 429, message, details: { retryAfterSeconds, ...(causes === undefined ? {} : { causes }) } });
}
export function timeoutError(message: string, retryAfterSeconds = 0): StatusError {
  return new StatusError({ reason: "Timeout", code: 504, message: `Timeout: ${message}`, details: { retryAfterSeconds } });
}
export function internalServerError(message: string): StatusError {
  return new StatusError({ reason: "InternalError", code: 500, message: `Internal error occurred: ${message}`, details: { causes: [{ message }] } });
}
/** The answer to a method that a path does not take. */
export function methodNotAllowedError(): StatusError {
  return new StatusError({ reason: "MethodNotAllowed", code: 405, message: "the server does not allow this method on the requested resource", details: {} });
}
export function notAcceptableError(accepted: readonly string[]): StatusError {
  return new StatusError({ reason: "NotAcceptable", code: 406, message: `only the following media types are accepted: ${accepted.join(", ")}` });
}
export function unsupportedMediaTypeError(accepted: readonly string[]): StatusError {
  return new StatusError({
    reason: "UnsupportedMediaType",
    code: 415,
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  });
}
/** The answer to a patch of a type that the path does not take. */
export function patchTypeError(): StatusError {
  return new StatusError({ reason: "UnsupportedMediaType", code: 415, message: "415: Unsupported Media Type", details: {} });
}
export function requestTooLargeError(message: string): StatusError {
  return new StatusError({ reason: "RequestEntityTooLarge", code: 413, message: `Request entity too large: ${message}` });
}
/** A failure that upstream passes on as it comes: no reason is given. */
export function unclassifiedError(message: string): StatusError {
  return new StatusError({ reason: "", code: 500, message });
}
export function serviceUnavailableError(message: string): StatusError {
  return new StatusError({ reason: "ServiceUnavailable", code: 503, message });
}
/** The answer to a path that nothing serves. */
export function noSuchPathError(): StatusError {
  return new StatusError({ reason: "NotFound", code: 404, message: "the server could not find the requested resource", details: {} });
}
