// An ordered collection of records by key: a list of sorted leaves, the second-to-last level of a B+ tree. Inserting moves
// at most one leaf; finding is two binary searches.
//
// Invariants: no leaf is empty; keys rise within a leaf and from leaf to leaf; a key occurs once.
import type { Key } from "./store.ts";

const MAX_LEAF_SIZE = 256;

export class SortedRecords<Record extends { readonly key: Key }> {
  readonly #leaves: Record[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Key): Record | undefined {
    const leaf = this.#leaves[this.#leafIndex(key)];
    if (leaf === undefined) return undefined;
    const record = leaf[lowerBound(leaf, key)];
    return record?.key === key ? record : undefined;
  }

  /** The record under `key`, made by `create` when there is none. */
  getOrInsert(key: Key, create: () => Record): Record {
    const leafIndex = this.#leafIndex(key);
    const leaf = this.#leaves[leafIndex];
    if (leaf === undefined) {
      const record = create();
      this.#leaves.push([record]);
      this.#size++;
      return record;
    }
    const index = lowerBound(leaf, key);
    const found = leaf[index];
    if (found?.key === key) return found;
    const record = create();
    leaf.splice(index, 0, record);
    this.#size++;
    if (leaf.length > MAX_LEAF_SIZE) this.#split(leafIndex, leaf, index === leaf.length - 1);
    return record;
  }

  delete(key: Key): void {
    const leafIndex = this.#leafIndex(key);
    const leaf = this.#leaves[leafIndex];
    if (leaf === undefined) return;
    const index = lowerBound(leaf, key);
    if (leaf[index]?.key !== key) return;
    leaf.splice(index, 1);
    this.#size--;
    if (leaf.length === 0) this.#leaves.splice(leafIndex, 1);
  }

  /** The records with start <= key < end, in order. The collection must not change meanwhile. */
  *between(start: Key, end: Key): Generator<Record, void, undefined> {
    let leafIndex = this.#leafIndex(start);
    let index = lowerBound(this.#leaves[leafIndex] ?? [], start);
    for (; leafIndex < this.#leaves.length; leafIndex++, index = 0) {
      const leaf = this.#leaves[leafIndex] ?? [];
      for (; index < leaf.length; index++) {
        const record = leaf[index];
        if (record === undefined || record.key >= end) return;
        yield record;
      }
    }
  }

  /** The last leaf whose first key is not above `key`; the first leaf when all are above. */
  #leafIndex(key: Key): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#leaves[middle]?.[0];
      if (first !== undefined && first.key <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  // Keys often arrive in rising order (events, bulk loading): splitting off only the last record keeps leaves full.
  #split(leafIndex: number, leaf: Record[], appended: boolean): void {
    const at = appended ? leaf.length - 1 : leaf.length >>> 1;
    this.#leaves.splice(leafIndex + 1, 0, leaf.splice(at));
  }
}

/** Index of the first record whose key is not below `key`. */
function lowerBound(leaf: readonly { readonly key: Key }[], key: Key): number {
  let low = 0;
  let high = leaf.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const record = leaf[middle];
    if (record !== undefined && record.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
