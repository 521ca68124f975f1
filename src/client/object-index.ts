// The objects of an informer by key, and by whatever else its users look them up by. Indexes are added at any time and cost
// one entry per object and value; an object is held once.
import { type KubeObject, objectKey } from "../api/index.ts";
import { assert } from "../base/index.ts";

/** The values under which an object is found. */
export type IndexFunction<T> = (object: T) => readonly string[];

const EMPTY: ReadonlyMap<string, never> = new Map<string, never>();

interface Index<T> {
  readonly valuesOf: IndexFunction<T>;
  /** value → key → object */
  readonly entries: Map<string, Map<string, T>>;
}

/** The namespace of an object; present in every index set. */
export const NAMESPACE_INDEX = "namespace";

export class ObjectIndex<T extends KubeObject> {
  private readonly objects = new Map<string, T>();
  private readonly indexes = new Map<string, Index<T>>();

  constructor() {
    this.addIndex(NAMESPACE_INDEX, (object) => [object.metadata.namespace ?? ""]);
  }

  get size(): number {
    return this.objects.size;
  }
  get(key: string): T | undefined {
    return this.objects.get(key);
  }
  keys(): IterableIterator<string> {
    return this.objects.keys();
  }
  values(): IterableIterator<T> {
    return this.objects.values();
  }

  /** Does nothing when the index is there: two users of one informer may ask for the same one. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    if (this.indexes.has(name)) return;
    const index: Index<T> = { valuesOf, entries: new Map() };
    this.indexes.set(name, index);
    for (const [key, object] of this.objects) link(index, key, object);
  }

  lookUp(name: string, value: string): ReadonlyMap<string, T> {
    const index = this.indexes.get(name);
    assert(index !== undefined, `index "${name}" was added before it is used`);
    return index.entries.get(value) ?? EMPTY;
  }

  set(object: T): void {
    const key = objectKey(object);
    const old = this.objects.get(key);
    this.objects.set(key, object);
    for (const index of this.indexes.values()) {
      if (old !== undefined) unlink(index, key, old);
      link(index, key, object);
    }
  }

  delete(key: string): void {
    const old = this.objects.get(key);
    if (old === undefined) return;
    this.objects.delete(key);
    for (const index of this.indexes.values()) unlink(index, key, old);
  }
}

function link<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const found = index.entries.get(value);
    if (found === undefined) index.entries.set(value, new Map([[key, object]]));
    else found.set(key, object);
  }
}

function unlink<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const found = index.entries.get(value);
    found?.delete(key);
    if (found?.size === 0) index.entries.delete(value);
  }
}
