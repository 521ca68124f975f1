// A checked expression as closures: names are positions in a frame, overloads are chosen once where types allow it. Every step
// adds to the frame's cost, and the run ends when that passes its limit.
import type { Call, Comprehension, Expr, ListExpr, MapExpr, Select, StructExpr } from "./ast.ts";
import type { Checked, Reference, Scope } from "./checker.ts";
import type { Overload } from "./functions.ts";
import { ACCUMULATOR, isBinding } from "./macros.ts";
import { callCost, isKnownBefore, LIST_COST, LOOKUP_COST, MAP_COST, OBJECT_COST } from "./runtime-cost.ts";
import { accepts, isCertain, type ObjectType } from "./types.ts";
import { CelError, CelMap, CelObject, display, equals, isList, isNumeric, Optional, Uint, type Value, ValueMap } from "./values.ts";
import { weighed } from "./weight.ts";

/** A run that cost more than it may. */
export class CostLimitExceeded extends Error {
  override readonly name = "CostLimitExceeded";
  constructor() {
    super("operation cancelled: actual cost limit exceeded");
  }
}

/** A variable that is computed when it is first read. */
export class Lazy {
  private value: Value | undefined;
  constructor(private readonly compute: () => Value) {}
  read(): Value {
    this.value ??= this.compute();
    return this.value;
  }
}

/** An error: what a fold has so far is one, and what follows may make it irrelevant. */
type Slot = Value | Lazy | CelError | undefined;
export class Frame {
  cost = 0;
  constructor(
    readonly slots: Slot[],
    private readonly limit: number,
  ) {}
  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.limit) throw new CostLimitExceeded();
  }
}
type Code = (frame: Frame) => Value;

export interface Compiled {
  readonly run: Code;
  /** The variables it reads, with their slots. */
  readonly variables: ReadonlyMap<string, number>;
  readonly slotCount: number;
}

/** Without `checked` every overload of a name is tried when a call runs. */
export function compileExpr(expr: Expr, scope: Scope, checked: Checked | undefined): Compiled {
  const compiler = new Compiler(scope, checked);
  const run = compiler.compile(expr);
  return { run, variables: compiler.globals, slotCount: compiler.slotCount };
}

interface Local {
  readonly name: string;
  readonly slot: number;
  /** What the slot may hold beside a value: something lazy, or a fold's error. */
  readonly kind: "value" | "lazy" | "accumulator";
}

const CONVERSIONS = new Set(["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"]);

/** The value when it can be had without variables; what fails is left to fail in each run. */
function attempt(code: Code): Value | undefined {
  try {
    return code(new Frame([], Number.POSITIVE_INFINITY));
  } catch (error) {
    if (error instanceof CelError) return undefined;
    throw error;
  }
}

class Compiler {
  readonly globals = new Map<string, number>();
  private readonly locals: Local[] = [];
  slotCount = 0;

  constructor(
    private readonly scope: Scope,
    private readonly checked: Checked | undefined,
  ) {}

  compile(expr: Expr): Code {
    const value = this.constant(expr);
    return value === undefined ? this.computed(expr) : () => value;
  }

  /** What is the same in every run costs nothing in any: literals, lists and maps of literals, conversions of literals. */
  private constant(expr: Expr): Value | undefined {
    switch (expr.kind) {
      case "const":
        return expr.value;
      case "list":
      case "map": {
        const parts: readonly { readonly key?: Expr; readonly value: Expr; readonly optional: boolean }[] = expr.kind === "list" ? expr.elements : expr.entries;
        const isConstant = parts.every(({ key, value, optional }) => !optional && this.isConstant(value) && (key === undefined || this.isConstant(key)));
        return isConstant ? attempt(expr.kind === "list" ? this.list(expr) : this.map(expr)) : undefined;
      }
      case "call":
        return CONVERSIONS.has(expr.name) && expr.target === undefined && expr.args.every((arg) => this.isConstant(arg)) ? attempt(this.call(expr)) : undefined;
      default:
        return undefined;
    }
  }
  private isConstant(expr: Expr): boolean {
    return this.constant(expr) !== undefined;
  }

