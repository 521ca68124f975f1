// Looks at texts that are written into an expression where an instant, a span or a pattern is expected: what can never work is told
// when the expression is compiled.
import type { Expr, Issue } from "./ast.ts";
import { parseInstant, parseSpan } from "./clock.ts";
import { patternProblem } from "./regex.ts";

export function checkLiterals(expr: Expr): Issue[] {
  const issues: Issue[] = [];
  visit(expr, (node) => {
    if (node.kind !== "call") return;
    const argument = node.args.at(-1);
    if (argument?.kind !== "const" || typeof argument.value !== "string") return;
    const { value, offset } = argument;
    if (node.name === "duration" && parseSpan(value) === undefined) issues.push({ offset, message: "invalid duration argument" });
    if (node.name === "timestamp" && parseInstant(value) === undefined) issues.push({ offset, message: "invalid timestamp argument" });
    if (node.name === "matches" && patternProblem(value) !== undefined) issues.push({ offset, message: "invalid matches argument" });
  });
  return issues;
}

function visit(expr: Expr, see: (node: Expr) => void): void {
  see(expr);
  for (const child of childrenOf(expr)) visit(child, see);
}

function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "select":
      return [expr.operand];
    case "call":
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    case "list":
      return expr.elements.map(({ value }) => value);
    case "map":
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case "struct":
      return expr.fields.map(({ value }) => value);
    case "comprehension":
      return [expr.range, expr.accuInit, expr.condition, expr.step, expr.result];
    default:
      return [];
  }
}
