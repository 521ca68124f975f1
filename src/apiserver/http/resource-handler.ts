// Requests for resources: what HTTP says is turned into one of the operations, and its outcome into an answer.

import {
  badRequestError,
  type DecodeTarget,
  type DeleteOptions,
  decode,
  decodeTarget,
  decodeValue,
  duplicateFields,
  FieldPath,
  type FieldValidation,
  forbidden,
  invalidError,
  JsonSyntaxError,
  type Kind,
  type KubeObject,
  methodNotAllowedError,
  parseJson,
  parseYaml,
  patchTypeError,
  type Status,
  unsupportedMediaTypeError,
} from "../../api/index.ts";
import { type Env, type Mutable, mutableCopy } from "../../base/index.ts";
import type { Operations, Outcome, Target } from "../operations.ts";
import { PATCH_MEDIA_TYPES, type PatchRequest } from "../patching.ts";
import type { WriteRequestContext } from "../storage/write-context.ts";
import type { UserInfo } from "../user.ts";
import { type ApiRequest, type ApiResponse, header } from "./message.ts";
import { mediaTypeOf } from "./negotiation.ts";
import { type BodyFormat, integer, parseDeleteOptions, parseListQuery, parseWatchQuery, parseWriteParameters, type WriteParameters } from "./options.ts";
import { decodeMessage, openEnvelope } from "./protobuf-decoder.ts";
import {
  listResponse,
  permitsListTransforms,
  permitsNothing,
  permitsObjectTransforms,
  permitsWatchTransforms,
  type Representation,
  representationFor,
  revisionResponse,
  unstoredResponse,
} from "./representation.ts";
import { isTrue, type ResourceRequest } from "./request-info.ts";
import { watchResponse } from "./watch-stream.ts";

/** A request whose user may do what it asks for. */
export interface AuthorizedRequest {
  readonly request: ApiRequest;
  readonly query: URLSearchParams;
  readonly resource: ResourceRequest;
  readonly kind: Kind;
  readonly user: UserInfo;
  /** Texts that go out with the answer, whatever it is. */
  readonly warnings: string[];
}

const BODY_FORMATS: Readonly<Record<string, BodyFormat>> = {
  "": "json",
  "application/json": "json",
  "application/yaml": "yaml",
  "application/vnd.kubernetes.protobuf": "protobuf",
};
const BODY_MEDIA_TYPES = Object.keys(BODY_FORMATS).filter((type) => type !== "");
/** Watches end after half an hour to an hour, so that their load spreads over the servers there are. */
const MIN_WATCH_SECONDS = 1800;

/** Kinds whose deletion answers with the object rather than with a Status. */
const RETURN_DELETED: ReadonlySet<string> = new Set([
  ...["namespaces", "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts", "services"].map(
    (name) => `/${name}`,
  ),
  ...["deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"].map((name) => `resource.k8s.io/${name}`),
  ...["csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses"].map((name) => `storage.k8s.io/${name}`),
]);

export class ResourceHandler {
  constructor(
    private readonly env: Env,
    private readonly operations: () => Operations,
  ) {}

  async handle(asked: AuthorizedRequest): Promise<ApiResponse> {
    switch (asked.resource.verb) {
      case "get":
        return this.#get(asked);
      case "list":
        return this.#list(asked);
      case "watch":
        return this.#watch(asked);
      case "create":
        return this.#create(asked);
      case "update":
        return this.#update(asked);
      case "patch":
        return this.#patch(asked);
      case "delete":
        return this.#delete(asked);
      case "deletecollection":
        return this.#deleteCollection(asked);
      default:
        throw methodNotAllowedError();
    }
  }