  private computed(expr: Expr): Code {
    switch (expr.kind) {
      case "const":
        return () => expr.value;
      case "ident":
        return this.name(expr, expr.name);
      case "select":
        return this.select(expr);
      case "call":
        return this.call(expr);
      case "list":
        return this.list(expr);
      case "map":
        return this.map(expr);
      case "struct":
        return this.struct(expr);
      case "comprehension":
        return isBinding(expr) ? this.binding(expr) : this.fold(expr);
    }
  }

  private name({ id }: Expr, written: string): Code {
    const reference = this.checked?.references.get(id);
    if (reference?.kind === "constant") return () => reference.value;
    const name = reference?.kind === "variable" ? reference.name : written;
    const local = this.locals.findLast((candidate) => candidate.name === name);
    if (local?.kind === "value") {
      const { slot } = local;
      return (frame) => {
        frame.charge(LOOKUP_COST);
        return frame.slots[slot] as Value;
      };
    }
    const slot = local?.slot ?? this.global(name.replace(/^\./, ""));
    return (frame) => {
      frame.charge(LOOKUP_COST);
      const value = frame.slots[slot];
      if (value instanceof Lazy) return value.read();
      if (value instanceof CelError) throw value;
      if (value === undefined) throw new CelError(`no such attribute(s): ${name.replace(/^\./, "")}`);
      return value;
    };
  }
  private global(name: string): number {
    const slot = this.globals.get(name) ?? this.slotCount++;
    this.globals.set(name, slot);
    return slot;
  }

  private select(expr: Select): Code {
    if (this.checked?.references.has(expr.id) === true) return this.name(expr, "");
    const operand = this.compile(expr.operand);
    const { field } = expr;
    if (expr.testOnly) return (frame) => hasField(operand(frame), field);
    return (frame) => {
      const value = operand(frame);
      frame.charge(LOOKUP_COST);
      return selectField(value, field);
    };
  }

  private call(expr: Call): Code {
    const [first, second, third] = expr.args;
    if (first !== undefined && second !== undefined) {
      if (expr.name === "_&&_" || expr.name === "_||_") return logical(this.compile(first), this.compile(second), expr.name === "_||_");
      if (expr.name === "_?_:_") return conditional(this.compile(first), this.compile(second), this.compile(third ?? second));
      if (expr.name === "@in" && second.kind === "list" && this.isConstant(second)) return membership(this.compile(first), this.compile(second));
      if (expr.name === "_[_]") return indexed(this.compile(first), this.compile(second), indexValue);
      if (expr.name === "_[?_]") return indexed(this.compile(first), this.compile(second), optionalIndex);
      if (expr.name === "_?._") return optionalSelect(this.compile(first), second);
      if (expr.name === "_+_" && first.kind === "ident" && first.name === ACCUMULATOR && second.kind === "list") return this.append(first, second);
    }
    if (expr.name === "@not_strictly_false" && first !== undefined) return notStrictlyFalse(this.compile(first));
    if (expr.name === "cel.@mapInsert") return this.mapInsert(expr);
    if (expr.target !== undefined && first !== undefined && (expr.name === "or" || expr.name === "orValue")) {
      return alternative(this.compile(expr.target), this.compile(first), expr.name === "orValue");
    }
    const reference = this.functionOf(expr);
    const args = expr.target !== undefined && !reference.isFree ? [expr.target, ...expr.args] : expr.args;
    const [overload] = reference.overloads;
    const certain = args.every((arg, index) => this.isCertainArgument(arg, overload?.parameters[index]?.kind));
    const codes = args.map((arg) => this.compile(arg));
    return overload !== undefined && reference.overloads.length === 1 && certain
      ? direct(reference.name, overload, codes)
      : dispatched(reference.name, reference.overloads, codes);
  }
  private isCertainArgument(arg: Expr, parameter: string | undefined): boolean {
    if (parameter === "dyn" || parameter === "parameter") return true;
    const type = this.checked?.types.get(arg.id);
    return type !== undefined && isCertain(type);
  }
  private functionOf(expr: Call): Extract<Reference, { kind: "function" }> {
    const reference = this.checked?.references.get(expr.id);
    if (reference?.kind === "function") return reference;
    const prefixed = expr.target?.kind === "ident" ? `${expr.target.name}.${expr.name}` : expr.name;
    const isFree = expr.target === undefined || (prefixed !== expr.name && this.scope.functions.has(prefixed));
    const name = isFree ? prefixed : expr.name;
    const count = expr.args.length + (isFree ? 0 : 1);
    const overloads = (this.scope.functions.get(name) ?? []).filter(({ isMember, parameters }) => isMember !== isFree && parameters.length === count);
    return { kind: "function", name, overloads, isFree };
  }

