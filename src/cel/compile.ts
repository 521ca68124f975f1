// An expression and what it may name become a program, or a list of mistakes.
import { operators } from "./arithmetic.ts";
import { type Expr, formatIssues, type Issue } from "./ast.ts";
import { authorizer } from "./authorizer.ts";
import { type Checked, check, type Scope } from "./checker.ts";
import { containers, optionals } from "./containers.ts";
import { conversions } from "./conversions.ts";
import { estimateCost } from "./cost-estimate.ts";
import { CostLimitExceeded, compileExpr, Frame, Lazy } from "./evaluator.ts";
import { type Library, mergeLibraries } from "./functions.ts";
import { kubernetesLists, lists, sets } from "./lists.ts";
import { checkLiterals } from "./literals.ts";
import { addresses, urls } from "./network-library.ts";
import { parse } from "./parser.ts";
import { formats, quantities, versions } from "./quantity-library.ts";
import { type Range, UNKNOWN } from "./ranges.ts";
import { regex, strings } from "./strings.ts";
import type { ObjectType, Type } from "./types.ts";
import { CelError, type Value } from "./values.ts";

/** What expressions of one kind may name. */
export interface Environment {
  readonly variables: ReadonlyMap<string, Type>;
  /** Types that `Name{...}` may build, by name. */
  readonly objects?: ReadonlyMap<string, ObjectType>;
}

export interface Program {
  /** What a run can cost, by the sizes its variables' types allow. */
  readonly estimatedCost: Range;
  /** The type of its values. */
  readonly type: Type;
  /**
   * Runs the program. A variable given as a function is computed when it is first read. More than `costBudget` units of
   * https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints end the run.
   */
  evaluate(variables: Readonly<Record<string, Value | (() => Value)>>, costBudget: number): Evaluation;
}
/** Exactly one of `value` and `error` is set. */
export interface Evaluation {
  readonly value?: Value;
  readonly error?: string;
  readonly cost: number;
  /** The budget was too small; `error` says so. */
  readonly overBudget: boolean;
}
export type Compilation =
  | { readonly program: Program; readonly errors?: undefined; readonly text?: undefined }
  /** `text` is all of them as clients see it: each with its line and a pointer to the place. */
  | { readonly program?: undefined; readonly errors: readonly Issue[]; readonly text: string };

/** Every function that expressions in Kubernetes v1.36 have. */
export const KUBERNETES_FUNCTIONS: Library = mergeLibraries(
  operators,
  conversions,
  containers,
  optionals,
  strings,
  regex,
  kubernetesLists,
  lists,
  sets,
  urls,
  addresses,
  quantities,
  versions,
  formats,
  authorizer,
);

export function compile(expression: string, environment: Environment): Compilation {
  const scope = { functions: KUBERNETES_FUNCTIONS, objects: new Map<string, ObjectType>(), ...environment };
  return compileIn(expression, scope, { isChecked: true, hasStrictLiterals: true });
}

/** CEL as its conformance cases have it: types may be left to the run, and Kubernetes' rules for literals do not hold. */
export interface Leniency {
  readonly isChecked: boolean;
  readonly hasStrictLiterals: boolean;
}

/** With everything an expression may name. */
export function compileIn(expression: string, scope: Scope, { isChecked, hasStrictLiterals }: Leniency): Compilation {
  const parsed = parse(expression);
  if (parsed.issue !== undefined) return failed(expression, [parsed.issue]);
  const checked = isChecked ? check(parsed.expr, scope) : undefined;
  const issues = [...(checked?.issues ?? [])];
  if (checked !== undefined && issues.length === 0 && hasStrictLiterals) issues.push(...checkLiterals(parsed.expr, checked));
  if (issues.length > 0) return failed(expression, issues);
  return { program: programOf(parsed.expr, scope, checked) };
}

function failed(expression: string, errors: readonly Issue[]): Compilation {
  return { errors, text: formatIssues(expression, errors) };
}

function programOf(expr: Expr, scope: Scope, checked: Checked | undefined): Program {
  const { run, variables: slots, slotCount } = compileExpr(expr, scope, checked);
  return {
    estimatedCost: checked === undefined ? UNKNOWN : estimateCost(expr, checked),
    type: checked?.type ?? { kind: "dyn" },
    evaluate(variables, costBudget) {
      const frame = new Frame(new Array(slotCount), costBudget);
      for (const [name, slot] of slots) {
        const value = variables[name];
        frame.slots[slot] = typeof value === "function" ? new Lazy(value) : value;
      }
      try {
        return { value: run(frame), cost: frame.cost, overBudget: false };
      } catch (error) {
        if (!(error instanceof CelError) && !(error instanceof CostLimitExceeded)) throw error;
        return { error: error.message, cost: frame.cost, overBudget: error instanceof CostLimitExceeded };
      }
    },
  };
}
