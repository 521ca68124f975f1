// Which of many key ranges hold a key: a treap of intervals ordered by (start, end), each node knowing the largest end
// below it. A lookup costs O(log n + matches).
//
// Priorities come from a counter through a fixed hash, so that one sequence of calls always builds one tree.
import type { KeyRange } from "./key-range.ts";
import type { Key } from "./store.ts";

interface Node<Item> extends KeyRange {
  readonly items: Set<Item>;
  readonly priority: number;
  left: Node<Item> | undefined;
  right: Node<Item> | undefined;
  /** The largest `end` in this subtree. */
  maxEnd: Key;
}

export class IntervalTree<Item> {
  #root: Node<Item> | undefined;
  #inserted = 0;

  insert(range: KeyRange, item: Item): void {
    const node = this.#find(range);
    if (node !== undefined) {
      node.items.add(item);
      return;
    }
    const created: Node<Item> = {
      start: range.start,
      end: range.end,
      items: new Set([item]),
      priority: scramble(++this.#inserted),
      left: undefined,
      right: undefined,
      maxEnd: range.end,
    };
    this.#root = insertNode(this.#root, created);
  }

  delete(range: KeyRange, item: Item): void {
    const node = this.#find(range);
    if (node === undefined) return;
    node.items.delete(item);
    if (node.items.size === 0) this.#root = removeNode(this.#root, range);
  }

  /** Calls `visit` with every item whose range holds `key`. */
  visitAt(key: Key, visit: (item: Item) => void): void {
    visitNode(this.#root, key, visit);
  }

  #find(range: KeyRange): Node<Item> | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(range, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }
}

function visitNode<Item>(node: Node<Item> | undefined, key: Key, visit: (item: Item) => void): void {
  if (node === undefined || node.maxEnd <= key) return;
  visitNode(node.left, key, visit);
  if (node.start > key) return;
  if (key < node.end) for (const item of node.items) visit(item);
  visitNode(node.right, key, visit);
}

function compare(left: KeyRange, right: KeyRange): number {
  if (left.start !== right.start) return left.start < right.start ? -1 : 1;
  if (left.end !== right.end) return left.end < right.end ? -1 : 1;
  return 0;
}

function insertNode<Item>(root: Node<Item> | undefined, created: Node<Item>): Node<Item> {
  if (root === undefined) return created;
  if (compare(created, root) < 0) {
    root.left = insertNode(root.left, created);
    if (root.left.priority > root.priority) return rotateRight(root, root.left);
  } else {
    root.right = insertNode(root.right, created);
    if (root.right.priority > root.priority) return rotateLeft(root, root.right);
  }
  return refresh(root);
}

function removeNode<Item>(root: Node<Item> | undefined, range: KeyRange): Node<Item> | undefined {
  if (root === undefined) return undefined;
  const order = compare(range, root);
  if (order === 0) return merge(root.left, root.right);
  if (order < 0) root.left = removeNode(root.left, range);
  else root.right = removeNode(root.right, range);
  return refresh(root);
}

/** One tree out of two, all of `left` standing before all of `right`. */
function merge<Item>(left: Node<Item> | undefined, right: Node<Item> | undefined): Node<Item> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    return refresh(left);
  }
  right.left = merge(left, right.left);
  return refresh(right);
}

function rotateRight<Item>(root: Node<Item>, left: Node<Item>): Node<Item> {
  root.left = left.right;
  left.right = refresh(root);
  return refresh(left);
}

function rotateLeft<Item>(root: Node<Item>, right: Node<Item>): Node<Item> {
  root.right = right.left;
  right.left = refresh(root);
  return refresh(right);
}

function refresh<Item>(node: Node<Item>): Node<Item> {
  let maxEnd = node.end;
  if (node.left !== undefined && node.left.maxEnd > maxEnd) maxEnd = node.left.maxEnd;
  if (node.right !== undefined && node.right.maxEnd > maxEnd) maxEnd = node.right.maxEnd;
  node.maxEnd = maxEnd;
  return node;
}

/** A 32-bit mixing function: distinct inputs give distinct, evenly spread outputs. */
function scramble(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