  /** The accumulator of a macro is seen by nobody before the fold ends: it grows in place. */
  private append(accumulator: Expr, { elements }: ListExpr): Code {
    const list = this.compile(accumulator);
    const items = elements.map(({ value }) => this.compile(value));
    return (frame) => {
      const grown = list(frame) as Value[];
      for (const item of items) {
        const value = item(frame);
        grown.push(value);
        weighed(grown, value);
      }
      frame.charge(LIST_COST + 1);
      return grown;
    };
  }
  private mapInsert({ args }: Call): Code {
    const [accumulator, ...parts] = args.map((arg) => this.compile(arg));
    return (frame) => {
      const grown = accumulator?.(frame);
      if (!(grown instanceof ValueMap)) throw new CelError("no such overload");
      const [key, value] = parts.map((part) => part(frame));
      frame.charge(1);
      if (key instanceof CelMap) for (const inner of key.keys()) grown.insert(inner, key.get(inner) ?? null);
      else if (key !== undefined && value !== undefined) grown.insert(key, value);
      return value === undefined ? grown : weighed(grown, value);
    };
  }

  private list({ elements }: ListExpr): Code {
    const items = elements.map(({ value, optional }) => ({ code: this.compile(value), optional }));
    return (frame) => {
      const list: Value[] = [];
      for (const { code, optional } of items) {
        const value = optional ? optionalValue(code(frame)) : code(frame);
        if (value === undefined) continue;
        list.push(value);
        weighed(list, value);
      }
      frame.charge(LIST_COST);
      return list;
    };
  }
  private map({ entries }: MapExpr): Code {
    const items = entries.map(({ key, value, optional }) => ({ keyCode: this.compile(key), code: this.compile(value), optional }));
    return (frame) => {
      const map = new ValueMap();
      for (const { keyCode, code, optional } of items) {
        const key = keyCode(frame);
        const value = optional ? optionalValue(code(frame)) : code(frame);
        if (value === undefined) continue;
        if (map.get(key) !== undefined) throw new CelError(`Failed with repeated key: ${display(key)}`);
        map.insert(key, value);
        weighed(map, value);
      }
      frame.charge(MAP_COST);
      return map;
    };
  }
  private struct({ typeName, fields }: StructExpr): Code {
    const type = this.scope.objects.get(typeName.replace(/^\./, ""));
    const items = fields.map(({ name, value, optional }) => ({ name, code: this.compile(value), optional }));
    return (frame) => {
      if (type === undefined) throw new CelError(`unknown type: ${typeName}`);
      const values = new Map<string, Value>();
      for (const { name, code, optional } of items) {
        const value = optional ? optionalValue(code(frame)) : code(frame);
        if (value !== undefined) values.set(name, value);
      }
      frame.charge(OBJECT_COST);
      return new BuiltObject(type, values);
    };
  }

  /** `let`: the value is computed when the body first reads it. */
  private binding(expr: Comprehension): Code {
    const init = this.compile(expr.accuInit);
    const [result, slot] = this.within(expr.accuVar, "lazy", () => this.compile(expr.result));
    return (frame) => {
      frame.slots[slot] = new Lazy(() => init(frame));
      return result(frame);
    };
  }

