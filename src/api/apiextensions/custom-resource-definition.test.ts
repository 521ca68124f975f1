import { describe, expect, it } from "vitest";
import { mutableCopy } from "../../base/types.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { CustomResourceDefinition } from "../generated/types.ts";
import { customResourceDefinitions } from "./custom-resource-definition.ts";

const { declaration } = customResourceDefinitions;
const context = { now: 0, userName: "jane", userGroups: [], warn: () => undefined };
const definition: CustomResourceDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "foos.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "foos", kind: "Foo" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};

/** As the server would store it. */
function stored(object: CustomResourceDefinition): CustomResourceDefinition {
  const copy = mutableCopy(object);
  declaration.defaults?.(copy);
  declaration.prepareForCreate?.(copy, context);
  return copy as CustomResourceDefinition;
}

function problems(object: CustomResourceDefinition): string[] {
  return (declaration.validateCreate?.(stored(object)) ?? []).map(fieldErrorText);
}

describe("CustomResourceDefinition", () => {
  it("gets names and remembers in which version objects are stored", () => {
    const { spec, status } = stored(definition);
    expect(spec.names).toEqual({ plural: "foos", kind: "Foo", singular: "foo", listKind: "FooList" });
    expect(spec.conversion).toEqual({ strategy: "None" });
    expect(status).toEqual({ storedVersions: ["v1"] });
    expect(problems(definition)).toEqual([]);
  });

  it("has no empty fields in schemas, however deep", () => {
    const items = { type: "object", id: "", nullable: false, additionalProperties: { type: "string", title: "" } };
    const schema = { openAPIV3Schema: { type: "object", properties: { a: { type: "array", items } } } };
    const versions = [{ name: "v1", served: true, storage: true, schema }];
    const { spec } = stored({ ...definition, spec: { ...definition.spec, versions } });
    expect(spec.versions[0]?.schema?.openAPIV3Schema?.properties?.["a"]?.items).toEqual({ type: "object", additionalProperties: { type: "string" } });
  });

  it("is named after plural and group", () => {
    expect(problems({ ...definition, metadata: { name: "foo.example.com" } })).toEqual([
      'metadata.name: Invalid value: "foo.example.com": must be spec.names.plural+"."+spec.group',
    ]);
  });

  it("stores exactly one version, and gives each a schema", () => {
    const versions = [
      { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } },
      { name: "v2", served: true, storage: true },
    ];
    const texts = problems({ ...definition, spec: { ...definition.spec, versions } });
    expect(texts[0]).toBe("spec.versions[1].schema.openAPIV3Schema: Required value");
    expect(texts[1]).toContain("must have exactly one version marked as storage version");
  });

  it("keeps the versions that objects may still be stored in", () => {
    const old = stored(definition);
    const next = mutableCopy({
      ...definition,
      spec: { ...definition.spec, versions: [{ ...definition.spec.versions[0], name: "v2" }] },
    } as CustomResourceDefinition);
    declaration.defaults?.(next);
    declaration.prepareForUpdate?.(next, old, context);
    expect(next.status?.storedVersions).toEqual(["v1", "v2"]);
    const texts = (declaration.validateUpdate?.(next as CustomResourceDefinition, old) ?? []).map(fieldErrorText);
    expect(texts[0]).toContain('status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version');
  });
});
