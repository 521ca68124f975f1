// `/openapi/v2`: one Swagger 2.0 document of everything, as JSON and in the protobuf form that older clients ask for.
import { type Kind, kubernetesVersion } from "../../api/index.ts";
import { contentHash } from "../discovery/content-hash.ts";
import { encodeSwagger } from "./gnostic.ts";
import { Definitions, type JsonSchema } from "./json-schema.ts";
import { type Operation, operationsOf, type Parameter, patchTypesOf } from "./operations.ts";
import { referenceTo } from "./references.ts";

/** What clients ask for to get the protobuf form. */
export const SWAGGER_PROTOBUF_ACCEPTED: readonly string[] = [
  "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
  "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
];
/** What the answer is called: a media type with an `@` does not parse, though it is what clients ask for. */
export const SWAGGER_PROTOBUF_CONTENT_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

export interface SwaggerParameter extends JsonSchema {
  readonly name: string;
  readonly in: "query" | "path" | "body";
}
export interface SwaggerOperation extends JsonSchema {
  readonly operationId: string;
  readonly parameters: readonly SwaggerParameter[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly schema?: JsonSchema }>>;
}
export interface Swagger {
  readonly swagger: "2.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, SwaggerOperation>>>>;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
}

export interface OpenApiV2 {
  document(): Swagger;
  json(): string;
  /** The answer to who accepts one of `SWAGGER_PROTOBUF_ACCEPTED`. */
  protobuf(): Uint8Array;
  /** Quoted, as it goes into the header. */
  etag(): string;
}

/** The document for one set of kinds; each form is made when first asked for. */
export function openApiV2(kinds: readonly Kind[]): OpenApiV2 {
  let document: Swagger | undefined;
  let json: string | undefined;
  let protobuf: Uint8Array | undefined;
  const result: OpenApiV2 = {
    document() {
      document ??= build(kinds);
      return document;
    },
    json() {
      json ??= JSON.stringify(result.document());
      return json;
    },
    protobuf() {
      protobuf ??= encodeSwagger(result.document());
      return protobuf;
    },
    etag: () => `"${contentHash(result.json()).toUpperCase()}"`,
  };
  return result;
}

function build(kinds: readonly Kind[]): Swagger {
  const definitions = new Definitions("v2");
  const paths: Record<string, Record<string, SwaggerOperation>> = {};
  for (const kind of kinds) {
    for (const operation of operationsOf(kind)) {
      paths[operation.path] ??= {};
      Object.assign(paths[operation.path] ?? {}, { [operation.method]: swaggerOperation(definitions, kinds, operation) });
    }
  }
  return { swagger: "2.0", info: { title: "Kubernetes", version: kubernetesVersion }, paths, definitions: definitions.all() };
}

function swaggerOperation(definitions: Definitions, kinds: readonly Kind[], operation: Operation): SwaggerOperation {
  const { operationId, tag, action, gvk, body, answer, method } = operation;
  const parameters: SwaggerParameter[] = operation.parameters.map(swaggerParameter);
  if (body !== undefined) parameters.push({ name: "body", in: "body", required: method !== "delete", schema: referenceTo(definitions, kinds, body) });
  if (method === "patch") parameters.push({ name: "body", in: "body", required: true, schema: { type: "object" } });
  return {
    operationId,
    tags: [tag],
    consumes: method === "patch" ? patchTypesOf(gvk) : ["application/json", "application/yaml"],
    produces: answer === undefined ? ["*/*"] : ["application/json", "application/yaml"],
    parameters,
    responses: {
      "200": { description: "OK", ...(answer === undefined ? {} : { schema: referenceTo(definitions, kinds, answer) }) },
      "401": { description: "Unauthorized" },
    },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk,
  };
}

function swaggerParameter({ name, in: place, type }: Parameter): SwaggerParameter {
  return { name, in: place, type, ...(place === "path" ? { required: true } : { uniqueItems: true }) };
}
