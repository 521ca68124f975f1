// The macros of CEL: what has no meaning as a function because it names variables. Each becomes a fold, as the language
// definition (https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros) and the extensions for two variables, local
// bindings, optional values and sorting prescribe; costs are counted over the folds.
import type { Comprehension, Expr } from "./ast.ts";
import type { NodeBuilder } from "./build.ts";
import { SyntaxIssue } from "./lexer.ts";

/** The accumulator of a fold; no expression can name it. */
export const ACCUMULATOR = "@result";
const UNUSED = "#unused";
const SORTED = "@__sortBy_input__";

interface Use {
  readonly build: NodeBuilder;
  readonly offset: number;
  readonly args: readonly Expr[];
}
interface MemberUse extends Use {
  readonly target: Expr;
}

/** The expansion, or undefined: then it is a call. */
export function expandMacro(build: NodeBuilder, offset: number, name: string, target: Expr | undefined, args: readonly Expr[]): Expr | undefined {
  if (target === undefined) return name === "has" && args.length === 1 ? expandHas({ build, offset, args }) : undefined;
  if (target.kind === "ident" && target.name === "cel" && name === "bind" && args.length === 3) return expandBind({ build, offset, args });
  const macro = MEMBER_MACROS[name];
  return macro?.argumentCounts.includes(args.length) ? macro.expand({ build, offset, args, target }) : undefined;
}

interface Macro {
  readonly argumentCounts: readonly number[];
  readonly expand: (use: MemberUse) => Expr;
}
const exactlyOne: Macro = { argumentCounts: [2, 3], expand: (use) => quantifier(use, "one") };
const MEMBER_MACROS: Readonly<Partial<Record<string, Macro>>> = {
  all: { argumentCounts: [2, 3], expand: (use) => quantifier(use, "all") },
  exists: { argumentCounts: [2, 3], expand: (use) => quantifier(use, "any") },
  exists_one: exactlyOne,
  existsOne: { ...exactlyOne, argumentCounts: [3] },
  map: { argumentCounts: [2, 3], expand: (use) => collect(use, 1, use.args.length === 3 ? use.args[1] : undefined, use.args.at(-1)) },
  filter: { argumentCounts: [2], expand: (use) => collect(use, 1, use.args[1], use.args[0]) },
  transformList: { argumentCounts: [3, 4], expand: (use) => collect(use, 2, use.args.length === 4 ? use.args[2] : undefined, use.args.at(-1)) },
  transformMap: { argumentCounts: [3, 4], expand: (use) => collectMap(use, false) },
  transformMapEntry: { argumentCounts: [3, 4], expand: (use) => collectMap(use, true) },
  optMap: { argumentCounts: [2], expand: (use) => mapOptional(use, true) },
  optFlatMap: { argumentCounts: [2], expand: (use) => mapOptional(use, false) },
  sortBy: { argumentCounts: [2], expand: sortBy },
};

function expandHas({ build, offset, args }: Use): Expr {
  const [argument] = args;
  if (argument?.kind === "select") return build.select(offset, argument.operand, argument.field, true);
  throw new MacroIssue(offset, "invalid argument to has() macro");
}

/** Mistakes in macros are told without the words of the grammar. */
class MacroIssue extends SyntaxIssue {
  constructor(offset: number, message: string) {
    super(offset, message);
    this.message = message;
  }
}

function variableName(expr: Expr | undefined, offset: number): string {
  if (expr?.kind === "ident" && expr.name !== ACCUMULATOR && !expr.name.startsWith(".")) return expr.name;
  throw new MacroIssue(expr?.offset ?? offset, "argument must be a simple name");
}

function variables({ args, offset }: Use, count: number): Pick<Comprehension, "iterVar" | "iterVar2"> {
  const iterVar = variableName(args[0], offset);
  const iterVar2 = count === 2 ? variableName(args[1], offset) : undefined;
  if (iterVar === iterVar2) throw new MacroIssue(args[1]?.offset ?? offset, `duplicate variable name: ${iterVar}`);
  return { iterVar, iterVar2 };
}

