// The options that requests carry in their query or, for deletions, in their body.
import {
  badRequestError,
  type DecodeTarget,
  type DeleteOptions,
  decodeBare,
  escapeFieldValue,
  type FieldError,
  FieldPath,
  type FieldValidation,
  invalidError,
  JsonSyntaxError,
  type KubeObject,
  notRegisteredText,
  notSupported,
  parseJson,
  parseYaml,
  schemaOfDefinition,
  validateFieldManager,
} from "../../api/index.ts";
import type { ListQuery } from "../storage/reader.ts";
import type { WatchQuery } from "../storage/watcher.ts";
import { decodeMessage, openEnvelope } from "./protobuf-decoder.ts";
import { isTrue, type ResourceRequest } from "./request-info.ts";

export interface WriteParameters {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
}

const FIELD_VALIDATIONS: readonly string[] = ["Ignore", "Warn", "Strict"];

/** Throws Invalid. `optionsKind` is what upstream calls this set of options. */
export function parseWriteParameters(query: URLSearchParams, optionsKind: string): WriteParameters {
  const dryRun = query.getAll("dryRun");
  const fieldManager = query.get("fieldManager") ?? "";
  const fieldValidation = query.get("fieldValidation") || "Warn";
  const errors: FieldError[] = validateFieldManager(fieldManager, FieldPath.root("fieldManager"));
  if (dryRun.some((value) => value !== "All")) errors.push(notSupported(FieldPath.root("dryRun"), dryRun, ["All"]));
  if (!FIELD_VALIDATIONS.includes(fieldValidation))
    errors.push(notSupported(FieldPath.root("fieldValidation"), fieldValidation, ["", "Ignore", "Strict", "Warn"]));
  if (errors.length > 0) throw invalidError({ group: "meta.k8s.io", kind: optionsKind }, "", errors);
  return { dryRun: dryRun.length > 0, fieldManager, fieldValidation: fieldValidation as FieldValidation };
}

/** What a path selects: a namespace, and for a list or a watch perhaps one name. */
type Place = Pick<ResourceRequest, "namespace" | "name">;

/** Throws a BadRequest. */
export function parseListQuery(query: URLSearchParams, place: Place): ListQuery {
  return {
    ...selection(query, place),
    ...initialEvents(query),
    limit: integer(query, "limit"),
    continue: query.get("continue") ?? undefined,
    resourceVersion: query.get("resourceVersion") ?? undefined,
    resourceVersionMatch: query.get("resourceVersionMatch") ?? undefined,
  };
}

/** Throws a BadRequest. */
export function parseWatchQuery(query: URLSearchParams, place: Place): WatchQuery {
  return {
    ...selection(query, place),
    ...initialEvents(query),
    resourceVersion: query.get("resourceVersion") ?? undefined,
    resourceVersionMatch: query.get("resourceVersionMatch") ?? undefined,
    continue: query.get("continue") ?? undefined,
    allowBookmarks: isTrue(query.get("allowWatchBookmarks")),
  };
}

function initialEvents(query: URLSearchParams): { sendInitialEvents?: boolean } {
  const initial = query.get("sendInitialEvents");
  return initial === null || initial === "" ? {} : { sendInitialEvents: isTrue(initial) };
}

/** The request was authorized for the path's name: nothing else is selected. */
function selection(query: URLSearchParams, { namespace, name }: Place) {
  const asked = query.get("fieldSelector") ?? "";
  const named = name === "" ? "" : `metadata.name=${escapeFieldValue(name)}`;
  const fieldSelector = asked !== "" && named !== "" ? `${named},${asked}` : asked || named;
  return { namespace, labelSelector: query.get("labelSelector") ?? "", fieldSelector };
}

/** A number in the query; undefined when it is not there. Throws a BadRequest. */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return value;
}

const DELETE_OPTIONS: DecodeTarget<KubeObject> = {
  apiVersion: "v1",
  kind: "DeleteOptions",
  get schema() {
    return schemaOfDefinition("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
  },
};

/** How a request's body is written. */
export type BodyFormat = "json" | "yaml" | "protobuf";

/** The options of a deletion: those in the body, and those in the query that the body says nothing of. Throws a BadRequest. */
export function parseDeleteOptions(body: Uint8Array, format: BodyFormat, query: URLSearchParams): Partial<DeleteOptions> {
  const given = deleteQuery(query);
  return body.length === 0 ? given : { ...given, ...decodeDeleteOptions(parseBody(body, format)) };
}

function deleteQuery(query: URLSearchParams): Partial<DeleteOptions> {
  const orphan = query.get("orphanDependents");
  const dryRun = query.getAll("dryRun");
  const policy = query.get("propagationPolicy");
  const grace = integer(query, "gracePeriodSeconds");
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(orphan === null ? {} : { orphanDependents: isTrue(orphan) }),
    ...(policy === null || policy === "" ? {} : { propagationPolicy: policy }),
    ...(dryRun.length === 0 ? {} : { dryRun }),
  };
}

function parseBody(body: Uint8Array, format: BodyFormat): unknown {
  if (format === "protobuf") return decodeMessage(DELETE_OPTIONS.schema, openEnvelope(body).raw);
  try {
    return format === "json" ? parseJson(body).value : parseYaml(body).value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw badRequestError(`couldn't get version/kind; json parse error: ${error.message}`);
    throw error;
  }
}

/** Every group has DeleteOptions of its own, all alike. */
export function decodeDeleteOptions(value: unknown): Partial<DeleteOptions> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badRequestError("the body of a deletion must hold DeleteOptions");
  const { apiVersion, ...rest } = value as Record<string, unknown>;
  if (rest["kind"] !== undefined && rest["kind"] !== "" && rest["kind"] !== DELETE_OPTIONS.kind)
    throw badRequestError(notRegisteredText({ apiVersion: typeof apiVersion === "string" ? apiVersion : "", kind: String(rest["kind"]) }));
  const { kind: _kind, apiVersion: _apiVersion, ...options } = decodeBare(DELETE_OPTIONS, rest).object as unknown as Record<string, unknown>;
  return options as Partial<DeleteOptions>;
}
