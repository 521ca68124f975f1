// What a request to connect asks for, as the object that admission sees: PodExecOptions, PodAttachOptions, ServiceProxyOptions and so on
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/), read from the query. Pure.
import { type Kind, type KubeObject, objectSchemaOf, type Schema } from "../../api/index.ts";
import { assert, type Mutable } from "../../base/index.ts";

/** True where the query says nothing. */
const TRUE_BY_DEFAULT: ReadonlySet<string> = new Set(["stdout", "stderr"]);

/** `path` is what stands behind a proxy subresource. */
export function connectOptions(kind: Kind, subresource: string, query: URLSearchParams, path: string): Mutable<KubeObject> {
  const declared = kind.subresources.get(subresource);
  assert(declared !== undefined, "a subresource that is connected to is declared");
  const { version, kind: name } = declared;
  const options: Record<string, unknown> = { kind: name, apiVersion: version };
  for (const { name: field, schema } of objectSchemaOf(version, name)?.fields.values() ?? []) {
    const value = field === "path" && path !== "" ? path : optionOf(schema, field, query);
    if (value !== undefined) options[field] = value;
  }
  return options as unknown as Mutable<KubeObject>;
}

function optionOf(schema: Schema, field: string, query: URLSearchParams): unknown {
  const given = query.getAll(field);
  const [first] = given;
  if (schema.type === "boolean") {
    const isSet = first === undefined ? TRUE_BY_DEFAULT.has(field) : first !== "false" && first !== "0";
    return isSet || undefined;
  }
  if (first === undefined) return undefined;
  if (schema.type === "array") return schema.items.type === "int32" ? given.flatMap((list) => list.split(",")).map(Number) : given;
  return first;
}
