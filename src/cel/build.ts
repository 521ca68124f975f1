// Makes nodes of the syntax tree, each with an id of its own, and keeps the tree low enough to be walked by recursion.
import type { Call, Comprehension, Constant, Expr, Ident, ListExpr, MapExpr, Select, StructExpr } from "./ast.ts";
import { SyntaxIssue } from "./lexer.ts";
import type { Value } from "./values.ts";

/** Of the tree, macros expanded; people write a few dozen. */
const MAX_HEIGHT = 600;

export class NodeBuilder {
  private last = 0;
  /** By id. */
  private readonly heights: number[] = [];

  const(offset: number, value: Value): Constant {
    return { kind: "const", ...this.place(offset, []), value };
  }
  ident(offset: number, name: string): Ident {
    return { kind: "ident", ...this.place(offset, []), name };
  }
  select(offset: number, operand: Expr, field: string, testOnly = false): Select {
    return { kind: "select", ...this.place(offset, [operand]), operand, field, testOnly };
  }
  call(offset: number, name: string, args: readonly Expr[], target?: Expr): Call {
    return { kind: "call", ...this.place(offset, target === undefined ? args : [target, ...args]), name, target, args };
  }
  list(offset: number, elements: ListExpr["elements"]): ListExpr {
    return {
      kind: "list",
      ...this.place(
        offset,
        elements.map(({ value }) => value),
      ),
      elements,
    };
  }
  map(offset: number, entries: MapExpr["entries"]): MapExpr {
    return {
      kind: "map",
      ...this.place(
        offset,
        entries.flatMap(({ key, value }) => [key, value]),
      ),
      entries,
    };
  }
  struct(offset: number, typeName: string, fields: StructExpr["fields"]): StructExpr {
    return {
      kind: "struct",
      ...this.place(
        offset,
        fields.map(({ value }) => value),
      ),
      typeName,
      fields,
    };
  }
  comprehension(offset: number, parts: Omit<Comprehension, "kind" | "id" | "offset">): Comprehension {
    const { range, accuInit, condition, step, result } = parts;
    return { kind: "comprehension", ...this.place(offset, [range, accuInit, condition, step, result]), ...parts };
  }

  private place(offset: number, children: readonly Expr[]): { readonly id: number; readonly offset: number } {
    let height = 1;
    for (const { id } of children) height = Math.max(height, 1 + (this.heights[id] ?? 0));
    if (height > MAX_HEIGHT) throw new SyntaxIssue(offset, `expression recursion limit exceeded: ${MAX_HEIGHT}`);
    this.heights[++this.last] = height;
    return { id: this.last, offset };
  }
}
