// The operations that the server offers on a kind, as both dialects of OpenAPI describe them: paths, parameters, bodies, answers.
import { formatApiVersion, type Kind, listKindOf, objectSchemaOf, type Subresource } from "../../api/index.ts";

export type Method = "get" | "put" | "post" | "delete" | "patch";

/** What `x-kubernetes-action` says. */
export type Action = "list" | "get" | "put" | "post" | "patch" | "delete" | "deletecollection" | "connect";

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "path";
  readonly type: "string" | "integer" | "boolean";
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Operation {
  readonly path: string;
  readonly method: Method;
  readonly action: Action;
  readonly operationId: string;
  readonly tag: string;
  /** What the operation is about: kubectl finds operations by it. */
  readonly gvk: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  /** The kind in the body; a patch has none. */
  readonly body?: GroupVersionKind;
  /** The kind in the answer; absent for streams and text. */
  readonly answer?: GroupVersionKind;
}

const query = (type: Parameter["type"], ...names: string[]): Parameter[] => names.map((name) => ({ name, in: "query", type }));
const LIST: readonly Parameter[] = [
  ...query("boolean", "allowWatchBookmarks"),
  ...query("string", "continue", "fieldSelector", "labelSelector"),
  ...query("integer", "limit"),
  ...query("string", "resourceVersion", "resourceVersionMatch"),
  ...query("boolean", "sendInitialEvents"),
  ...query("integer", "timeoutSeconds"),
  ...query("boolean", "watch"),
];
const WRITE = query("string", "dryRun", "fieldManager", "fieldValidation");
const PATCH: readonly Parameter[] = [...WRITE, ...query("boolean", "force")];
const DELETE: readonly Parameter[] = [...query("string", "dryRun"), ...query("integer", "gracePeriodSeconds"), ...query("string", "propagationPolicy")];
const DELETE_COLLECTION: readonly Parameter[] = [
  ...DELETE,
  ...LIST.filter(({ name }) => !["allowWatchBookmarks", "sendInitialEvents", "watch"].includes(name)),
];
const NAME: Parameter = { name: "name", in: "path", type: "string" };
const NAMESPACE: Parameter = { name: "namespace", in: "path", type: "string" };
const SUBPATH: Parameter = { name: "path", in: "path", type: "string" };
const STATUS: GroupVersionKind = { group: "", version: "v1", kind: "Status" };
const DELETE_OPTIONS: GroupVersionKind = { group: "", version: "v1", kind: "DeleteOptions" };

interface Verb {
  readonly method: Method;
  readonly action: Action;
  readonly prefix: string;
  readonly parameters: readonly Parameter[];
}
const ITEM_VERBS: Readonly<Record<string, Verb>> = {
  get: { method: "get", action: "get", prefix: "read", parameters: [] },
  update: { method: "put", action: "put", prefix: "replace", parameters: WRITE },
  patch: { method: "patch", action: "patch", prefix: "patch", parameters: PATCH },
  delete: { method: "delete", action: "delete", prefix: "delete", parameters: DELETE },
};
const COLLECTION_VERBS: Readonly<Record<string, Verb>> = {
  list: { method: "get", action: "list", prefix: "list", parameters: LIST },
  create: { method: "post", action: "post", prefix: "create", parameters: WRITE },
  deletecollection: { method: "delete", action: "deletecollection", prefix: "deleteCollection", parameters: DELETE_COLLECTION },
};

