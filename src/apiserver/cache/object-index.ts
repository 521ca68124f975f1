// The newest state of every object of one resource, in the order of their keys.
import { type Key, prefixEnd } from "../../store/index.ts";
import type { ObjectRevision } from "../storage/object-revision.ts";

export class ObjectIndex {
  readonly #objects = new Map<Key, ObjectRevision>();
  /** The keys in order; those in `#unsorted` are still to be merged in. */
  #keys: Key[] = [];
  #unsorted: Key[] = [];
  #removed = 0;

  get size(): number {
    return this.#objects.size;
  }

  get(key: Key): ObjectRevision | undefined {
    return this.#objects.get(key);
  }

  set(key: Key, object: ObjectRevision): void {
    if (!this.#objects.has(key)) this.#unsorted.push(key);
    this.#objects.set(key, object);
  }

  delete(key: Key): void {
    if (this.#objects.delete(key)) this.#removed++;
  }

  /** The objects whose keys begin with `prefix`, in order. */
  withPrefix(prefix: Key): ObjectRevision[] {
    this.#sort();
    const end = prefixEnd(prefix);
    const found: ObjectRevision[] = [];
    for (let position = this.#lowerBound(prefix); position < this.#keys.length; position++) {
      const key = this.#keys[position];
      if (key === undefined || key >= end) break;
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  /** Merges what came and drops what went; paid by the reader, once for many writes. */
  #sort(): void {
    if (this.#unsorted.length === 0 && this.#removed === 0) return;
    if (this.#removed > 0) {
      this.#keys = [...this.#objects.keys()].sort(byText);
    } else if (this.#unsorted.length < 16) {
      for (const key of this.#unsorted) this.#keys.splice(this.#lowerBound(key), 0, key);
    } else {
      this.#keys = [...this.#keys, ...this.#unsorted].sort(byText);
    }
    this.#unsorted = [];
    this.#removed = 0;
  }

  #lowerBound(key: Key): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
