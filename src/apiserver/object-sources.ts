// Kinds whose objects nobody stores: each has a source that makes them when somebody asks. They are read like stored ones -
// selectors, tables, metadata - and cannot be written or watched.
import type { Kind, KubeObject } from "../api/index.ts";
import { encodeForStorage, ObjectRevision } from "./storage/object-revision.ts";
import { checkListQuery, type ListQuery, type ObjectList } from "./storage/reader.ts";
import { Selection } from "./storage/selection.ts";

export interface ObjectSource<T extends KubeObject = KubeObject> {
  /** `namespace` is "" for cluster-scoped kinds. Rejects with NotFound. */
  get(namespace: string, name: string): Promise<T>;
  /** The objects of one namespace, or all with "". */
  list(namespace: string): Promise<readonly T[]>;
}

/** Sources by the kind whose objects they make. */
export type ObjectSources = ReadonlyMap<Kind, ObjectSource>;

/** Throws NotFound. */
export async function getFromSource(kind: Kind, source: ObjectSource, namespace: string, name: string): Promise<ObjectRevision> {
  return unstored(kind, await source.get(namespace, name));
}

/** All that the query selects, by name, in one page. Throws as a list of stored objects does. */
export async function listFromSource(kind: Kind, source: ObjectSource, query: ListQuery): Promise<ObjectList> {
  checkListQuery(query);
  const selection = new Selection(kind, query);
  const objects = await source.list(selection.namespace);
  const items = objects.map((object) => unstored(kind, object)).filter((revision) => selection.matches(revision));
  return { items: items.sort((a, b) => (a.key < b.key ? -1 : 1)), revision: 0 };
}

/** Revision 0: there is no state of the store that it belongs to. */
function unstored(kind: Kind, object: KubeObject): ObjectRevision {
  const { namespace = "", name } = object.metadata;
  return new ObjectRevision(`${namespace}/${name}`, 0, encodeForStorage(kind, object));
}