/** `/api/v1`, `/apis/<group>/<version>`. */
export function apiRoot(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** `core_v1`, `rbacAuthorization_v1`; also, capitalized and without `_`, part of each operationId. */
function tagOf(group: string, version: string): string {
  const [first = "core", ...rest] = (group === "" ? "core" : group.replace(/\.k8s\.io$/, "")).split(/[.-]/);
  return `${first}${rest.map(capitalized).join("")}_${version}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** All operations on a kind and its subresources. */
export function operationsOf(kind: Kind): Operation[] {
  return [...collectionOperations(kind), ...itemOperations(kind), ...[...kind.subresources.values()].flatMap((sub) => subresourceOperations(kind, sub))];
}

function operationId(kind: Kind, prefix: string, suffix = ""): string {
  const tag = tagOf(kind.group, kind.version).split("_").map(capitalized).join("");
  return `${prefix}${tag}${kind.namespaced ? "Namespaced" : ""}${kind.kind}${suffix}`;
}

function collectionPath(kind: Kind): string {
  return `${apiRoot(kind.apiVersion)}${kind.namespaced ? "/namespaces/{namespace}" : ""}/${kind.resource}`;
}

function gvkOf({ group, version, kind }: GroupVersionKind): GroupVersionKind {
  return { group, version, kind };
}

function collectionOperations(kind: Kind): Operation[] {
  const place = kind.namespaced ? [NAMESPACE] : [];
  const own = gvkOf(kind);
  const common = { path: collectionPath(kind), tag: tagOf(kind.group, kind.version), gvk: own };
  const operations: Operation[] = [];
  for (const [verb, { method, action, prefix, parameters }] of Object.entries(COLLECTION_VERBS)) {
    if (!kind.verbs.includes(verb)) continue;
    operations.push({
      ...common,
      method,
      action,
      operationId: operationId(kind, prefix),
      parameters: [...place, ...parameters],
      ...(verb === "create" ? { body: own, answer: own } : {}),
      ...(verb === "list" ? { answer: { ...own, kind: listKindOf(kind) } } : {}),
      ...(verb === "deletecollection" ? { body: DELETE_OPTIONS, answer: STATUS } : {}),
    });
  }
  if (kind.namespaced && kind.verbs.includes("list")) {
    const everywhere = operationId({ ...kind, namespaced: false }, "list", "ForAllNamespaces");
    const path = `${apiRoot(kind.apiVersion)}/${kind.resource}`;
    operations.push({
      ...common,
      path,
      method: "get",
      action: "list",
      operationId: everywhere,
      parameters: LIST,
      answer: { ...own, kind: listKindOf(kind) },
    });
  }
  return operations;
}

function itemOperations(kind: Kind): Operation[] {
  const own = gvkOf(kind);
  return Object.entries(ITEM_VERBS).flatMap(([verb, { method, action, prefix, parameters }]) => {
    if (!kind.verbs.includes(verb)) return [];
    const operation: Operation = {
      path: `${collectionPath(kind)}/{name}`,
      tag: tagOf(kind.group, kind.version),
      gvk: own,
      method,
      action,
      operationId: operationId(kind, prefix),
      parameters: [...(kind.namespaced ? [NAMESPACE] : []), NAME, ...parameters],
      ...(verb === "update" ? { body: own } : verb === "delete" ? { body: DELETE_OPTIONS } : {}),
      answer: verb === "delete" ? STATUS : own,
    };
    return [operation];
  });
}

const CREATE_ON_SUBRESOURCE: Verb = { method: "post", action: "post", prefix: "create", parameters: WRITE };

function subresourceOperations(kind: Kind, sub: Subresource): Operation[] {
  const own = gvkOf(sub);
  const connects = sub.kind.endsWith("Options");
  const path = `${collectionPath(kind)}/{name}/${sub.name}`;
  const paths = connects && sub.name === "proxy" ? [path, `${path}/{path}`] : [path];
  return paths.flatMap((at) =>
    sub.verbs.flatMap((verb) => {
      const known = verb === "create" ? CREATE_ON_SUBRESOURCE : ITEM_VERBS[verb];
      if (known === undefined) return [];
      const suffix = capitalized(sub.name) + (at === path ? "" : "WithPath");
      const extra = connects ? optionParameters(sub.kind) : sub.name === "log" ? optionParameters("PodLogOptions") : known.parameters;
      const hasBody = !connects && (verb === "create" || verb === "update");
      const operation: Operation = {
        path: at,
        tag: tagOf(kind.group, kind.version),
        gvk: own,
        method: known.method,
        action: connects ? "connect" : known.action,
        operationId: operationId(kind, connects ? `connect${capitalized(known.method)}` : known.prefix, suffix),
        parameters: [...(kind.namespaced ? [NAMESPACE] : []), NAME, ...(at === path ? [] : [SUBPATH]), ...extra],
        ...(hasBody ? { body: own } : {}),
        ...(connects || sub.name === "log" ? {} : { answer: own }),
      };
      return [operation];
    }),
  );
}

/** The fields of an options kind as query parameters. */
function optionParameters(kindName: string): Parameter[] {
  const fields = [...(objectSchemaOf("v1", kindName)?.fields.values() ?? [])];
  return fields.map(({ name, schema }) => ({
    name,
    in: "query",
    type: schema.type === "boolean" ? "boolean" : schema.type === "int64" || schema.type === "int32" ? "integer" : "string",
  }));
}

/** The media types of patches that a kind takes. Only built-in kinds know how to merge strategically. */
export function patchTypesOf(kind: Pick<Kind, "group" | "version" | "kind">): string[] {
  const strategic = objectSchemaOf(formatApiVersion(kind.group, kind.version), kind.kind) === undefined ? [] : ["application/strategic-merge-patch+json"];
  return ["application/json-patch+json", "application/merge-patch+json", ...strategic, "application/apply-patch+yaml"];
}
