// The syntax tree of CEL after its macros are expanded (https://github.com/google/cel-spec/blob/master/doc/langdef.md). Every
// node has the offset of its text, in code points, and an id that is its own within one expression.
import type { Value } from "./values.ts";

interface Node {
  readonly id: number;
  readonly offset: number;
}
export interface Constant extends Node {
  readonly kind: "const";
  readonly value: Value;
}
export interface Ident extends Node {
  readonly kind: "ident";
  readonly name: string;
}
export interface Select extends Node {
  readonly kind: "select";
  readonly operand: Expr;
  readonly field: string;
  /** `has(operand.field)`. */
  readonly testOnly: boolean;
}
export interface Call extends Node {
  readonly kind: "call";
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}
export interface ListExpr extends Node {
  readonly kind: "list";
  readonly elements: readonly { readonly value: Expr; readonly optional: boolean }[];
}
export interface MapExpr extends Node {
  readonly kind: "map";
  readonly entries: readonly { readonly key: Expr; readonly value: Expr; readonly optional: boolean }[];
}
export interface StructExpr extends Node {
  readonly kind: "struct";
  readonly typeName: string;
  readonly fields: readonly { readonly name: string; readonly value: Expr; readonly optional: boolean; readonly offset: number }[];
}
/** A fold: `accuInit` carried over the range by `step` while `condition` holds, then `result`. */
export interface Comprehension extends Node {
  readonly kind: "comprehension";
  readonly range: Expr;
  readonly iterVar: string;
  /** Set: `iterVar` is the index or key, this the element or value. */
  readonly iterVar2: string | undefined;
  readonly accuVar: string;
  readonly accuInit: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}
export type Expr = Constant | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Comprehension;

/** A mistake in an expression, at an offset in code points. */
export interface Issue {
  readonly offset: number;
  readonly message: string;
}

/** Writes issues with the line they are about and a pointer below the place, as every CEL client knows them. */
export function formatIssues(source: string, issues: readonly Issue[]): string {
  const lines = source.split("\n").map((line) => [...line]);
  return [...issues]
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, message }) => {
      let row = 0;
      let column = offset;
      while (row < lines.length - 1 && column > (lines[row]?.length ?? 0)) {
        column -= (lines[row]?.length ?? 0) + 1;
        row++;
      }
      const text = (lines[row] ?? []).join("").replaceAll("\t", " ");
      return `ERROR: <input>:${row + 1}:${column + 1}: ${message}\n | ${text}\n | ${".".repeat(column)}^`;
    })
    .join("\n");
}
