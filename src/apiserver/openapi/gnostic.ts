// A Swagger 2.0 document in the protobuf form of gnostic's OpenAPIv2.proto (https://github.com/google/gnostic), which kubectl before
// 1.27 asks for to validate what it sends. Maps are lists of named values there, and extensions hold YAML text, of which JSON is a part.
import type { JsonSchema } from "./json-schema.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import type { Swagger, SwaggerOperation, SwaggerParameter } from "./v2.ts";

/** Field numbers, message by message. */
const DOCUMENT = { swagger: 1, info: 2, paths: 8, definitions: 9 } as const;
const INFO = { title: 1, version: 2 } as const;
const PATHS = { path: 2 } as const;
const NAMED = { name: 1, value: 2 } as const;
const PATH_ITEM: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };
const OPERATION = { tags: 1, operationId: 5, produces: 6, consumes: 7, parameters: 8, responses: 9, extension: 13 } as const;
const BODY_PARAMETER = { name: 2, in: 3, required: 4, schema: 5 } as const;
const QUERY_PARAMETER = { in: 2, name: 4, type: 6, uniqueItems: 20 } as const;
const PATH_PARAMETER = { required: 1, in: 2, name: 4, type: 5 } as const;
const RESPONSE = { description: 1, schema: 2 } as const;
const SCHEMA = { ref: 1, format: 2, description: 4, required: 19, additionalProperties: 21, type: 22, items: 23, properties: 25, extension: 31 } as const;
/** The first member of a oneof, or of a list wrapped in a message. */
const FIRST = 1;
const NON_BODY = { query: 3, path: 4 } as const;

/** The document as protobuf. */
export function encodeSwagger(document: Swagger): Uint8Array {
  return new ProtobufWriter()
    .text(DOCUMENT.swagger, document.swagger)
    .message(DOCUMENT.info, (info) => info.text(INFO.title, document.info.title).text(INFO.version, document.info.version))
    .message(DOCUMENT.paths, (paths) => {
      for (const [name, item] of Object.entries(document.paths)) {
        paths.message(PATHS.path, (named) => named.text(NAMED.name, name).message(NAMED.value, (value) => writePathItem(value, item)));
      }
    })
    .message(DOCUMENT.definitions, (definitions) => writeNamedSchemas(definitions, document.definitions))
    .finish();
}

function writePathItem(writer: ProtobufWriter, item: Readonly<Record<string, SwaggerOperation>>): void {
  for (const [method, operation] of Object.entries(item)) {
    const field = PATH_ITEM[method];
    if (field !== undefined) writer.message(field, (inner) => writeOperation(inner, operation));
  }
}

function writeOperation(writer: ProtobufWriter, operation: SwaggerOperation): void {
  writeTexts(writer, OPERATION.tags, operation["tags"]);
  writer.text(OPERATION.operationId, operation.operationId);
  writeTexts(writer, OPERATION.produces, operation["produces"]);
  writeTexts(writer, OPERATION.consumes, operation["consumes"]);
  for (const parameter of operation.parameters) {
    writer.message(OPERATION.parameters, (item) => item.message(FIRST, (inner) => writeParameter(inner, parameter)));
  }
  writer.message(OPERATION.responses, (responses) => {
    for (const [code, { description, schema }] of Object.entries(operation.responses)) {
      responses.message(FIRST, (named) =>
        named.text(NAMED.name, code).message(NAMED.value, (value) =>
          value.message(FIRST, (response) => {
            response.text(RESPONSE.description, description);
            if (schema !== undefined) response.message(RESPONSE.schema, (item) => item.message(FIRST, (inner) => writeSchema(inner, schema)));
          }),
        ),
      );
    }
  });
  writeExtensions(writer, OPERATION.extension, operation);
}

function writeParameter(writer: ProtobufWriter, parameter: SwaggerParameter): void {
  const { name, in: place } = parameter;
  const type = parameter["type"] as string;
  const required = parameter["required"] === true;
  if (place === "body") {
    writer.message(1, (body) => {
      body.text(BODY_PARAMETER.name, name).text(BODY_PARAMETER.in, place).flag(BODY_PARAMETER.required, required);
      body.message(BODY_PARAMETER.schema, (schema) => writeSchema(schema, parameter["schema"] as JsonSchema));
    });
  } else if (place === "query") {
    writer.message(2, (other) =>
      other.message(NON_BODY.query, (query) => {
        query.text(QUERY_PARAMETER.in, place).text(QUERY_PARAMETER.name, name).text(QUERY_PARAMETER.type, type).flag(QUERY_PARAMETER.uniqueItems, true);
      }),
    );
  } else {
    writer.message(2, (other) =>
      other.message(NON_BODY.path, (path) => {
        path.flag(PATH_PARAMETER.required, required).text(PATH_PARAMETER.in, place).text(PATH_PARAMETER.name, name).text(PATH_PARAMETER.type, type);
      }),
    );
  }
}

function writeNamedSchemas(writer: ProtobufWriter, schemas: Readonly<Record<string, JsonSchema>>): void {
  for (const [name, schema] of Object.entries(schemas)) {
    writer.message(FIRST, (named) => named.text(NAMED.name, name).message(NAMED.value, (value) => writeSchema(value, schema)));
  }
}

function writeSchema(writer: ProtobufWriter, schema: JsonSchema): void {
  writer.text(SCHEMA.ref, schema["$ref"] as string | undefined);
  writer.text(SCHEMA.format, schema["format"] as string | undefined);
  writer.text(SCHEMA.description, schema["description"] as string | undefined);
  writeTexts(writer, SCHEMA.required, schema["required"]);
  const additional = schema["additionalProperties"] as JsonSchema | undefined;
  if (additional !== undefined) writer.message(SCHEMA.additionalProperties, (item) => item.message(FIRST, (inner) => writeSchema(inner, additional)));
  const type = schema["type"] as string | undefined;
  if (type !== undefined) writer.message(SCHEMA.type, (item) => item.text(FIRST, type));
  const items = schema["items"] as JsonSchema | undefined;
  if (items !== undefined) writer.message(SCHEMA.items, (item) => item.message(FIRST, (inner) => writeSchema(inner, items)));
  const properties = schema["properties"] as Readonly<Record<string, JsonSchema>> | undefined;
  if (properties !== undefined) writer.message(SCHEMA.properties, (inner) => writeNamedSchemas(inner, properties));
  writeExtensions(writer, SCHEMA.extension, schema);
}

const EXTENSION_YAML = 2;

function writeExtensions(writer: ProtobufWriter, field: number, holder: JsonSchema): void {
  for (const [name, value] of Object.entries(holder)) {
    if (!name.startsWith("x-")) continue;
    writer.message(field, (named) => named.text(NAMED.name, name).message(NAMED.value, (any) => any.text(EXTENSION_YAML, JSON.stringify(value))));
  }
}

function writeTexts(writer: ProtobufWriter, field: number, texts: unknown): void {
  for (const text of (texts as readonly string[] | undefined) ?? []) writer.text(field, text);
}
