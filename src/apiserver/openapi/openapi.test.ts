import { describe, expect, it } from "vitest";
import { builtInKinds } from "../../api/index.ts";
import { Definitions, type JsonSchema } from "./json-schema.ts";
import { openApiV2 } from "./v2.ts";
import { openApiV3 } from "./v3.ts";

const v2 = openApiV2(builtInKinds);
const v3 = openApiV3(builtInKinds);

interface Document {
  readonly paths: Record<string, Record<string, JsonSchema & { readonly parameters: readonly { readonly name: string }[] }>>;
  readonly components: { readonly schemas: Record<string, JsonSchema & { readonly properties: Record<string, JsonSchema> }> };
}

function v3Document(path: string): Document {
  return JSON.parse(v3.document(path)?.json ?? "{}") as Document;
}

/** Every `$ref` within a value. */
function references(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => (key === "$ref" && typeof item === "string" ? [item] : references(item)));
}

describe("OpenAPI v3", () => {
  it("has an index whose URLs name the content", () => {
    const entry = v3.index().paths["apis/apps/v1"];
    expect(entry?.serverRelativeURL).toBe(`/openapi/v3/apis/apps/v1?hash=${v3.document("apis/apps/v1")?.hash}`);
    expect(v3.index().paths["api/v1"]?.serverRelativeURL).toMatch(/^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{32}$/);
    expect(v3.document("apis/nope/v1")).toBeUndefined();
  });
  it("says that PATCH takes fieldValidation, as kubectl looks for it", () => {
    const patch = v3Document("apis/apps/v1").paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]?.["patch"];
    expect(patch?.["x-kubernetes-group-version-kind"]).toEqual({ group: "apps", version: "v1", kind: "Deployment" });
    expect(patch?.parameters.map((parameter) => parameter.name)).toEqual(["namespace", "name", "dryRun", "fieldManager", "fieldValidation", "force"]);
  });
  it("holds all that it refers to", () => {
    for (const path of Object.keys(v3.index().paths)) {
      const document = v3Document(path);
      const known = new Set(Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`));
      expect(
        references(document).filter((reference) => !known.has(reference)),
        path,
      ).toEqual([]);
    }
  });
  it("tells types, topology, enumerations, defaults and required fields", () => {
    const { schemas } = v3Document("api/v1").components;
    const container = schemas["io.k8s.api.core.v1.Container"];
    expect(container?.["required"]).toEqual(["name"]);
    expect(container?.properties["ports"]).toEqual({
      type: "array",
      items: { $ref: "#/components/schemas/io.k8s.api.core.v1.ContainerPort" },
      "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
      "x-kubernetes-list-type": "map",
      "x-kubernetes-patch-merge-key": "containerPort",
      "x-kubernetes-patch-strategy": "merge",
    });
    expect(schemas["io.k8s.api.core.v1.ContainerPort"]?.properties["protocol"]).toEqual({ type: "string", default: "TCP", enum: ["SCTP", "TCP", "UDP"] });
    expect(schemas["io.k8s.api.core.v1.Pod"]?.["x-kubernetes-group-version-kind"]).toEqual([{ group: "", version: "v1", kind: "Pod" }]);
  });
  it("describes streams by the fields of their options", () => {
    const exec = v3Document("api/v1").paths["/api/v1/namespaces/{namespace}/pods/{name}/exec"];
    expect(Object.keys(exec ?? {}).sort()).toEqual(["get", "post"]);
    expect(exec?.["get"]?.parameters.map((parameter) => parameter.name)).toEqual([
      "namespace",
      "name",
      "stdin",
      "stdout",
      "stderr",
      "tty",
      "container",
      "command",
    ]);
  });
});

describe("OpenAPI v2", () => {
  it("holds all that it refers to", () => {
    const document = v2.document();
    const known = new Set(Object.keys(document.definitions).map((name) => `#/definitions/${name}`));
    expect(references(document).filter((reference) => !known.has(reference))).toEqual([]);
  });
  it("has each operation once", () => {
    const ids = Object.values(v2.document().paths).flatMap((item) => Object.values(item).map((operation) => operation.operationId));
    expect(ids.length).toBe(new Set(ids).size);
    expect(ids).toContain("listCoreV1PodForAllNamespaces");
    expect(ids).toContain("patchAppsV1NamespacedDeploymentStatus");
    expect(ids).toContain("readRbacAuthorizationV1ClusterRole");
  });
  it("says what definitions stand for which kinds", () => {
    expect(v2.document().definitions["io.k8s.api.apps.v1.Deployment"]?.["x-kubernetes-group-version-kind"]).toEqual([
      { group: "apps", version: "v1", kind: "Deployment" },
    ]);
    expect(v2.etag()).toMatch(/^"[0-9A-F]{32}"$/);
  });
});

/** A reader of protobuf that knows no schema: field numbers with their values. */
function readMessage(bytes: Uint8Array): { field: number; value: Uint8Array | number }[] {
  const fields: { field: number; value: Uint8Array | number }[] = [];
  let position = 0;
  const varint = (): number => {
    let result = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[position++] ?? 0;
      result += (byte & 0x7f) * shift;
      if (byte < 0x80) return result;
    }
  };
  while (position < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (tag % 8 === 0) fields.push({ field, value: varint() });
    else {
      const length = varint();
      fields.push({ field, value: bytes.subarray(position, position + length) });
      position += length;
    }
  }
  return fields;
}