  async #get(asked: AuthorizedRequest): Promise<ApiResponse> {
    const { query, request } = asked;
    const representation = representationFor(this.env, request, query, permitsObjectTransforms);
    const outcome = await this.operations().get(targetOf(asked), query.get("resourceVersion") ?? "");
    return this.#answer(200, asked, outcome, representation);
  }

  async #list({ request, query, resource, kind }: AuthorizedRequest): Promise<ApiResponse> {
    const representation = representationFor(this.env, request, query, permitsListTransforms);
    // A list takes no time that would need a limit, but a limit that is no number is refused all the same.
    integer(query, "timeoutSeconds");
    const { items, revision, continue: next, remainingItemCount } = await this.operations().list(kind, parseListQuery(query, resource));
    const metadata = {
      ...(revision === 0 ? {} : { resourceVersion: String(revision) }),
      ...(next === undefined ? {} : { continue: next, remainingItemCount }),
    };
    return listResponse(kind, items, metadata, representation);
  }

  async #watch({ request, query, resource, kind }: AuthorizedRequest): Promise<ApiResponse> {
    const representation = representationFor(this.env, request, query, permitsWatchTransforms);
    const seconds = integer(query, "timeoutSeconds") || MIN_WATCH_SECONDS * (1 + this.env.random.next());
    const watcher = await this.operations().watch(kind, parseWatchQuery(query, resource));
    return watchResponse(kind, watcher, { ...representation, pretty: false }, seconds * 1000);
  }

  async #create(asked: AuthorizedRequest): Promise<ApiResponse> {
    const { request, query, kind, resource } = asked;
    const isStored = resource.subresource === "" && kind.verbs.includes("get");
    const representation = representationFor(this.env, request, query, isStored ? permitsObjectTransforms : permitsNothing);
    const { object, context } = await this.#decodeBody(asked, parseWriteParameters(query, "CreateOptions"));
    const outcome = await this.operations().create(targetOf(asked), object, context);
    return this.#answer(201, asked, outcome, representation);
  }

  async #update(asked: AuthorizedRequest): Promise<ApiResponse> {
    const { request, query } = asked;
    const representation = representationFor(this.env, request, query, permitsObjectTransforms);
    const { object, context } = await this.#decodeBody(asked, parseWriteParameters(query, "UpdateOptions"));
    const outcome = await this.operations().update(targetOf(asked), object, context);
    return this.#answer(outcome.created ? 201 : 200, asked, outcome, representation);
  }

  async #patch(asked: AuthorizedRequest): Promise<ApiResponse> {
    const { request, query, user, warnings } = asked;
    const representation = representationFor(this.env, request, query, permitsObjectTransforms);
    const { dryRun, fieldManager, fieldValidation } = parseWriteParameters(query, "PatchOptions");
    const type = patchTypeOf(asked.kind, request);
    const patch = await readPatch(type, request, query, { fieldManager, fieldValidation });
    const context = { user, dryRun, warnings, fieldManager: fieldManager || userAgentName(request), options: askedOptions(query) };
    const outcome = await this.operations().patch(targetOf(asked), patch, context);
    return this.#answer(outcome.created ? 201 : 200, asked, outcome, representation);
  }

  async #delete(asked: AuthorizedRequest): Promise<ApiResponse> {
    const { request, query, kind, user, warnings } = asked;
    const representation = representationFor(this.env, request, query, permitsObjectTransforms);
    const options = await readDeleteOptions(request, query);
    const context = { user, dryRun: (options.dryRun ?? []).length > 0, warnings };
    const { revision, gone } = await this.operations().delete(targetOf(asked), options, context);
    if (!gone || RETURN_DELETED.has(`${kind.group}/${kind.resource}`)) {
      const isCascading = !gone && options.orphanDependents === false;
      return this.#answer(isCascading ? 202 : 200, asked, { revision }, representation);
    }
    const { name, uid } = revision.object.metadata;
    const details = { name, ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.resource, uid };
    const status: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
    return this.#answer(200, asked, { object: status as unknown as KubeObject }, representation);
  }

  async #deleteCollection({ request, query, resource, kind, user, warnings }: AuthorizedRequest): Promise<ApiResponse> {
    const representation = representationFor(this.env, request, query, permitsListTransforms);
    const options = await readDeleteOptions(request, query);
    const context = { user, dryRun: (options.dryRun ?? []).length > 0, warnings };
    const deleted = await this.operations().deleteCollection(kind, parseListQuery(query, resource), options, context);
    return listResponse(kind, deleted, {}, representation);
  }

  #answer(status: number, { kind }: AuthorizedRequest, outcome: Outcome, representation: Representation): ApiResponse {
    return "revision" in outcome
      ? revisionResponse(status, kind, outcome.revision, representation)
      : unstoredResponse(status, outcome.object, representation, outcome.columns);
  }

  /** The body as an object of the kind that the path takes. */
  async #decodeBody({ request, kind, resource, query, user, warnings }: AuthorizedRequest, { dryRun, fieldManager, fieldValidation }: WriteParameters) {
    const format = BODY_FORMATS[mediaTypeOf(header(request, "content-type"))];
    if (format === undefined) throw unsupportedMediaTypeError(BODY_MEDIA_TYPES);
    if (format === "protobuf" && kind.custom !== undefined) throw unsupportedMediaTypeError(["application/json", "application/yaml"]);
    const subresource = kind.subresources.get(resource.subresource);
    const isOwnKind = subresource === undefined || (subresource.kind === kind.kind && subresource.group === kind.group);
    const apiVersion = subresource === undefined || subresource.group === "" ? (subresource?.version ?? "") : `${subresource.group}/${subresource.version}`;
    const target = isOwnKind ? kind : decodeTarget<KubeObject>(apiVersion, subresource.kind);
    const decoded = decodeAs(target, await request.body(), format, fieldValidation);
    const { object } = decoded;
    warnings.push(...decoded.warnings);
    if (isOwnKind) kind.declaration.defaults?.(object);
    const manager = fieldManager || userAgentName(request);
    const context: WriteRequestContext = { user, dryRun, warnings, fieldManager: manager, options: askedOptions(query) };
    return { object: object as Mutable<KubeObject>, context };
  }
}

