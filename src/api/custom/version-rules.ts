// What may stand in one version of a CustomResourceDefinition: its schema, subresources, columns and the fields it can be selected by.
import { duplicate, type FieldError, type FieldPath, invalid, required, tooMany } from "../field-errors.ts";
import type { CustomResourceColumnDefinition, CustomResourceDefinitionVersion, CustomResourceSubresourceScale, JSONSchemaProps } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { byteLength } from "../names.ts";
import { fieldNames, parseJsonPath } from "./json-path.ts";
import { checkRootSchema } from "./schema-rules.ts";

const COLUMN_TYPES = "boolean,date,integer,number,string";
const COLUMN_FORMATS = "binary,byte,date,date-time,double,float,int32,int64,name,password";
const SELECTABLE_LIMIT = 8;
const DEPRECATION_LIMIT = 256;

const PARTS = ["schema", "subresources", "additionalPrinterColumns", "selectableFields"] as const;

/** All versions of a definition. What they have in common is told of once, where older API versions had it: in the definition itself. */
export function validateVersions(versions: readonly CustomResourceDefinitionVersion[], spec: FieldPath): FieldError[] {
  const [first] = versions;
  const shared = PARTS.filter((part) => first?.[part] !== undefined && versions.every((version) => sameValue(version[part], first[part])));
  const own = versions.flatMap((version, position) => {
    const rest = Object.fromEntries(Object.entries(version).filter(([name]) => !shared.some((part) => part === name)));
    const path = spec.child("versions").index(position);
    const hasStatus = version.subresources?.status !== undefined;
    return [...validateVersion(version, path), ...validateParts(rest, (part) => path.child(part), { hasStatus, root: version.schema?.openAPIV3Schema })];
  });
  if (first === undefined) return own;
  const common = Object.fromEntries(shared.map((part) => [part, first[part]]));
  const hasStatus = versions.some(({ subresources }) => subresources?.status !== undefined);
  const place = (part: string): FieldPath => spec.child(part === "schema" ? "validation" : part);
  return [...own, ...validateParts(common, place, { hasStatus, root: first.schema?.openAPIV3Schema })];
}

function validateVersion({ deprecated, deprecationWarning }: CustomResourceDefinitionVersion, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const warn = (text: string): void => void errors.push(invalid(path.child("deprecationWarning"), deprecationWarning, text));
  if (deprecationWarning !== undefined) {
    if (deprecated !== true) warn("can only be set for deprecated versions");
    if (byteLength(deprecationWarning) > DEPRECATION_LIMIT) warn("must be <= 256 characters long");
    if (deprecationWarning === "") warn("must not be an empty string");
  }
  return errors;
}

/** The parts of a version that are given; `root` is the schema of the version whether it is among them or not. */
function validateParts(
  parts: Partial<CustomResourceDefinitionVersion>,
  place: (part: string) => FieldPath,
  { hasStatus, root }: { readonly hasStatus: boolean; readonly root: JSONSchemaProps | undefined },
): FieldError[] {
  const { schema, subresources, additionalPrinterColumns = [], selectableFields = [] } = parts;
  const own = schema?.openAPIV3Schema;
  const errors = own === undefined ? [] : checkRootSchema(own, place("schema").child("openAPIV3Schema"), hasStatus);
  if (subresources?.scale !== undefined) errors.push(...checkScale(subresources.scale, place("subresources")));
  for (const [position, column] of additionalPrinterColumns.entries()) {
    errors.push(...checkColumn(column, place("additionalPrinterColumns").index(position)));
  }
  return root === undefined ? errors : [...errors, ...checkSelectableFields(selectableFields, root, place("selectableFields"))];
}

function checkScale({ specReplicasPath, statusReplicasPath, labelSelectorPath = "" }: CustomResourceSubresourceScale, path: FieldPath): FieldError[] {
  const check = (name: string, text: string, roots: readonly string[]): FieldError[] => {
    const at = path.child(`scale.${name}`);
    if (text === "") return [required(at)];
    const problem = pathProblem(text) ?? (fieldNames(parseJsonPath(text) ?? []) === undefined ? "should be a path of fields" : undefined);
    if (problem !== undefined) return [invalid(at, text, problem)];
    const where = roots.length === 1 ? `should be a json path under ${roots[0]}` : `should be a json path under either ${roots.join(" or ")}`;
    return roots.some((root) => text.startsWith(`${root}.`)) ? [] : [invalid(at, text, where)];
  };
  return [
    ...check("specReplicasPath", specReplicasPath, [".spec"]),
    ...check("statusReplicasPath", statusReplicasPath, [".status"]),
    ...(labelSelectorPath === "" ? [] : check("labelSelectorPath", labelSelectorPath, [".spec", ".status"])),
  ];
}

function pathProblem(text: string): string | undefined {
  if (!text.startsWith(".")) return "must be a simple json path starting with .";
  return parseJsonPath(text) === undefined ? "must be a json path in the dot notation" : undefined;
}

function checkColumn({ name, type, format = "", jsonPath }: CustomResourceColumnDefinition, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (name === "") errors.push(required(path.child("name")));
  if (type === "") errors.push(required(path.child("type"), `must be one of ${COLUMN_TYPES}`));
  else if (!COLUMN_TYPES.split(",").includes(type)) errors.push(invalid(path.child("type"), type, `must be one of ${COLUMN_TYPES}`));
  if (format !== "" && !COLUMN_FORMATS.split(",").includes(format)) errors.push(invalid(path.child("format"), format, `must be one of ${COLUMN_FORMATS}`));
  const problem = jsonPath === "" ? undefined : pathProblem(jsonPath);
  if (jsonPath === "") errors.push(required(path.child("JSONPath")));
  else if (problem !== undefined) errors.push(invalid(path.child("JSONPath"), jsonPath, problem));
  return errors;
}

function checkSelectableFields(fields: readonly { readonly jsonPath: string }[], root: JSONSchemaProps, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [position, { jsonPath }] of fields.entries()) {
    const at = path.index(position).child("jsonPath");
    const names = fieldNames(parseJsonPath(jsonPath) ?? []);
    if (jsonPath === "") {
      errors.push(required(at));
      continue;
    }
    const found = names === undefined || names.length === 0 ? undefined : schemaAt(root, names);
    if (found === undefined) {
      errors.push(invalid(at, jsonPath, "is an invalid path: does not refer to a valid field"));
      continue;
    }
    if (names?.[0] === "metadata") errors.push(invalid(at, jsonPath, "must not point to fields in metadata"));
    if (!["string", "boolean", "integer"].includes(found.type ?? "")) {
      const text = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
      errors.push(invalid(at, jsonPath, text));
    }
    const canonical = (names ?? []).join(".");
    if (seen.has(canonical)) errors.push(duplicate(at, jsonPath));
    seen.add(canonical);
  }
  return seen.size > SELECTABLE_LIMIT ? [...errors, tooMany(path, seen.size, SELECTABLE_LIMIT)] : errors;
}

function schemaAt(schema: JSONSchemaProps, names: readonly string[]): JSONSchemaProps | undefined {
  return names.reduce<JSONSchemaProps | undefined>((at, name) => at?.properties?.[name], schema);
}