  private within<T>(name: string, kind: Local["kind"], body: () => T): [T, number] {
    const slot = this.slotCount++;
    this.locals.push({ name, slot, kind });
    const result = body();
    this.locals.pop();
    return [result, slot];
  }

  /** Each run grows a list or map of its own. */
  private initial(expr: Expr): Code {
    if (expr.kind === "list" && expr.elements.length === 0) return () => [];
    return expr.kind === "map" && expr.entries.length === 0 ? () => new ValueMap() : this.compile(expr);
  }

  private fold(expr: Comprehension): Code {
    const [range, init] = [this.compile(expr.range), this.initial(expr.accuInit)];
    const [{ condition, step, result, first, second }, accumulator] = this.within(expr.accuVar, "accumulator", () => {
      const [[[conditionCode, stepCode], secondSlot], firstSlot] = this.within(expr.iterVar, "value", () =>
        this.within(expr.iterVar2 ?? expr.iterVar, "value", () => [this.compile(expr.condition), this.compile(expr.step)] as const),
      );
      return { condition: conditionCode, step: stepCode, result: this.compile(expr.result), first: firstSlot, second: secondSlot };
    });
    // Without a condition nothing can make an error good again.
    const advance = expr.condition.kind === "const" ? step : surviving(step);
    const hasTwo = expr.iterVar2 !== undefined;
    return (frame) => {
      const { slots } = frame;
      const over = range(frame);
      slots[accumulator] = init(frame);
      let index = 0n;
      for (const item of iterated(over)) {
        slots[first] = isList(over) ? index++ : item;
        slots[second] = hasTwo && over instanceof CelMap ? over.get(item) : item;
        if (condition(frame) !== true) break;
        slots[accumulator] = advance(frame);
      }
      return result(frame);
    };
  }
}

function iterated(range: Value): Iterable<Value> {
  if (isList(range)) return range;
  if (range instanceof CelMap) return range.keys();
  throw new CelError("no such overload");
}
function surviving(step: Code): (frame: Frame) => Slot {
  return (frame) => {
    try {
      return step(frame);
    } catch (error) {
      if (error instanceof CelError) return error;
      throw error;
    }
  };
}

/** What `Name{...}` builds. */
export class BuiltObject extends CelObject {
  constructor(
    readonly type: ObjectType,
    private readonly values: ReadonlyMap<string, Value>,
  ) {
    super();
  }
  get typeName(): string {
    return this.type.name;
  }
  get(field: string): Value | undefined {
    return this.values.get(field);
  }
  fields(): Iterable<string> {
    return this.values.keys();
  }
}

function optionalValue(value: Value): Value | undefined {
  if (value instanceof Optional) return value.value;
  throw new CelError(`cannot initialize optional entry from non-optional value ${display(value)}`);
}

/** The field or key, or undefined when it is not there; fails on what has none. */
function lookUp(value: Value, field: string): Value | undefined {
  if (value instanceof CelMap || value instanceof CelObject) return value.get(field);
  throw new CelError("no such overload");
}
function selectField(value: Value, field: string): Value {
  if (value instanceof Optional) return value.value === undefined ? Optional.none : asOptional(lookUp(value.value, field));
  const found = lookUp(value, field);
  if (found !== undefined) return found;
  throw new CelError(`no such key: ${field}`);
}
function hasField(value: Value, field: string): boolean {
  if (value instanceof Optional) return value.value !== undefined && hasField(value.value, field);
  return lookUp(value, field) !== undefined;
}
function asOptional(value: Value | undefined): Optional {
  return value === undefined ? Optional.none : Optional.of(value);
}

function optionalSelect(operand: Code, field: Expr): Code {
  const name = field.kind === "const" && typeof field.value === "string" ? field.value : "";
  return (frame) => {
    const value = operand(frame);
    frame.charge(LOOKUP_COST);
    if (value instanceof Optional) return value.value === undefined ? Optional.none : asOptional(lookUp(value.value, name));
    return asOptional(lookUp(value, name));
  };
}

