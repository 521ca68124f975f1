// How admission refuses, and what plugins ask of a request.
import { forbiddenError, type Kind, type KubeObject, type StatusCause, type StatusError } from "../../api/index.ts";
import type { Mutable } from "../../base/index.ts";
import type { AdmissionRequest } from "./plugin.ts";

/** The name of the object, or the prefix of the name that it is still to get. */
export function requestedName({ name, object, oldObject }: AdmissionRequest): string {
  const metadata = (object ?? oldObject)?.metadata;
  return name || metadata?.name || metadata?.generateName || "";
}

/** A 403 for the request's object, in admission's words. */
export function denied(request: AdmissionRequest, why: string, causes?: readonly StatusCause[]): StatusError {
  const { group, resource } = request.kind;
  return forbiddenError({ group, resource }, requestedName(request), why, causes);
}

/** Tells whether the request is about `kind`, in whatever version, and about this subresource of it. */
export function isAbout(request: AdmissionRequest, kind: Kind, subresource = ""): boolean {
  return request.kind.resource === kind.resource && request.kind.group === kind.group && request.subresource === subresource;
}

/** The object to be stored, when the request is about `kind` itself and there is one. */
export function objectOf<T extends KubeObject>(request: AdmissionRequest, kind: Kind<T>, subresource = ""): Mutable<T> | undefined {
  return isAbout(request, kind, subresource) ? (request.object as Mutable<T> | undefined) : undefined;
}

/** What was stored, when the request is about `kind`. */
export function oldObjectOf<T extends KubeObject>(request: AdmissionRequest, kind: Kind<T>, subresource = ""): T | undefined {
  return isAbout(request, kind, subresource) ? (request.oldObject as T | undefined) : undefined;
}