describe("the protobuf form of v2", () => {
  const nested = (bytes: Uint8Array, ...path: number[]): Uint8Array[] =>
    path.reduce(
      (all, field) =>
        all.flatMap((message) => readMessage(message).flatMap((entry) => (entry.field === field && typeof entry.value !== "number" ? [entry.value] : []))),
      [bytes],
    );
  const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

  it("names the document's version and all definitions and paths", () => {
    const bytes = v2.protobuf();
    expect(text(nested(bytes, 1)[0])).toBe("2.0");
    expect(nested(bytes, 9, 1, 1).map(text)).toEqual(Object.keys(v2.document().definitions));
    expect(nested(bytes, 8, 2, 1).map(text)).toEqual(Object.keys(v2.document().paths));
  });
  it("carries properties, references and extensions", () => {
    const pod = nested(v2.protobuf(), 9, 1).find((named) => text(nested(named, 1)[0]) === "io.k8s.api.core.v1.Pod") ?? new Uint8Array();
    const properties = nested(pod, 2, 25, 1);
    expect(properties.map((property) => text(nested(property, 1)[0]))).toEqual(["apiVersion", "kind", "metadata", "spec", "status"]);
    const spec = properties.find((property) => text(nested(property, 1)[0]) === "spec") ?? new Uint8Array();
    expect(text(nested(spec, 2, 1)[0])).toBe("#/definitions/io.k8s.api.core.v1.PodSpec");
    const extension = nested(pod, 2, 31)[0] ?? new Uint8Array();
    expect([text(nested(extension, 1)[0]), text(nested(extension, 2, 2)[0])]).toEqual([
      "x-kubernetes-group-version-kind",
      '[{"group":"","kind":"Pod","version":"v1"}]',
    ]);
  });
});

it("describes the anonymous objects of custom resources in place", () => {
  const field = { required: true, emitEmpty: false, omitEmpty: false } as const;
  const definitions = new Definitions("v3");
  const reference = definitions.reference("com.example.v1.Foo", {
    type: "object",
    preserveUnknown: false,
    mapType: "granular",
    fields: new Map([["spec", { ...field, name: "spec", schema: { type: "object", fields: new Map(), preserveUnknown: true, mapType: "atomic" } }]]),
  });
  expect(reference).toEqual({ $ref: "#/components/schemas/com.example.v1.Foo" });
  expect(definitions.all()).toEqual({
    "com.example.v1.Foo": {
      type: "object",
      properties: { spec: { type: "object", "x-kubernetes-map-type": "atomic", "x-kubernetes-preserve-unknown-fields": true } },
      required: ["spec"],
    },
  });
});