function quantifier(use: MemberUse, which: "all" | "any" | "one"): Expr {
  const { build, offset, args, target } = use;
  const accumulated = (): Expr => build.ident(offset, ACCUMULATOR);
  const vars = variables(use, args.length - 1);
  const predicate = args.at(-1) ?? accumulated();
  const fold = (init: Expr, condition: Expr, step: Expr, result: Expr): Expr =>
    build.comprehension(offset, { range: target, ...vars, accuVar: ACCUMULATOR, accuInit: init, condition, step, result });
  if (which === "one") {
    const one = build.const(offset, 1n);
    const step = build.call(offset, "_?_:_", [predicate, build.call(offset, "_+_", [accumulated(), one]), accumulated()]);
    return fold(build.const(offset, 0n), build.const(offset, true), step, build.call(offset, "_==_", [accumulated(), build.const(offset, 1n)]));
  }
  const undecided = which === "all" ? accumulated() : build.call(offset, "!_", [accumulated()]);
  const step = build.call(offset, which === "all" ? "_&&_" : "_||_", [accumulated(), predicate]);
  return fold(build.const(offset, which === "all"), build.call(offset, "@not_strictly_false", [undecided]), step, accumulated());
}

/** A list of `element` for everything in the range that `predicate` lets pass. */
function collect(use: MemberUse, variableCount: number, predicate: Expr | undefined, element: Expr | undefined): Expr {
  const { build, offset, target } = use;
  const accumulated = build.ident(offset, ACCUMULATOR);
  const appended = build.list(offset, [{ value: element ?? accumulated, optional: false }]);
  const step = build.call(offset, "_+_", [accumulated, appended]);
  return fold(use, variables(use, variableCount), build.list(offset, []), predicate, step, target);
}

function collectMap(use: MemberUse, byEntry: boolean): Expr {
  const { build, offset, args, target } = use;
  const vars = variables(use, 2);
  const accumulated = build.ident(offset, ACCUMULATOR);
  const last = args.at(-1) ?? accumulated;
  const inserted = byEntry ? [accumulated, last] : [accumulated, build.ident(offset, vars.iterVar), last];
  return fold(use, vars, build.map(offset, []), args.length === 4 ? args[2] : undefined, build.call(offset, "cel.@mapInsert", inserted), target);
}

function fold(use: Use, vars: Pick<Comprehension, "iterVar" | "iterVar2">, init: Expr, predicate: Expr | undefined, step: Expr, range: Expr): Expr {
  const { build, offset } = use;
  const chosen = predicate === undefined ? step : build.call(offset, "_?_:_", [predicate, step, build.ident(offset, ACCUMULATOR)]);
  return build.comprehension(offset, {
    range,
    ...vars,
    accuVar: ACCUMULATOR,
    accuInit: init,
    condition: build.const(offset, true),
    step: chosen,
    result: build.ident(offset, ACCUMULATOR),
  });
}

/** A fold over nothing whose accumulator is the variable: how the tree says `let`. */
function bind(build: NodeBuilder, offset: number, name: string, value: Expr, body: Expr): Expr {
  return build.comprehension(offset, {
    range: build.list(offset, []),
    iterVar: UNUSED,
    iterVar2: undefined,
    accuVar: name,
    accuInit: value,
    condition: build.const(offset, false),
    step: build.ident(offset, name),
    result: body,
  });
}

export function isBinding({ range, condition, accuVar }: Comprehension): boolean {
  return range.kind === "list" && range.elements.length === 0 && condition.kind === "const" && condition.value === false && accuVar !== ACCUMULATOR;
}

function expandBind({ build, offset, args }: Use): Expr {
  const [name, value, body] = args;
  const variable = variableName(name, offset);
  return bind(build, offset, variable, value ?? build.const(offset, null), body ?? build.const(offset, null));
}

function mapOptional({ build, offset, args, target }: MemberUse, wrap: boolean): Expr {
  const name = variableName(args[0], offset);
  const mapped = bind(build, offset, name, build.call(offset, "value", [], target), args[1] ?? target);
  return build.call(offset, "_?_:_", [
    build.call(offset, "hasValue", [], target),
    wrap ? build.call(offset, "optional.of", [mapped]) : mapped,
    build.call(offset, "optional.none", []),
  ]);
}

function sortBy(use: MemberUse): Expr {
  const { build, offset, args, target } = use;
  const input = (): Expr => build.ident(offset, SORTED);
  const keys = collect({ build, offset, args, target: input() }, 1, undefined, args[1]);
  return bind(build, offset, SORTED, target, build.call(offset, "@sortByAssociatedKeys", [keys], input()));
}
