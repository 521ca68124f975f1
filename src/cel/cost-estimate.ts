// The least and the most an expression can cost, from the sizes its types allow: custom resources are refused rules that could cost
// too much (https://kubernetes.io/docs/reference/using-api/cel/#estimated-cost-limits). Counts over the same tree and with the same
// figures as upstream, for a rule that is fine there must be fine here.
import type { Call, Comprehension, Expr, ListExpr, MapExpr } from "./ast.ts";
import { estimateCall, type SizedNode } from "./call-estimate.ts";
import type { Checked } from "./checker.ts";
import { isBinding } from "./macros.ts";
import { addRange, fixed, multiplyRange, type Range, UNKNOWN, union } from "./ranges.ts";
import { codePointCount, LIST_COST, LOOKUP_COST, MAP_COST, OBJECT_COST } from "./runtime-cost.ts";
import { DYN, type Type } from "./types.ts";
import type { Value } from "./values.ts";

/** Sizes of what a list or map holds. */
interface EntrySize {
  readonly kind: "list" | "map";
  readonly key: Range;
  readonly value: Range;
}
interface Local {
  readonly name: string;
  readonly size: Range | undefined;
  readonly entry: EntrySize | undefined;
}

export function estimateCost(expr: Expr, checked: Checked): Range {
  return new Estimator(checked).cost(expr);
}

