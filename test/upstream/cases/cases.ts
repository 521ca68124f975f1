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
      ...update.map((change) => ({ name: `update ${changeText(change)}`, method: "PUT", path: `${one}?dryRun=All`, body: changed(good, change) })),
      { name: "delete", method: "DELETE", path: `${one}?propagationPolicy=Background` },
    ],
  };
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
