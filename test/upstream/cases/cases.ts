// What is asked of upstream's API server and of ours: requests, each with a name that is its key in the recording.
//
// A kind's table is a good object and changes to it, each sent with `dryRun=All`: every case stands alone, and nothing is left behind.

export interface RequestCase {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** A string or bytes go as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Who asks: the administrator, jane who may nothing, or nobody. */
  readonly as?: "admin" | "jane" | "nobody";
}

/** Cases that run in order on one server. */
export interface Scenario {
  readonly name: string;
  readonly cases: readonly RequestCase[];
}

/** Values by path (`spec.containers.0.name`); `undefined` deletes. */
export type Change = Readonly<Record<string, unknown>>;

export interface KindTable {
  /** Of the collection. */
  readonly path: string;
  readonly good: Json;
  /** Changes to a new object. */
  readonly create?: readonly Change[];
  /** Changes to one that exists. */
  readonly update?: readonly Change[];
}

export type Json = Readonly<Record<string, unknown>>;

export function kindScenario(table: KindTable): Scenario {
  const { path, good, create = [], update = [] } = table;
  const { name } = good["metadata"] as { name: string };
  const one = `${path}/${name}`;
  const asTable = { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" };
  return {
    name: path.replace(/^\/apis?\//, "").replace("/namespaces/default", ""),
    cases: [
      ...create.map((change) => ({ name: `create ${changeText(change)}`, method: "POST", path: `${path}?dryRun=All`, body: changed(good, change) })),
      { name: "create", method: "POST", path, body: good },
      { name: "create again", method: "POST", path, body: good },
      { name: "get", method: "GET", path: one },
      { name: "get as a table", method: "GET", path: one, headers: asTable },
      ...general(table, one),
      ...update.map((change) => ({ name: `update ${changeText(change)}`, method: "PUT", path: `${one}?dryRun=All`, body: changed(good, change) })),
      { name: "delete", method: "DELETE", path: `${one}?propagationPolicy=Background` },
    ],
  };
}

/** What goes for objects of every kind. */
function general({ path, good }: KindTable, one: string): readonly RequestCase[] {
  const { metadata } = good as { readonly metadata: Json };
  const { apiVersion, kind } = good;
  const labels = { asked: "yes" };
  const patched = (type: string, body: unknown, query = ""): RequestCase => ({
    name: `patch ${type}`,
    method: "PATCH",
    path: `${one}?dryRun=All${query}`,
    headers: { "content-type": `application/${type}` },
    body,
  });
  const posted = (name: string, body: unknown, query = ""): RequestCase => ({
    name: `create ${name}`,
    method: "POST",
    path: `${path}?dryRun=All${query}`,
    body,
  });
  const updated = (name: string, change: Change): RequestCase => ({
    name: `update ${name}`,
    method: "PUT",
    path: `${one}?dryRun=All`,
    body: changed(good, change),
  });
  return [
    posted("what it has no fields for, strictly", { ...good, surprise: 1, metadata: { ...metadata, surprise: 1 } }, "&fieldValidation=Strict"),
    posted("fields twice, strictly", `${JSON.stringify(good).slice(0, -1)},"metadata":${JSON.stringify(metadata)}}`, "&fieldValidation=Strict"),
    posted("a label that is none", { ...good, metadata: { ...metadata, name: "other", labels: { "a b": "c" } } }),
    posted("a generated name", { ...good, metadata: { ...metadata, name: undefined, generateName: "gen-" } }),
    posted("a spec of another type", { ...good, spec: 7, metadata }),
    { name: "get as metadata", method: "GET", path: one, headers: { accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1" } },
    { name: "get its status", method: "GET", path: `${one}/status` },
    { name: "list by name", method: "GET", path: `${path}?fieldSelector=metadata.name%3D${String(metadata["name"])}` },
    { name: "list by a field it has not", method: "GET", path: `${path}?fieldSelector=spec.nope%3Da` },
    patched("merge-patch+json", { metadata: { labels } }),
    patched("strategic-merge-patch+json", { metadata: { labels } }),
    patched("json-patch+json", [{ op: "add", path: "/metadata/labels", value: labels }]),
    patched("apply-patch+yaml", { apiVersion, kind, metadata: { name: metadata["name"], labels } }, "&fieldManager=me"),
    { ...patched("merge-patch+json", { surprise: 1, metadata: { uid: "other" } }), name: "patch another's uid" },
    updated("what it was before", { "metadata.resourceVersion": "1" }),
    updated("another's uid", { "metadata.uid": "other" }),
    updated("another's name", { "metadata.name": "another" }),
    { name: "delete another's", method: "DELETE", path: `${one}?dryRun=All`, body: { preconditions: { uid: "other" } } },
  ];
}

function changeText(change: Change): string {
  const text = JSON.stringify(change, (_key, value) => (value === undefined ? "(absent)" : value));
  return text.length > 200 ? `${text.slice(0, 150)}... (${text.length} characters)` : text;
}

export function changed(good: Json, change: Change): Json {
  const copy = structuredClone(good) as Record<string, unknown>;
  for (const [path, value] of Object.entries(change)) setAt(copy, path.split("."), value);
  return copy;
}

/** `~` in a key stands for a dot, as in label keys. */
function setAt(object: Record<string, unknown>, [head = "", ...rest]: readonly string[], value: unknown): void {
  const key = head.replaceAll("~", ".");
  if (rest.length === 0) {
    if (value === undefined) delete object[key];
    else object[key] = value;
    return;
  }
  object[key] ??= {};
  setAt(object[key] as Record<string, unknown>, rest, value);
}
