// Sets of fields of an object, as managedFields record them: tries whose edges are path elements, and the FieldsV1 JSON that stands
// for them (https://kubernetes.io/docs/reference/using-api/server-side-apply/, KEP-555).
//
// A path element is a text: `f:name` a field, `k:{"name":"a"}` an item of a list by its keys, `v:"x"` an item of a set, `i:0` one by
// its position. A path is in the set or not, whatever its parents are. Immutable; operations share what they do not change.

import type { FieldsV1, JsonValue } from "../generated/types.ts";
import { setOwn } from "../json.ts";

export type PathElement = string;
export type FieldSetPath = readonly PathElement[];

const NO_MEMBERS: ReadonlySet<PathElement> = new Set();
const NO_CHILDREN: ReadonlyMap<PathElement, FieldSet> = new Map();
/** FieldsV1 has this key where a path with longer ones is itself in the set. */
const SELF = ".";

export class FieldSet {
  private constructor(
    readonly members: ReadonlySet<PathElement>,
    /** Never empty sets. */
    readonly children: ReadonlyMap<PathElement, FieldSet>,
  ) {}

  static readonly empty = new FieldSet(NO_MEMBERS, NO_CHILDREN);

  static of(members: ReadonlySet<PathElement>, children: ReadonlyMap<PathElement, FieldSet>): FieldSet {
    const kept = [...children.values()].some((child) => child.isEmpty) ? new Map([...children].filter(([, child]) => !child.isEmpty)) : children;
    return members.size === 0 && kept.size === 0 ? FieldSet.empty : new FieldSet(members, kept);
  }

  static ofPaths(paths: Iterable<FieldSetPath>): FieldSet {
    const builder = new FieldSetBuilder();
    for (const path of paths) builder.insert(path);
    return builder.build();
  }

  /** Reads FieldsV1. What is no path element is passed over. */
  static fromFieldsV1(fields: FieldsV1 | undefined): FieldSet {
    const members = new Set<PathElement>();
    const children = new Map<PathElement, FieldSet>();
    for (const [key, value] of Object.entries(fields ?? {})) {
      if (key === SELF || typeof value !== "object" || value === null || Array.isArray(value)) continue;
      const node = value as FieldsV1;
      const keys = Object.keys(node);
      if (keys.length === 0 || Object.hasOwn(node, SELF)) members.add(key);
      if (keys.some((name) => name !== SELF)) children.set(key, FieldSet.fromFieldsV1(node));
    }
    return FieldSet.of(members, children);
  }

  /** The JSON form, its keys in order. */
  toFieldsV1(): FieldsV1 {
    const result: Record<string, JsonValue> = {};
    for (const element of [...new Set([...this.members, ...this.children.keys()])].sort()) {
      const child = this.children.get(element)?.toFieldsV1() ?? {};
      setOwn(result, element, this.members.has(element) && Object.keys(child).length > 0 ? { [SELF]: {}, ...child } : child);
    }
    return result;
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  has(path: FieldSetPath): boolean {
    const [first, ...rest] = path;
    if (first === undefined) return false;
    return rest.length === 0 ? this.members.has(first) : (this.children.get(first)?.has(rest) ?? false);
  }

  /** The set of what lies below `element`. */
  below(element: PathElement): FieldSet {
    return this.children.get(element) ?? FieldSet.empty;
  }

  union(other: FieldSet): FieldSet {
    if (other.isEmpty || other === this) return this;
    if (this.isEmpty) return other;
    const children = new Map(this.children);
    for (const [element, child] of other.children) children.set(element, this.below(element).union(child));
    return FieldSet.of(new Set([...this.members, ...other.members]), children);
  }

  intersection(other: FieldSet): FieldSet {
    if (this.isEmpty || other.isEmpty) return FieldSet.empty;
    const members = new Set([...this.members].filter((element) => other.members.has(element)));
    const children = new Map([...this.children].map(([element, child]) => [element, child.intersection(other.below(element))]));
    return FieldSet.of(members, children);
  }

  /** Without the paths of `other`; what lies below them stays. */
  difference(other: FieldSet): FieldSet {
    if (this.isEmpty || other.isEmpty) return this;
    const members = new Set([...this.members].filter((element) => !other.members.has(element)));
    const children = new Map([...this.children].map(([element, child]) => [element, child.difference(other.below(element))]));
    return FieldSet.of(members, children);
  }

  /** Without a field at the root and all that lies below it. */
  without(element: PathElement): FieldSet {
    const members = new Set([...this.members].filter((member) => member !== element));
    return FieldSet.of(members, new Map([...this.children].filter(([name]) => name !== element)));
  }

  equals(other: FieldSet): boolean {
    if (this === other) return true;
    if (this.members.size !== other.members.size || this.children.size !== other.children.size) return false;
    for (const element of this.members) if (!other.members.has(element)) return false;
    for (const [element, child] of this.children) if (!child.equals(other.below(element))) return false;
    return true;
  }

  /** All paths, parents before children, in order. */
  *paths(prefix: FieldSetPath = []): Generator<FieldSetPath> {
    for (const element of [...new Set([...this.members, ...this.children.keys()])].sort()) {
      const path = [...prefix, element];
      if (this.members.has(element)) yield path;
      yield* this.below(element).paths(path);
    }
  }
}

/** Collects paths; for walks that find them one by one. */
export class FieldSetBuilder {
  readonly #members = new Set<PathElement>();
  readonly #children = new Map<PathElement, FieldSetBuilder>();

  /** The builder of what lies below `element`. */
  child(element: PathElement): FieldSetBuilder {
    let child = this.#children.get(element);
    if (child === undefined) {
      child = new FieldSetBuilder();
      this.#children.set(element, child);
    }
    return child;
  }
  add(element: PathElement): void {
    this.#members.add(element);
  }
  insert(path: FieldSetPath): void {
    const last = path[path.length - 1];
    if (last === undefined) return;
    let at: FieldSetBuilder = this;
    for (const element of path.slice(0, -1)) at = at.child(element);
    at.add(last);
  }
  build(): FieldSet {
    if (this.#members.size === 0 && this.#children.size === 0) return FieldSet.empty;
    return FieldSet.of(this.#members, new Map([...this.#children].map(([element, child]) => [element, child.build()])));
  }
}

/** A path as conflicts show it: `.spec.containers[name="a"].image`. */
export function fieldSetPathText(path: FieldSetPath): string {
  return path.map(elementText).join("");
}

function elementText(element: PathElement): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("v:")) return `[=${rest}]`;
  if (element.startsWith("i:")) return `[${rest}]`;
  const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `[${keys.join(",")}]`;
}
