// `/openapi/v3`: an index, and one OpenAPI 3.0 document a group version. The URLs in the index name the content, so that clients
// may keep what they once fetched.
import { type Kind, kubernetesVersion } from "../../api/index.ts";
import { contentHash } from "../discovery/content-hash.ts";
import { Definitions, type JsonSchema } from "./json-schema.ts";
import { apiRoot, type Operation, operationsOf, patchTypesOf } from "./operations.ts";
import { referenceTo } from "./references.ts";

export interface OpenApiV3 {
  /** `/openapi/v3`. */
  index(): { readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>> };
  /** The document under `/openapi/v3/<path>`, e.g. `api/v1` or `apis/apps/v1`; undefined when there is none. */
  document(path: string): V3Document | undefined;
}

interface V3Document {
  readonly json: string;
  readonly hash: string;
  readonly etag: string;
}

/** Documents by path, with the kinds that they were made of. */
export type KnownDocuments = Map<string, { readonly kinds: readonly Kind[]; readonly document: V3Document }>;

/** The documents for one set of kinds; each is made when first asked for, unless it is known. The index needs the hashes of all. */
export function openApiV3(kinds: readonly Kind[], known: KnownDocuments = new Map()): OpenApiV3 {
  const byPath = new Map<string, Kind[]>();
  for (const kind of kinds) {
    const path = apiRoot(kind.apiVersion).slice(1);
    byPath.set(path, [...(byPath.get(path) ?? []), kind]);
  }
  const result: OpenApiV3 = {
    index() {
      const paths = [...byPath.keys()].sort().map((path) => {
        const hash = result.document(path)?.hash ?? "";
        return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
      });
      return { paths: Object.fromEntries(paths) };
    },
    document(path) {
      const own = byPath.get(path);
      if (own === undefined) {
        known.delete(path);
        return undefined;
      }
      const before = known.get(path);
      if (before !== undefined && before.kinds.length === own.length && own.every((kind, position) => kind === before.kinds[position])) return before.document;
      const json = JSON.stringify(build(own));
      const hash = contentHash(json).toUpperCase();
      const document = { json, hash, etag: `"${hash}"` };
      known.set(path, { kinds: own, document });
      return document;
    },
  };
  return result;
}

function build(kinds: readonly Kind[]): JsonSchema {
  const definitions = new Definitions("v3");
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const kind of kinds) {
    referenceTo(definitions, kinds, kind);
    for (const operation of operationsOf(kind)) {
      paths[operation.path] = { ...paths[operation.path], [operation.method]: v3Operation(definitions, kinds, operation) };
    }
  }
  return { openapi: "3.0.0", info: { title: "Kubernetes", version: kubernetesVersion }, paths, components: { schemas: definitions.all() } };
}

function v3Operation(definitions: Definitions, kinds: readonly Kind[], operation: Operation): JsonSchema {
  const { operationId, tag, action, gvk, body, answer, method } = operation;
  const parameters = operation.parameters.map(({ name, in: place, type }) => ({
    name,
    in: place,
    ...(place === "path" ? { required: true } : {}),
    schema: { type },
  }));
  const patch = { content: Object.fromEntries(patchTypesOf(gvk).map((type) => [type, { schema: { type: "object" } }])), required: true };
  const request = body === undefined ? undefined : { content: { "*/*": { schema: referenceTo(definitions, kinds, body) } } };
  const content = answer === undefined ? {} : { content: { "application/json": { schema: referenceTo(definitions, kinds, answer) } } };
  return {
    tags: [tag],
    operationId,
    parameters,
    ...(method === "patch" ? { requestBody: patch } : request === undefined ? {} : { requestBody: request }),
    responses: { "200": { description: "OK", ...content }, "401": { description: "Unauthorized" } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk,
  };
}
