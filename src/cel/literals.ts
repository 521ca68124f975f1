// Looks at what is written into an expression: texts where an instant, a span or a pattern is expected, and lists and maps, whose
// items have one type in Kubernetes (but for what `format` gets). What is wrong there is told when the expression is compiled.
import type { Call, Expr, Issue } from "./ast.ts";
import type { Checked } from "./checker.ts";
import { parseInstant, parseSpan } from "./clock.ts";
import { patternProblem } from "./regex.ts";
import { DYN, formatType, type Type } from "./types.ts";

export function checkLiterals(expr: Expr, checked: Checked): Issue[] {
  const issues: Issue[] = [];
  const visit = (node: Expr, mayMix: boolean): void => {
    const argument = node.kind === "call" ? textProblem(node) : undefined;
    if (argument !== undefined) issues.push(argument);
    if (!mayMix) issues.push(...mixedTypes(node, checked));
    const inFormat = mayMix || (node.kind === "call" && node.name === "format");
    for (const child of childrenOf(node)) visit(child, inFormat);
  };
  visit(expr, false);
  return issues;
}

function textProblem({ name, args }: Call): Issue | undefined {
  const argument = args.at(-1);
  if (argument?.kind !== "const" || typeof argument.value !== "string") return undefined;
  const { value, offset } = argument;
  const isWrong =
    (name === "duration" && parseSpan(value) === undefined) ||
    (name === "timestamp" && parseInstant(value) === undefined) ||
    (name === "matches" && patternProblem(value) !== undefined);
  return isWrong ? { offset, message: `invalid ${name} argument` } : undefined;
}

function mixedTypes(node: Expr, { types }: Checked): Issue[] {
  if (node.kind === "list") return firstOther(node.elements, types);
  if (node.kind !== "map") return [];
  return [
    ...firstOther(
      node.entries.map(({ key }) => ({ value: key, optional: false })),
      types,
    ),
    ...firstOther(node.entries, types),
  ];
}
function firstOther(items: readonly { readonly value: Expr; readonly optional: boolean }[], types: Checked["types"]): Issue[] {
  const named = items.map(({ value, optional }) => ({ value, name: formatType(inner(types.get(value.id) ?? DYN, optional)) }));
  const other = named.find(({ name }) => name !== named[0]?.name);
  return other === undefined ? [] : [{ offset: other.value.offset, message: `expected type '${named[0]?.name}' but found '${other.name}'` }];
}
function inner(type: Type, optional: boolean): Type {
  return optional && type.kind === "opaque" ? (type.parameters[0] ?? DYN) : type;
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
