// What a path asks for (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris).
import { checkPathSegmentName, isStatus, parseFieldSelector } from "../../api/index.ts";

export interface ResourceRequest {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** What follows the subresource: the path inside of a proxied server. */
  readonly rest: string;
}

export interface RequestInfo {
  readonly path: string;
  readonly query: URLSearchParams;
  /** The lower-case method, for what is no resource. */
  readonly verb: string;
  readonly resource?: ResourceRequest;
}

const VERBS: Readonly<Record<string, string>> = { POST: "create", GET: "get", HEAD: "get", PUT: "update", PATCH: "patch", DELETE: "delete" };
/** Subresources of namespaces themselves; anything else behind a namespace's name is a resource in it. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(["status", "finalize"]);

/** Reads a request line. Undefined when the path cannot be decoded. */
export function parseRequest(method: string, target: string): RequestInfo | undefined {
  const mark = target.indexOf("?");
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? "" : target.slice(mark + 1));
  const segments = decodeSegments(path);
  if (segments === undefined) return undefined;
  return { path, query, verb: method.toLowerCase(), resource: parseResource(method, segments, path, query) };
}

function decodeSegments(path: string): string[] | undefined {
  try {
    return path
      .split("/")
      .filter((segment) => segment !== "")
      .map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function parseResource(method: string, segments: readonly string[], path: string, query: URLSearchParams): ResourceRequest | undefined {
  const [root, ...behindRoot] = segments;
  const isCore = root === "api";
  if (!isCore && root !== "apis") return undefined;
  const [group, version, ...parts] = isCore ? ["", ...behindRoot] : behindRoot;
  if (group === undefined || version === undefined || parts.length === 0) return undefined;
  let verb = VERBS[method] ?? method.toLowerCase();
  if (parts[0] === "watch" && parts.length > 1) {
    parts.shift();
    if (method === "GET") verb = "watch";
  }
  const { namespace, rest } = splitNamespace(parts);
  const [resource = "", name = "", subresource = "", ...behind] = rest;
  const skipped = segments.length - behind.length;
  const asked = {
    group,
    version,
    namespace,
    resource,
    subresource,
    name,
    rest: behind.length === 0 ? trailingSlash(path, subresource) : pathBehind(path, skipped),
  };
  return { ...asked, ...collectionVerb(verb, name, query) };
}

function splitNamespace(parts: readonly string[]): { namespace: string; rest: readonly string[] } {
  const [first, namespace, third] = parts;
  if (first !== "namespaces" || namespace === undefined) return { namespace: "", rest: parts };
  // The namespace itself: authorization sees it in its own namespace.
  if (third === undefined || NAMESPACE_SUBRESOURCES.has(third)) return { namespace, rest: parts };
  return { namespace, rest: parts.slice(2) };
}

function collectionVerb(verb: string, name: string, query: URLSearchParams): { verb: string; name: string } {
  if (name !== "") return { verb, name };
  if (verb === "delete") return { verb: "deletecollection", name };
  if (verb !== "get" && verb !== "watch") return { verb, name };
  const isWatch = verb === "watch" || isTrue(query.get("watch"));
  return { verb: isWatch ? "watch" : "list", name: selectedName(query.get("fieldSelector") ?? "") };
}

/** A list of one name is authorized as that name. */
function selectedName(fieldSelector: string): string {
  if (!fieldSelector.includes("metadata.name")) return "";
  try {
    const name = parseFieldSelector(fieldSelector).exactValue("metadata.name") ?? "";
    return checkPathSegmentName(name).length === 0 ? name : "";
  } catch (error) {
    // Whoever may list is told what is wrong with the selector.
    if (isStatus(error, "BadRequest")) return "";
    throw error;
  }
}

export function isTrue(text: string | null): boolean {
  return text !== null && text.toLowerCase() !== "false" && text !== "0";
}

function trailingSlash(path: string, subresource: string): string {
  return subresource !== "" && path.endsWith("/") ? "/" : "";
}

/** The path behind the first `count` segments, undecoded, with its leading slash. */
function pathBehind(path: string, count: number): string {
  let position = 0;
  for (let seen = 0; seen < count; seen++) {
    while (path[position] === "/") position++;
    while (position < path.length && path[position] !== "/") position++;
  }
  return path.slice(position);
}
