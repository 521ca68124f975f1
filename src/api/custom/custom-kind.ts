// From a CustomResourceDefinition to the kinds that it defines, one a version: the same declarations that built-in kinds have, made from
// its schemas. Objects are stored in one version; every version shows them with its own name, pruned and defaulted by its own schema
// (conversion strategy None, https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/).
import { mutableCopy, present } from "../../base/index.ts";
import { formatApiVersion } from "../declare.ts";
import { decodeValue } from "../decode.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionVersion, JSONSchemaProps } from "../generated/types.ts";
import { setOwn } from "../json.ts";
import type { FieldReader, Kind, KindDeclaration, Subresource } from "../kind.ts";
import type { KubeObject, UnstructuredObject } from "../object.ts";
import type { ObjectSchema } from "../schema.ts";
import { customColumns } from "./custom-columns.ts";
import { fillDefaults } from "./defaulting.ts";
import { fieldNames, type JsonPath, parseJsonPath, valuesAt } from "./json-path.ts";
import { validateCustomResource } from "./resource-validation.ts";
import { compileRootSchema } from "./structural-schema.ts";

type CustomKind = Kind<UnstructuredObject>;
type Scaling = NonNullable<KindDeclaration<UnstructuredObject>["scale"]>;

const VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
/** Of a definition that is being deleted: nothing new may come. */
const TERMINATING_VERBS = VERBS.filter((verb) => verb !== "create");
const SUBRESOURCE_VERBS = ["get", "patch", "update"];

/** The kinds of the versions that are served. The names must have been accepted. */
export function kindsOfDefinition(definition: CustomResourceDefinition): CustomKind[] {
  const { versions } = definition.spec;
  const byVersion = new Map<string, CustomKind>();
  const storageVersion = present(
    versions.find(({ storage }) => storage),
    `storage version of ${definition.metadata.name}`,
  ).name;
  const storage = (): CustomKind => present(byVersion.get(storageVersion), `kind of version ${storageVersion}`);
  for (const version of versions) byVersion.set(version.name, customKind(definition, version, storage));
  return versions.filter(({ served }) => served).map(({ name }) => present(byVersion.get(name), `kind of version ${name}`));
}

/** Tells whether a condition of the definition is true. */
export function isDefinitionCondition({ status }: CustomResourceDefinition, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;
}

function customKind(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion, storage: () => CustomKind): CustomKind {
  const { group, scope } = definition.spec;
  const names: CustomResourceDefinitionNames = definition.status?.acceptedNames ?? definition.spec.names;
  const openApiSchema = schemaOf(version);
  const apiVersion = formatApiVersion(group, version.name);
  let schema: ObjectSchema | undefined;
  const kind: CustomKind = {
    group,
    version: version.name,
    apiVersion,
    kind: names.kind,
    resource: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    namespaced: scope === "Namespaced",
    verbs: isDefinitionCondition(definition, "Terminating") ? TERMINATING_VERBS : VERBS,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    subresources: subresourcesOf(group, version, names.kind),
    definition: [...group.split(".").reverse(), version.name, names.kind].join("."),
    get schema(): ObjectSchema {
      schema ??= compileRootSchema(openApiSchema);
      return schema;
    },
    declaration: declarationOf(definition, version, () => ({ kind, storage: storage() })),
    custom: { listKind: names.listKind ?? `${names.kind}List`, openApiSchema },
  };
  return kind;
}

/** Every version must have one. */
function schemaOf({ name, schema }: CustomResourceDefinitionVersion): JSONSchemaProps {
  return present(schema?.openAPIV3Schema, `schema of version ${name}`);
}

function subresourcesOf(group: string, { name, subresources }: CustomResourceDefinitionVersion, kind: string): ReadonlyMap<string, Subresource> {
  const found = new Map<string, Subresource>();
  if (subresources?.status !== undefined) found.set("status", { name: "status", verbs: SUBRESOURCE_VERBS, kind, group, version: name });
  if (subresources?.scale !== undefined) {
    found.set("scale", { name: "scale", verbs: SUBRESOURCE_VERBS, kind: "Scale", group: "autoscaling", version: "v1" });
  }
  return found;
}

function declarationOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  kinds: () => { readonly kind: CustomKind; readonly storage: CustomKind },
): KindDeclaration<UnstructuredObject> {
  const schema = schemaOf(version);
  const hasStatus = version.subresources?.status !== undefined;
  // What was stored under the one and only schema that there ever was needs no second look.
  const isAsStored = version.storage && definition.metadata.generation === 1;
  return {
    columns: customColumns(version),
    defaults: (object) => fillDefaults(schema, object),
    validateCreate: (object) => validateCustomResource(schema, object, undefined),
    validateUpdate: (object, old) => validateCustomResource(schema, object, old),
    validateStatusUpdate: (object, old) => validateCustomResource(schema, object, old),
    countsGeneration: true,
    generationCounts: ({ metadata: _, apiVersion: __, status, ...rest }) => [rest, hasStatus ? undefined : status],
    requiresResourceVersion: true,
    ...(version.deprecated === true ? { deprecation: deprecationOf(definition, version) } : {}),
    selectableFields: selectableFieldsOf(version),
    ...(version.subresources?.scale === undefined ? {} : { scale: scalingOf(version.subresources.scale) }),
    ...(isAsStored ? {} : { storedAs: { kind: () => kinds().storage as unknown as Kind, ...viewsOf(kinds) } }),
  };
}

function deprecationOf({ spec }: CustomResourceDefinition, { name, deprecationWarning }: CustomResourceDefinitionVersion): string {
  return deprecationWarning ?? `${formatApiVersion(spec.group, name)} ${spec.names.kind} is deprecated`;
}

function viewsOf(kinds: () => { readonly kind: CustomKind; readonly storage: CustomKind }) {
  return {
    toStored: (object: KubeObject): KubeObject => ({ ...object, apiVersion: kinds().storage.apiVersion }),
    fromStored(stored: KubeObject): UnstructuredObject {
      const { kind } = kinds();
      const { object } = decodeValue<UnstructuredObject>(kind, { ...stored, apiVersion: kind.apiVersion });
      kind.declaration.defaults?.(object);
      return object;
    },
  };
}

function selectableFieldsOf({ selectableFields = [] }: CustomResourceDefinitionVersion): Record<string, FieldReader<UnstructuredObject>> {
  const readers: Record<string, FieldReader<UnstructuredObject>> = {};
  for (const { jsonPath } of selectableFields) {
    const path = parseJsonPath(jsonPath) ?? [];
    setOwn(readers, jsonPath.replace(/^\./, ""), (object: UnstructuredObject) => {
      const [value] = valuesAt(path, object);
      return value === undefined || value === null ? "" : String(value);
    });
  }
  return readers;
}

function scalingOf(scale: { readonly specReplicasPath: string; readonly statusReplicasPath: string; readonly labelSelectorPath?: string }): Scaling {
  const specReplicas = parseJsonPath(scale.specReplicasPath) ?? [];
  const statusReplicas = parseJsonPath(scale.statusReplicasPath) ?? [];
  const labelSelector = scale.labelSelectorPath === undefined ? undefined : parseJsonPath(scale.labelSelectorPath);
  return {
    specReplicas: (object) => numberAt(specReplicas, object),
    setSpecReplicas: (object, replicas) => setAt(object, fieldNames(specReplicas) ?? [], replicas),
    statusReplicas: (object) => numberAt(statusReplicas, object),
    selector: (object) => {
      const [selector] = labelSelector === undefined ? [] : valuesAt(labelSelector, object);
      return typeof selector === "string" ? selector : "";
    },
  };
}

function numberAt(path: JsonPath, object: unknown): number {
  const [value] = valuesAt(path, object);
  return typeof value === "number" ? value : 0;
}

function setAt(object: unknown, names: readonly string[], value: unknown): void {
  const [first, ...rest] = names;
  if (first === undefined || typeof object !== "object" || object === null) return;
  const target = object as Record<string, unknown>;
  if (rest.length === 0) {
    setOwn(target, first, value);
    return;
  }
  if (typeof target[first] !== "object" || target[first] === null) setOwn(target, first, {});
  else setOwn(target, first, mutableCopy(target[first]));
  setAt(target[first], rest, value);
}