function decodeAs(target: DecodeTarget, body: Uint8Array, format: BodyFormat, fieldValidation: FieldValidation) {
  if (format !== "protobuf") return decode(target, body, { format, fieldValidation });
  const { apiVersion, kind, raw } = openEnvelope(body);
  return decodeValue(target, { ...(decodeMessage(target.schema, raw) as object), apiVersion, kind }, "Ignore");
}

function targetOf({ kind, resource }: AuthorizedRequest): Target {
  const { namespace, name, subresource } = resource;
  return { kind, namespace: kind.namespaced ? namespace : "", name, subresource };
}

/** What admission is told of the options of a write: no more than the client said. */
function askedOptions(query: URLSearchParams): Readonly<Record<string, unknown>> {
  const asked: Record<string, unknown> = {};
  for (const name of ["fieldManager", "fieldValidation"]) if (query.get(name)) asked[name] = query.get(name);
  return asked;
}

/** Who names no field manager manages fields under the name of the program. */
function userAgentName(request: ApiRequest): string {
  const [name = ""] = header(request, "user-agent").split("/");
  return name.replaceAll(/[^\x20-\x7e]/g, "").slice(0, FIELD_MANAGER_LENGTH);
}
const FIELD_MANAGER_LENGTH = 128;

/** Throws UnsupportedMediaType: nobody knows how the lists of a custom resource merge strategically. */
function patchTypeOf(kind: Kind, request: ApiRequest): PatchRequest["type"] {
  const type = PATCH_MEDIA_TYPES[mediaTypeOf(header(request, "content-type"))];
  if (type === undefined) throw patchTypeError();
  if (type !== "strategic" || kind.custom === undefined) return type;
  throw unsupportedMediaTypeError(Object.keys(PATCH_MEDIA_TYPES).filter((mediaType) => PATCH_MEDIA_TYPES[mediaType] !== type));
}

async function readPatch(
  type: PatchRequest["type"],
  request: ApiRequest,
  query: URLSearchParams,
  more: { fieldManager: string; fieldValidation: FieldValidation },
): Promise<PatchRequest> {
  const bytes = await request.body();
  const parsed = type === "apply" ? { body: parseApplied(bytes, more.fieldValidation) } : parsePatch(type, bytes);
  const force = query.get("force");
  if (force !== null && type !== "apply") {
    const error = forbidden(FieldPath.root("force"), "may not be specified for non-apply patch");
    throw invalidError({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [error]);
  }
  return { type, ...parsed, force: isTrue(force), ...more };
}

/** JSON is YAML, too. Keys that stand twice are refused where strictness is asked for. */
function parseApplied(bytes: Uint8Array, fieldValidation: FieldValidation): unknown {
  try {
    const { value, problems } = parseYaml(bytes);
    if (fieldValidation === "Strict" && problems.length > 0) throw badRequestError(`error strict decoding YAML: ${problems.join(", ")}`);
    return value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw badRequestError(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
    throw error;
  }
}

function parsePatch(type: PatchRequest["type"], bytes: Uint8Array): Pick<PatchRequest, "body" | "problems"> {
  const prefix = type === "strategic" ? "" : "error decoding patch: ";
  try {
    const { value, duplicates } = parseJson(bytes, true);
    const problems = duplicateFields(value, duplicates);
    return { body: value, problems: type === "json" ? problems.map((problem) => `json patch ${problem}`) : problems };
  } catch (error) {
    throw badRequestError(`${prefix}${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readDeleteOptions(request: ApiRequest, query: URLSearchParams): Promise<Partial<DeleteOptions>> {
  const bytes = await request.body();
  const format = BODY_FORMATS[mediaTypeOf(header(request, "content-type"))];
  if (bytes.length > 0 && format === undefined) throw unsupportedMediaTypeError(BODY_MEDIA_TYPES);
  return mutableCopy(parseDeleteOptions(bytes, format ?? "json", query));
}
