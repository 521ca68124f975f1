// Writes src/api/generated/ and src/apiserver/authorization/generated/ from the official Kubernetes modules.
//
//   npm run generate            needs the `go` command once, as a package client: it downloads the modules named below
//
// Only facts are taken: type and field names, JSON types, list topology, enum values, defaults, protobuf numbers, resource
// names, verbs, the rules of the bootstrap roles. Descriptions are not. The output is committed, so that neither set-up nor
// tests need Go (docs/decisions/0001-facts-from-official-modules.md).
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { type GoPackage, readGoPackage } from "./go-facts.ts";
import { writeTypes } from "./typescript.ts";

const KUBERNETES = "v1.36.3";
const LIBRARIES = "v0.36.3";

/** A field of a type, as `schema.ts` holds it. Keys are left out where they say nothing. */
export interface FieldFact {
  /** `string`, `int32`, `int64`, `double`, `boolean`, `bytes`, `quantity`, `intOrString`, `time`, `microTime`, `any`, `fieldsV1`, `[]X`, `{}X` or `#definition`. */
  type: string;
  required?: true;
  /** Written even when empty: a struct held by value (`{}`) or a scalar without omitempty (its zero). */
  emitEmpty?: true;
  /** Left out when empty: a scalar, list or map held by value, with omitempty. */
  omitEmpty?: true;
  enum?: string[];
  default?: unknown;
  listType?: "atomic" | "set" | "map";
  listMapKeys?: string[];
  mapType?: "atomic" | "granular";
  patchStrategy?: string;
  patchMergeKey?: string;
  /** Protobuf field number. */
  proto?: number;
  protoIn?: number[];
}

export interface TypeFact {
  /** What the whole value is when the type is not an object with fields. */
  scalar?: string;
  mapType?: "atomic";
  gvk?: { group: string; version: string; kind: string };
  fields: Record<string, FieldFact>;
}

interface OpenApi {
  definitions: Record<string, Definition>;
}
interface Definition {
  type?: string;
  format?: string;
  $ref?: string;
  items?: Definition;
  additionalProperties?: Definition;
  properties?: Record<string, Definition>;
  required?: string[];
  default?: unknown;
  [extension: `x-${string}`]: unknown;
}

