// Whether a request for a resource makes sense for its kind: scope, names, verb, subresource. Every request passes here before it
// is handled, whichever handler that is, so that what was authorized is what is done.
import { badRequestError, checkPathSegmentName, type Kind, methodNotAllowedError, noSuchPathError } from "../../api/index.ts";
import type { ResourceRequest } from "./request-info.ts";

/** Throws NotFound, MethodNotAllowed or BadRequest. */
export function checkResourceRequest(kind: Kind, resource: ResourceRequest): void {
  checkScope(kind, resource);
  checkSegment("Name", resource.name);
  checkSegment("Namespace", resource.namespace);
  checkVerb(kind, resource);
}

/** Throws NotFound for a path that does not fit the kind's scope. */
function checkScope(kind: Kind, { namespace, name, verb, resource }: ResourceRequest): void {
  if (!kind.namespaced) {
    if (namespace !== "" && resource !== "namespaces") throw noSuchPathError();
    return;
  }
  if (namespace !== "") return;
  if (verb === "list" || verb === "watch") return;
  if (name !== "") throw badRequestError("an empty namespace may not be set when a resource name is provided");
  if (verb === "create" && !kind.verbs.includes("get")) throw badRequestError("namespace is required");
  throw methodNotAllowedError();
}

/** A name never leaves its place in a path, nor its place in a key of the store. */
function checkSegment(what: string, text: string): void {
  const problems = checkPathSegmentName(text);
  if (problems.length > 0) throw badRequestError(`${what} parameter invalid: ${JSON.stringify(text)}: ${problems.join(";")}`);
}

/** Throws MethodNotAllowed, or NotFound for a subresource that is not there. */
function checkVerb(kind: Kind, { verb, name, subresource, rest }: ResourceRequest): void {
  if (subresource === "") {
    const isMisplaced = verb === "create" ? name !== "" : (verb === "update" || verb === "patch") && name === "";
    // A kind that only answers questions has no paths of single objects.
    if (name !== "" && !kind.verbs.includes("get") && verb !== "create") throw noSuchPathError();
    if (isMisplaced || !kind.verbs.includes(verb)) throw methodNotAllowedError();
    return;
  }
  const declared = kind.subresources.get(subresource);
  if (declared === undefined || (subresource !== "proxy" && rest !== "" && rest !== "/")) throw noSuchPathError();
  const isPassedOn = subresource === "proxy" && verb === "options";
  if (!isPassedOn && !declared.verbs.includes(verb)) throw methodNotAllowedError();
}