class Estimator {
  private readonly sizes = new Map<number, Range>();
  private readonly entries = new Map<number, EntrySize>();
  private readonly locals: Local[] = [];
  constructor(private readonly checked: Checked) {}

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case "const":
        return fixed(0);
      case "ident":
        return fixed(LOOKUP_COST);
      case "select": {
        const operand = this.cost(expr.operand);
        const type = this.typeOf(expr.operand).kind;
        return expr.testOnly || (type !== "map" && type !== "object" && type !== "parameter") ? operand : addRange(operand, fixed(LOOKUP_COST));
      }
      case "call":
        return this.call(expr);
      case "list":
        return this.list(expr);
      case "map":
        return this.map(expr);
      case "struct":
        return expr.fields.reduce((sum, { value }) => addRange(sum, this.cost(value)), fixed(OBJECT_COST));
      case "comprehension":
        return isBinding(expr) ? this.binding(expr) : this.fold(expr);
    }
  }

  private typeOf(expr: Expr): Type {
    return this.checked.types.get(expr.id) ?? DYN;
  }
  private local(expr: Expr): Local | undefined {
    return expr.kind === "ident" ? this.locals.findLast(({ name }) => name === expr.name) : undefined;
  }
  private sizeOf(expr: Expr): Range | undefined {
    const known = this.sizes.get(expr.id) ?? literalSize(expr);
    if (known !== undefined) return known;
    const type = this.typeOf(expr);
    const isPlace = expr.kind === "ident" || expr.kind === "select" || (expr.kind === "call" && expr.name === "_[_]");
    if (isPlace && type.maxSize !== undefined) return { min: 0, max: type.maxSize };
    return isScalar(type) ? fixed(1) : this.local(expr)?.size;
  }
  private entryOf(expr: Expr): EntrySize | undefined {
    return this.entries.get(expr.id) ?? this.local(expr)?.entry;
  }
  private node(expr: Expr): SizedNode {
    return { expr, type: this.typeOf(expr), size: this.sizeOf(expr) };
  }

  private call(expr: Call): Range {
    const reference = this.checked.references.get(expr.id);
    const [first, second, third] = expr.args;
    if (expr.name === "dyn" && first !== undefined) {
      const cost = addRange(fixed(1), this.cost(first));
      const [size, entry] = [this.sizeOf(first), this.entryOf(first)];
      if (size !== undefined) this.sizes.set(expr.id, size);
      if (entry !== undefined) this.entries.set(expr.id, entry);
      return cost;
    }
    const costs = expr.args.map((arg) => this.cost(arg));
    const [a = fixed(0), b = fixed(0), c = fixed(0)] = costs;
    // Either side may be enough, and of two branches one is taken.
    if (expr.name === "_&&_" || expr.name === "_||_") return { min: a.min, max: addRange(a, b).max };
    if (expr.name === "_?_:_" && second !== undefined && third !== undefined) {
      this.sizes.set(expr.id, union(this.sizeOf(second) ?? UNKNOWN, this.sizeOf(third) ?? UNKNOWN));
      this.joinEntries(expr, second, third);
      return addRange(a, union(b, c));
    }
    const target = expr.target !== undefined && !(reference?.kind === "function" && reference.isFree) ? expr.target : undefined;
    const own = target === undefined ? fixed(0) : this.cost(target);
    const spent = costs.reduce(addRange, own);
    if (reference?.kind !== "function") return addRange(spent, fixed(1));
    return addRange(spent, this.overloads(expr, target, reference));
  }
  private overloads(expr: Call, target: Expr | undefined, reference: { readonly name: string; readonly overloads: readonly { readonly id: string }[] }): Range {
    const [first, second] = expr.args;
    const targetNode = target === undefined ? undefined : this.node(target);
    const args = expr.args.map((arg) => this.node(arg));
    let cost: Range | undefined;
    let size: Range | undefined;
    for (const { id } of reference.overloads) {
      const estimate = estimateCall(reference.name, id, targetNode, args);
      cost = cost === undefined ? estimate.cost : union(cost, estimate.cost);
      if (estimate.size !== undefined) size = size === undefined ? estimate.size : union(size, estimate.size);
      if ((id === "index_list" || id === "index_map") && first !== undefined) size = this.entryOf(first)?.value;
      if ((id === "add_list" || id === "add_string" || id === "add_bytes") && first !== undefined && second !== undefined)
        this.joinEntries(expr, first, second);
      size ??= this.sizeOf(expr);
    }
    if (size !== undefined) this.sizes.set(expr.id, size);
    return cost ?? fixed(1);
  }
  private joinEntries(expr: Expr, first: Expr, second: Expr): void {
    const [a, b] = [this.entryOf(first), this.entryOf(second)];
    if (a !== undefined && b !== undefined) this.entries.set(expr.id, { kind: a.kind, key: union(a.key, b.key), value: union(a.value, b.value) });
  }

  private list(expr: ListExpr): Range {
    const cost = expr.elements.reduce((sum, { value }) => addRange(sum, this.cost(value)), fixed(LIST_COST));
    this.entries.set(expr.id, { kind: "list", key: fixed(1), value: this.widest(expr.elements.map(({ value }) => value)) });
    return cost;
  }
  private map(expr: MapExpr): Range {
    const cost = expr.entries.reduce((sum, { key, value }) => addRange(addRange(sum, this.cost(key)), this.cost(value)), fixed(MAP_COST));
    const [keys, values] = [expr.entries.map(({ key }) => key), expr.entries.map(({ value }) => value)];
    this.entries.set(expr.id, { kind: "map", key: this.widest(keys), value: this.widest(values) });
    return cost;
  }
  private widest(exprs: readonly Expr[]): Range {
    return exprs.length === 0 ? fixed(0) : exprs.map((expr) => this.sizeOf(expr) ?? UNKNOWN).reduce(union);
  }

  private binding(expr: Comprehension): Range {
    const before = addRange(this.cost(expr.range), this.cost(expr.accuInit));
    this.locals.push({ name: expr.accuVar, size: this.sizeOf(expr.accuInit), entry: this.entryOf(expr.accuInit) });
    const result = this.cost(expr.result);
    const [size, entry] = [this.sizeOf(expr.result), this.entryOf(expr.result)];
    this.locals.pop();
    if (size !== undefined) this.sizes.set(expr.id, size);
    if (entry !== undefined) this.entries.set(expr.id, entry);
    return addRange(before, result);
  }

  private fold(expr: Comprehension): Range {
    const before = addRange(this.cost(expr.range), this.cost(expr.accuInit));
    const entry = this.entryOf(expr.range);
    const depth = this.locals.length;
    this.locals.push({ name: expr.accuVar, size: this.sizeOf(expr.accuInit), entry: this.entryOf(expr.accuInit) });
    if (expr.iterVar2 === undefined) {
      const isList = (entry?.kind ?? this.typeOf(expr.range).kind) === "list";
      this.locals.push({ name: expr.iterVar, size: isList ? entry?.value : entry?.key, entry: undefined });
    } else {
      this.locals.push({ name: expr.iterVar, size: entry?.key, entry: undefined }, { name: expr.iterVar2, size: entry?.value, entry: undefined });
    }
    const each = addRange(this.cost(expr.condition), this.cost(expr.step));
    this.locals.length = depth + 1;
    const result = this.cost(expr.result);
    this.locals.length = depth;
    const count = this.sizeOf(expr.range) ?? UNKNOWN;
    this.foldSize(expr, count);
    return addRange(addRange(before, result), multiplyRange(count, each));
  }
  private foldSize(expr: Comprehension, count: Range): void {
    const made = this.entries.get(expr.step.id);
    const size = expr.accuInit.kind === "const" ? this.sizeOf(expr.accuInit) : count;
    if (size !== undefined) this.sizes.set(expr.id, size);
    if (expr.accuInit.kind !== "const" && made !== undefined) this.entries.set(expr.id, made);
  }
}

function literalSize(expr: Expr): Range | undefined {
  if (expr.kind === "list") return fixed(expr.elements.length);
  if (expr.kind === "map") return fixed(expr.entries.length);
  return expr.kind === "const" ? fixed(valueSize(expr.value)) : undefined;
}
function valueSize(value: Value): number {
  if (typeof value === "string") return codePointCount(value);
  return value instanceof Uint8Array ? value.length : 1;
}
function isScalar(type: Type): boolean {
  if (type.kind === "opaque" && type.name === "optional_type") return isScalar(type.parameters[0] ?? DYN);
  return ["bool", "double", "duration", "int", "timestamp", "uint"].includes(type.kind);
}