const SCALARS: Record<string, string> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "fieldsV1",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "microTime",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "any",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intOrString",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "any",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "any",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "any",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "any",
};
/** Go structs that look like scalars: omitempty does not apply to them. */
const NEVER_EMPTY = new Set(["intOrString", "quantity", "time", "microTime", "any", "fieldsV1"]);
/** The metrics APIs, which never left beta, and which no OpenAPI document of the module describes: by their packages, what is taken of each. */
const METRICS: Record<string, { group: string; version: string }> = {
  "io.k8s.metrics.pkg.apis.metrics.v1beta1.": { group: "metrics.k8s.io", version: "v1beta1" },
};
/** How fields of these Go types look in JSON. */
const GO_TYPES: Record<string, Definition> = {
  string: { type: "string" },
  "metav1.Duration": { type: "string" },
  "metav1.Time": { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Time" },
  "metav1.ObjectMeta": { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
  "metav1.ListMeta": { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta" },
  "v1.ResourceList": { type: "object", additionalProperties: { $ref: "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity" } },
};
const UNSTABLE = /\.v\d+(?:alpha|beta)\d+\./;

const kubernetes = moduleFolder("k8s.io/kubernetes", KUBERNETES);
const libraries = {
  "io.k8s.api.": moduleFolder("k8s.io/api", LIBRARIES),
  "io.k8s.apimachinery.pkg.": join(moduleFolder("k8s.io/apimachinery", LIBRARIES), "pkg"),
  "io.k8s.apiextensions-apiserver.pkg.apis.": join(moduleFolder("k8s.io/apiextensions-apiserver", LIBRARIES), "pkg/apis"),
  "io.k8s.kube-aggregator.pkg.apis.": join(moduleFolder("k8s.io/kube-aggregator", LIBRARIES), "pkg/apis"),
  "io.k8s.metrics.pkg.apis.": join(moduleFolder("k8s.io/metrics", LIBRARIES), "pkg/apis"),
};

const { definitions } = readJson<OpenApi>(join(kubernetes, "api/openapi-spec/swagger.json"));
const defaults = readDefaults();
/** What the other packages import. */
const CORE = "io.k8s.api.core.v1";
const packages = new Map<string, GoPackage | undefined>();
const types: Record<string, TypeFact> = {};
for (const [prefix, names] of Object.entries(METRICS)) Object.assign(definitions, readDefinitions(prefix, names));
for (const name of Object.keys(definitions).sort()) {
  if (!UNSTABLE.test(name) || isOfMetrics(name)) types[name] = readType(name, definitions[name] ?? {});
}
addMissingTypes();

const folder = "src/api/generated";
mkdirSync(folder, { recursive: true });
writeFileSync(
  join(folder, "schema.ts"),
  `// Generated by \`npm run generate\`. Do not edit.\n/** The type facts as JSON text: parsed when first needed, it costs start-up a tenth of what an object literal would. */\nexport const schemaText = \`${jsonLines(types)}\`;\n`,
);
writeFileSync(join(folder, "resources.json"), jsonLines(readResources()));
writeFileSync(join(folder, "types.ts"), writeTypes(types));
writeFileSync(
  join(folder, "version.ts"),
  `// Generated by \`npm run generate\`. Do not edit.\n/** The Kubernetes release whose facts this folder holds. */\nexport const kubernetesVersion = "${KUBERNETES}";\n`,
);
const policyFolder = "src/apiserver/authorization/generated";
mkdirSync(policyFolder, { recursive: true });
writeFileSync(join(policyFolder, "bootstrap-policy.json"), `${JSON.stringify(readBootstrapPolicy(), undefined, 1)}\n`);
console.log(`${Object.keys(types).length} types from Kubernetes ${KUBERNETES}`);

function moduleFolder(module: string, version: string): string {
  const printed = execFileSync("go", ["mod", "download", "-json", `${module}@${version}`], { encoding: "utf8", cwd: "/" });
  return (JSON.parse(printed) as { Dir: string }).Dir;
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}

/** Defaults stand only in the OpenAPI v3 documents. Zero values there are Go's, not the API's, and are left out. */
function readDefaults(): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const specs = join(kubernetes, "api/openapi-spec/v3");
  for (const file of readdirSync(specs)) {
    const document = readJson<{ components?: { schemas?: Record<string, Definition> } }>(join(specs, file));
    for (const [type, definition] of Object.entries(document.components?.schemas ?? {})) {
      for (const [field, property] of Object.entries(definition.properties ?? {})) {
        const value = property.default;
        if (value === undefined || value === "" || value === 0 || value === false || typeof value === "object") continue;
        found.set(`${type} ${field}`, value);
      }
    }
  }
  return found;
}

function isOfMetrics(name: string): boolean {
  return Object.keys(METRICS).some((prefix) => name.startsWith(prefix));
}

/** OpenAPI definitions of a Go package that no document describes. */
function readDefinitions(prefix: string, { group, version }: { group: string; version: string }): Record<string, Definition> {
  const found: Record<string, Definition> = {};
  const { facts } = goPackage(`${prefix}any`);
  for (const [kind, { fields, inlined }] of facts?.structs ?? []) {
    const isKind = inlined.some(({ type }) => type === "TypeMeta");
    const properties: Record<string, Definition> = isKind ? { apiVersion: { type: "string" }, kind: { type: "string" } } : {};
    for (const [name, { goType }] of fields) properties[name] = definitionOfGoType(goType, prefix);
    const required = [...fields].filter(([, { omitEmpty }]) => !omitEmpty).map(([name]) => name);
    found[`${prefix}${kind}`] = { type: "object", properties, required, ...(isKind ? { "x-kubernetes-group-version-kind": [{ group, version, kind }] } : {}) };
  }
  return found;
}

function definitionOfGoType(goType: string, prefix: string): Definition {
  const items = goType.startsWith("[]") ? goType.slice(2) : undefined;
  if (items !== undefined) return { type: "array", items: definitionOfGoType(items, prefix), "x-kubernetes-list-type": "atomic" };
  return GO_TYPES[goType] ?? { $ref: `#/definitions/${prefix}${goType}` };
}

function goPackage(name: string): { facts: GoPackage | undefined; type: string } {
  const type = name.slice(name.lastIndexOf(".") + 1);
  const prefix = name.slice(0, name.lastIndexOf("."));
  if (!packages.has(prefix)) {
    const entry = Object.entries(libraries).find(([start]) => name.startsWith(start));
    let facts: GoPackage | undefined;
    if (entry !== undefined && prefix.length > entry[0].length) {
      try {
        const core = prefix === CORE ? undefined : goPackage(`${CORE}.Pod`).facts?.constants;
        facts = readGoPackage(join(entry[1], prefix.slice(entry[0].length).replaceAll(".", "/")), core ?? new Map());
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
    packages.set(prefix, facts);
  }
  return { facts: packages.get(prefix), type };
}

function readType(name: string, definition: Definition): TypeFact {
  const scalar = SCALARS[name];
  if (scalar !== undefined) return { scalar, fields: {} };
  const { facts, type } = goPackage(name);
  const fact: TypeFact = { fields: {} };
  const gvk = definition["x-kubernetes-group-version-kind"] as TypeFact["gvk"][] | undefined;
  if (gvk?.length === 1) fact.gvk = gvk[0];
  if (definition["x-kubernetes-map-type"] === "atomic") fact.mapType = "atomic";
  for (const [field, property] of Object.entries(definition.properties ?? {})) {
    fact.fields[field] = readField({ name, field, property, required: definition.required?.includes(field) ?? false, facts, type });
  }
  return fact;
}

/** The values of an enum, of the package itself or of the core's, which all others import. */
function enumOf(facts: GoPackage | undefined, goType: string): string[] | undefined {
  const [, imported] = /^(?:core)?v1\.(\w+)$/.exec(goType) ?? [];
  return imported === undefined ? facts?.enums.get(goType) : goPackage(`${CORE}.Pod`).facts?.enums.get(imported);
}

function readField(from: { name: string; field: string; property: Definition; required: boolean; facts: GoPackage | undefined; type: string }): FieldFact {
  const { property, facts, field } = from;
  const fact: FieldFact = { type: typeExpression(property) };
  if (from.required) fact.required = true;
  const go = findGoField(facts, from.type, field);
  if (go !== undefined) {
    const target = property.$ref?.replace("#/definitions/", "");
    const isStruct = target !== undefined && SCALARS[target] === undefined;
    if (!go.pointer && !go.omitZero && (isStruct || !go.omitEmpty)) fact.emitEmpty = true;
    const holdsEmpty = !go.pointer && !isStruct && !NEVER_EMPTY.has(fact.type);
    if (holdsEmpty && (go.omitEmpty || go.omitZero)) fact.omitEmpty = true;
    const values = enumOf(facts, go.goType.replace(/^\[\]/, ""));
    if (values !== undefined) fact.enum = values;
  }
  const byDefault = defaults.get(`${from.name} ${field}`);
  if (byDefault !== undefined) fact.default = byDefault;
  const listType = property["x-kubernetes-list-type"];
  if (listType !== undefined) fact.listType = listType as FieldFact["listType"];
  const keys = property["x-kubernetes-list-map-keys"];
  if (keys !== undefined) fact.listMapKeys = keys as string[];
  const mapType = property["x-kubernetes-map-type"];
  if (mapType !== undefined) fact.mapType = mapType as FieldFact["mapType"];
  const strategy = property["x-kubernetes-patch-strategy"];
  if (strategy !== undefined) fact.patchStrategy = strategy as string;
  const mergeKey = property["x-kubernetes-patch-merge-key"];
  if (mergeKey !== undefined) fact.patchMergeKey = mergeKey as string;
  return { ...fact, ...findProtobufNumber(facts, from.type, field) };
}

/** The field's number, and for a field that stands inline in JSON the numbers of the messages that hold it in protobuf. */
function findProtobufNumber(facts: GoPackage | undefined, type: string, field: string): Pick<FieldFact, "proto" | "protoIn"> {
  const struct = facts?.structs.get(type);
  const own = struct?.fields.get(field);
  if (own !== undefined) return own.proto === undefined ? {} : { proto: own.proto };
  for (const inlined of struct?.inlined ?? []) {
    const { proto, protoIn = [] } = findProtobufNumber(facts, inlined.type, field);
    if (proto !== undefined && inlined.proto !== undefined) return { proto, protoIn: [inlined.proto, ...protoIn] };
  }
  return {};
}

function findGoField(facts: GoPackage | undefined, type: string, field: string): import("./go-facts.ts").GoField | undefined {
  const struct = facts?.structs.get(type);
  if (struct === undefined) return undefined;
  const own = struct.fields.get(field);
  if (own !== undefined) return own;
  for (const inlined of struct.inlined) {
    const found = findGoField(facts, inlined.type, field);
    if (found !== undefined) return found;
  }
  return undefined;
}

function typeExpression(definition: Definition): string {
  if (definition.$ref !== undefined) {
    const target = definition.$ref.replace("#/definitions/", "");
    return SCALARS[target] ?? `#${target}`;
  }
  if (definition.type === "array") return `[]${typeExpression(definition.items ?? {})}`;
  if (definition.type === "object") return `{}${definition.additionalProperties === undefined ? "any" : typeExpression(definition.additionalProperties)}`;
  if (definition.type === "integer") return definition.format ?? "int64";
  if (definition.type === "number") return "double";
  if (definition.type === "string") return definition.format === "byte" ? "bytes" : "string";
  return definition.type ?? "any";
}

/** Types that the OpenAPI document leaves out because they appear only in unpublished places. */
function addMissingTypes(): void {
  const option = (group: string, kind: string, fields: Record<string, FieldFact>): void => {
    types[`io.k8s.api.${group}.v1.${kind}`] ??= { gvk: { group: "", version: "v1", kind }, fields };
  };
  const flag: FieldFact = { type: "boolean" };
  const text: FieldFact = { type: "string" };
  option("core", "PodExecOptions", { stdin: flag, stdout: flag, stderr: flag, tty: flag, container: text, command: { type: "[]string", listType: "atomic" } });
  option("core", "PodAttachOptions", { stdin: flag, stdout: flag, stderr: flag, tty: flag, container: text });
  option("core", "PodPortForwardOptions", { ports: { type: "[]int32", listType: "atomic" } });
  option("core", "PodProxyOptions", { path: text });
  option("core", "ServiceProxyOptions", { path: text });
  option("core", "NodeProxyOptions", { path: text });
  option("core", "PodLogOptions", {
    container: text,
    follow: flag,
    previous: flag,
    sinceSeconds: { type: "int64" },
    sinceTime: { type: "time" },
    timestamps: flag,
    tailLines: { type: "int64" },
    limitBytes: { type: "int64" },
    insecureSkipTLSVerifyBackend: flag,
    stream: text,
  });
}

/** Discovery facts of the stable versions: the aggregated document holds the groups, `api__v1.json` the core. */
function readResources(): Record<string, unknown> {
  interface Resource {
    name: string;
    singularName: string;
    namespaced: boolean;
    kind: string;
    group?: string;
    version?: string;
    verbs: string[];
    shortNames?: string[];
    categories?: string[];
  }
  const verbs = ["get", "list"];
  const found: Record<string, unknown> = {
    "metrics.k8s.io/v1beta1/nodes": { singular: "", namespaced: false, kind: "NodeMetrics", verbs },
    "metrics.k8s.io/v1beta1/pods": { singular: "", namespaced: true, kind: "PodMetrics", verbs },
  };
  const folder = join(kubernetes, "api/discovery");
  for (const file of readdirSync(folder).sort()) {
    if (!/^api(s__[a-z0-9.]+)?__v\d+\.json$/.test(file)) continue;
    const list = readJson<{ groupVersion: string; resources: Resource[] }>(join(folder, file));
    for (const resource of list.resources) {
      const { name, singularName, namespaced, kind, group, version, verbs, shortNames, categories } = resource;
      found[`${list.groupVersion}/${name}`] = {
        ...(name.includes("/") ? {} : { singular: singularName }),
        namespaced,
        kind,
        ...(group === undefined ? {} : { group }),
        ...(version === undefined ? {} : { version }),
        verbs,
        shortNames,
        categories,
      };
    }
  }
  return found;
}

function readBootstrapPolicy(): unknown[] {
  const folder = join(kubernetes, "plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata");
  const objects: unknown[] = [];
  for (const file of [
    "cluster-roles.yaml",
    "cluster-role-bindings.yaml",
    "controller-roles.yaml",
    "controller-role-bindings.yaml",
    "namespace-roles.yaml",
    "namespace-role-bindings.yaml",
  ]) {
    for (const document of parseAllDocuments(readFileSync(join(folder, file), "utf8"))) {
      const list = document.toJS() as { items?: { metadata: Record<string, unknown> }[] } | null;
      for (const item of list?.items ?? []) {
        delete item.metadata["creationTimestamp"];
        objects.push(item);
      }
    }
  }
  return objects;
}

/** One line an entry keeps diffs readable and the file small. */
function jsonLines(value: object): string {
  const lines = Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}:${JSON.stringify(entry)}`);
  const text = `{\n${lines.join(",\n")}\n}\n`;
  if (/[`\\]|\$\{/.test(text)) throw new Error("facts do not fit into a template literal");
  return text;
}
