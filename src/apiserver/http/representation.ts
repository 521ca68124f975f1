// Answers in the form that was negotiated: an object, a list or a watch event as JSON or YAML, as Table or as metadata.
import { stringify } from "yaml";
import {
  badRequestError,
  type Column,
  encode,
  formatJson,
  type IncludeObject,
  type Kind,
  type KubeObject,
  type ListMetadata,
  type MetaVersion,
  parseJson,
  partialObjectMetadata,
  partialObjectMetadataList,
  tableOf,
} from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { viewOf } from "../cache/resource.ts";
import type { ObjectRevision } from "../storage/object-revision.ts";
import { jsonBytes, listChunks, objectBytes } from "./json-bytes.ts";
import { type ApiRequest, type ApiResponse, bytesBody, header } from "./message.ts";
import { type MediaType, negotiate, type Permits } from "./negotiation.ts";
import { isTrue } from "./request-info.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const META_GROUP = "meta.k8s.io";
const NEWLINE = 0x0a;
/** Clients read YAML 1.1: what that takes for a boolean, a number or a time is quoted. */
const YAML_OPTIONS = { version: "1.1", compat: "core", lineWidth: 0, aliasDuplicateObjects: false } as const;

export interface Representation {
  readonly media: MediaType;
  readonly pretty: boolean;
  /** Whose ages are told, and with how much of each object a table comes. */
  readonly env: Env;
  readonly includeObject: IncludeObject;
}

/** What may be asked of resources. */
export const permitsObjectTransforms: Permits = (as, group, version) =>
  group === META_GROUP && (version === "v1" || version === "v1beta1") && (as === "Table" || as === "PartialObjectMetadata");
export const permitsListTransforms: Permits = (as, group, version) =>
  group === META_GROUP && (version === "v1" || version === "v1beta1") && (as === "Table" || as === "PartialObjectMetadataList");
export const permitsWatchTransforms: Permits = (as, group, version) => permitsObjectTransforms(as, group, version) || permitsListTransforms(as, group, version);
export const permitsNothing: Permits = () => false;

/** Reads what form the client wants. Throws NotAcceptable. */
export function representationFor(env: Env, request: ApiRequest, query: URLSearchParams, permits: Permits): Representation {
  const media = negotiate(header(request, "accept"), permits);
  return { media, pretty: wantsPretty(request, query), env, includeObject: includedObject(media, query.get("includeObject") || "Metadata") };
}

/** Throws a BadRequest for a table with something else in it. Only tables ask. */
function includedObject({ transform }: MediaType, asked: string): IncludeObject {
  if (asked === "None" || asked === "Object" || asked === "Metadata") return asked;
  if (transform?.as !== "Table") return "Metadata";
  const why = `includeObject: Invalid value: ${JSON.stringify(asked)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw badRequestError(`Unable to convert to Table as requested: ${why}`);
}

/** People read what curl and browsers show. */
export function wantsPretty(request: ApiRequest, query: URLSearchParams): boolean {
  const asked = query.get("pretty");
  if (asked !== null) return isTrue(asked);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(header(request, "user-agent"));
}

export function respond(status: number, chunks: readonly Uint8Array[], representation: Representation): ApiResponse {
  const { media, pretty } = representation;
  const headers = { "content-type": media.contentType, "cache-control": "no-cache, private" };
  if (media.format === "json" && !pretty) return { status, headers, body: { type: "bytes", chunks } };
  const value = parseJson(chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode()).value;
  const text = media.format === "yaml" ? stringify(value, YAML_OPTIONS) : `${formatPretty(value)}\n`;
  return { status, headers, body: bytesBody(encoder.encode(text)) };
}

function formatPretty(value: unknown): string {
  return JSON.stringify(JSON.parse(formatJson(value)), null, 2);
}

/** A stored object. */
export function revisionResponse(status: number, kind: Kind, revision: ObjectRevision, representation: Representation): ApiResponse {
  const { transform } = representation.media;
  const bytes = transform === undefined ? objectBytes(kind, revision) : jsonBytes(transformed(kind, viewOf(kind, revision), representation));
  return respond(status, [bytes, Uint8Array.of(NEWLINE)], representation);
}

/** A document in its own form. */
export function objectResponse(status: number, object: object, representation: Representation): ApiResponse {
  return respond(status, [jsonBytes(object), Uint8Array.of(NEWLINE)], representation);
}

/** An object that is not stored: as a table where it has columns, else in its own form. */
export function unstoredResponse(status: number, object: KubeObject, representation: Representation, columns?: readonly Column<KubeObject>[]): ApiResponse {
  const { media } = representation;
  if (columns !== undefined && media.transform?.as === "Table") {
    const { resourceVersion } = object.metadata;
    const table = tableOf(columns, [object], { resourceVersion }, tableOptions(representation));
    return respond(status, [jsonBytes(table), Uint8Array.of(NEWLINE)], representation);
  }
  const plain = media.transform === undefined ? media : { format: media.format, contentType: `application/${media.format}` };
  return objectResponse(status, object, { ...representation, media: plain });
}

export function listResponse(kind: Kind, items: readonly ObjectRevision[], metadata: ListMetadata, representation: Representation): ApiResponse {
  const { transform } = representation.media;
  if (transform === undefined) return respond(200, listChunks(kind, items, metadata), representation);
  const objects = items.map((item) => viewOf(kind, item));
  const version = transform.version as MetaVersion;
  const list =
    transform.as === "Table"
      ? tableOf(kind.declaration.columns, objects, metadata, tableOptions(representation))
      : partialObjectMetadataList(objects, metadata, version);
  return respond(200, [jsonBytes(list), Uint8Array.of(NEWLINE)], representation);
}

/** One object as Table or metadata. `noHeaders`: a table that follows another in a watch. */
export function transformed(kind: Kind, object: KubeObject, representation: Representation, noHeaders = false): unknown {
  const { transform } = representation.media;
  if (transform === undefined) return JSON.parse(encode(kind, object));
  if (transform.as !== "Table") return partialObjectMetadata(object, transform.version as MetaVersion);
  const { resourceVersion } = object.metadata;
  return tableOf(kind.declaration.columns, [object], { resourceVersion }, { ...tableOptions(representation), noHeaders });
}

/** What a watch shows when nothing changed: how far it is. */
export function bookmarkObject(kind: Kind, revision: number, initialEventsEnd: boolean, representation: Representation): unknown {
  const annotations = initialEventsEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  const metadata = { resourceVersion: String(revision), ...annotations };
  const { transform } = representation.media;
  if (transform?.as === "Table") {
    return {
      kind: "Table",
      apiVersion: `${META_GROUP}/${transform.version}`,
      metadata: { resourceVersion: String(revision) },
      columnDefinitions: [],
      rows: [],
    };
  }
  if (transform !== undefined) return { kind: "PartialObjectMetadata", apiVersion: `${META_GROUP}/${transform.version}`, metadata };
  return { kind: kind.kind, apiVersion: kind.apiVersion, metadata };
}

function tableOptions({ media, env, includeObject }: Representation) {
  return { version: (media.transform?.version ?? "v1") as MetaVersion, now: env.clock.now(), includeObject };
}