/** `a[b]`, or its value as an optional. */
export function indexValue(container: Value, index: Value): Value {
  if (container instanceof Optional) return container.value === undefined ? Optional.none : optionalIndex(container.value, index);
  if (container instanceof CelMap) {
    const value = container.get(index);
    if (value === undefined) throw new CelError(`no such key: ${display(index)}`);
    return value;
  }
  const position = listPosition(container, index);
  const value = isList(container) ? container[position] : undefined;
  if (value === undefined) throw new CelError(`index out of bounds: ${display(index)}`);
  return value;
}
export function optionalIndex(container: Value, index: Value): Value {
  if (container instanceof Optional) return container.value === undefined ? Optional.none : optionalIndex(container.value, index);
  if (container instanceof CelMap) return asOptional(container.get(index));
  const position = listPosition(container, index);
  return asOptional(isList(container) ? container[position] : undefined);
}
function listPosition(container: Value, index: Value): number {
  if (!isList(container) || !isNumeric(index)) throw new CelError("no such overload");
  const position = Number(index instanceof Uint ? index.value : index);
  if (!Number.isInteger(position)) throw new CelError(`unsupported index value: ${display(index)}`);
  return position;
}

/** `or` and `orValue`: the second is only computed when the first has no value. */
function alternative(optional: Code, other: Code, unwraps: boolean): Code {
  return (frame) => {
    const value = optional(frame);
    if (!(value instanceof Optional)) throw new CelError("no such overload");
    return value.value === undefined ? other(frame) : unwraps ? value.value : value;
  };
}

/** A constant list is looked up, not gone through: free, as everywhere. */
function membership(item: Code, list: Code): Code {
  return (frame) => {
    const [wanted, among] = [item(frame), list(frame)];
    return isList(among) && among.some((candidate) => equals(wanted, candidate));
  };
}

function indexed(container: Code, at: Code, read: (container: Value, index: Value) => Value): Code {
  return (frame) => {
    const [value, index] = [container(frame), at(frame)];
    frame.charge(LOOKUP_COST);
    return read(value, index);
  };
}

/** One side alone may decide; then the other's error does not matter. */
function logical(left: Code, right: Code, decides: boolean): Code {
  return (frame) => {
    let mistake: CelError | undefined;
    try {
      const value = left(frame);
      if (value === decides) return decides;
      if (value !== !decides) mistake = new CelError("no such overload");
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      mistake = error;
    }
    const value = right(frame);
    if (value === decides) return decides;
    if (mistake !== undefined) throw mistake;
    if (value !== !decides) throw new CelError("no such overload");
    return value;
  };
}
function conditional(condition: Code, whenTrue: Code, whenFalse: Code): Code {
  return (frame) => {
    const value = condition(frame);
    if (typeof value !== "boolean") throw new CelError("no such overload");
    return value ? whenTrue(frame) : whenFalse(frame);
  };
}
function notStrictlyFalse(operand: Code): Code {
  return (frame) => {
    frame.charge(1);
    try {
      return operand(frame) !== false;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      return true;
    }
  };
}

function direct(name: string, overload: Overload, args: readonly Code[]): Code {
  const run = charged(name, overload);
  return (frame) =>
    run(
      frame,
      args.map((arg) => arg(frame)),
    );
}
/** Work is charged before it is done wherever its cost is known then. */
function charged(name: string, { id, run }: Overload): (frame: Frame, values: Value[]) => Value {
  const cost = callCost(name, id);
  if (isKnownBefore(name)) {
    return (frame, values) => {
      frame.charge(cost(values, null));
      return run(...values);
    };
  }
  return (frame, values) => {
    const result = run(...values);
    frame.charge(cost(values, result));
    return result;
  };
}
function dispatched(name: string, overloads: readonly Overload[], args: readonly Code[]): Code {
  const candidates = overloads.map((overload) => ({ overload, run: charged(name, overload) }));
  return (frame) => {
    const values = args.map((arg) => arg(frame));
    for (const { overload, run } of candidates) {
      if (overload.parameters.every((parameter, index) => accepts(parameter, values[index] ?? null))) return run(frame, values);
    }
    throw new CelError("no such overload");
  };
}
