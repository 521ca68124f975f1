// How libraries declare functions: a name, overloads with their types, what each does and what it costs. Types are written as
// `string.(int) int` (a member function) or `(list(A), A) bool`.
import { DURATION, DYN, listType, mapType, NULL, opaqueType, optionalType, SIMPLE_TYPES, TIMESTAMP, type Type } from "./types.ts";
import type { Value } from "./values.ts";

export type Implementation = (...args: Value[]) => Value;

export interface Overload {
  /** As upstream names it. */
  readonly id: string;
  readonly isMember: boolean;
  /** The target first, for a member function. */
  readonly parameters: readonly Type[];
  readonly result: Type;
  readonly run: Implementation;
}
export type Library = ReadonlyMap<string, readonly Overload[]>;

const NAMED: Readonly<Record<string, Type>> = {
  dyn: DYN,
  null: NULL,
  ...SIMPLE_TYPES,
  timestamp: TIMESTAMP,
  duration: DURATION,
};

/** A declaration of one overload: `overload("list_contains", "list(A).(A) bool", (list, item) => ...)`. */
export function overload(id: string, signature: string, run: Implementation): Overload {
  const reader = new SignatureReader(signature);
  const target = reader.startsWith("(") ? undefined : reader.type();
  if (target !== undefined) reader.take(".");
  const args = reader.list();
  return { id, isMember: target !== undefined, parameters: target === undefined ? args : [target, ...args], result: reader.type(), run };
}

export function library(functions: Readonly<Record<string, readonly Overload[]>>): Library {
  return new Map(Object.entries(functions));
}

export function mergeLibraries(...libraries: readonly Library[]): Library {
  const merged = new Map<string, readonly Overload[]>();
  for (const one of libraries) for (const [name, overloads] of one) merged.set(name, [...(merged.get(name) ?? []), ...overloads]);
  return merged;
}

class SignatureReader {
  private at = 0;
  constructor(private readonly text: string) {}

  startsWith(text: string): boolean {
    this.skipBlanks();
    return this.text.startsWith(text, this.at);
  }
  take(text: string): void {
    if (!this.startsWith(text)) throw new Error(`signature ${this.text}: expected ${text} at ${this.at}`);
    this.at += text.length;
  }
  list(): Type[] {
    const types: Type[] = [];
    this.take("(");
    while (!this.startsWith(")")) {
      types.push(this.type());
      if (this.startsWith(",")) this.take(",");
    }
    this.take(")");
    return types;
  }
  type(): Type {
    this.skipBlanks();
    const name = /^[A-Za-z_]+(?:\.[A-Za-z]+)*/.exec(this.text.slice(this.at))?.[0] ?? "";
    this.at += name.length;
    const named = NAMED[name];
    if (named !== undefined) return named;
    if (/^[A-Z]$/.test(name)) return { kind: "parameter", name };
    if (!["list", "map", "optional", "type"].includes(name)) return opaqueType(name);
    const [first = DYN, second = DYN] = this.list();
    if (name === "list") return listType(first);
    if (name === "map") return mapType(first, second);
    return name === "optional" ? optionalType(first) : { kind: "type", of: first };
  }
  private skipBlanks(): void {
    while (this.text[this.at] === " ") this.at++;
  }
}
