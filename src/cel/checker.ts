// Gives every node of an expression its type and every name its meaning, and tells what does not fit, in the words and at the
// places that users of CEL know (https://github.com/google/cel-spec/blob/master/doc/langdef.md#gradual-type-checking).
import type { Call, Comprehension, Expr, Issue, ListExpr, MapExpr, Select, StructExpr } from "./ast.ts";
import type { Library, Overload } from "./functions.ts";
import { qualifiedName } from "./parser.ts";
import {
  Bindings,
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  ERROR,
  formatType,
  INT,
  instantiate,
  listType,
  mapType,
  NULL,
  type ObjectType,
  opaqueType,
  optionalType,
  SIMPLE_TYPES,
  STRING,
  TIMESTAMP,
  type Type,
  UINT,
} from "./types.ts";
import { Duration, Timestamp, TypeValue, Uint, type Value } from "./values.ts";

export interface Scope {
  readonly variables: ReadonlyMap<string, Type>;
  readonly functions: Library;
  /** What `Name{...}` may build. */
  readonly objects: ReadonlyMap<string, ObjectType>;
}

/** What a name in an expression means. */
export type Reference =
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "constant"; readonly value: Value }
  /** `isFree`: the target was part of the function's name. */
  | { readonly kind: "function"; readonly name: string; readonly overloads: readonly Overload[]; readonly isFree: boolean };

export interface Checked {
  readonly issues: readonly Issue[];
  readonly type: Type;
  readonly types: ReadonlyMap<number, Type>;
  readonly references: ReadonlyMap<number, Reference>;
}

const TYPE_NAMES: Readonly<Record<string, Type>> = {
  ...SIMPLE_TYPES,
  null_type: NULL,
  list: listType(DYN),
  map: mapType(DYN, DYN),
  type: { kind: "type", of: DYN },
  optional_type: optionalType(DYN),
  "google.protobuf.Timestamp": TIMESTAMP,
  "google.protobuf.Duration": DURATION,
  "net.IP": opaqueType("net.IP"),
  "net.CIDR": opaqueType("net.CIDR"),
  "kubernetes.Quantity": opaqueType("kubernetes.Quantity"),
  "kubernetes.Semver": opaqueType("kubernetes.Semver"),
  "kubernetes.URL": opaqueType("kubernetes.URL"),
  "kubernetes.NamedFormat": opaqueType("kubernetes.NamedFormat"),
};

export function check(expr: Expr, scope: Scope): Checked {
  return new Checker(scope).run(expr);
}

class Checker {
  private readonly issues: Issue[] = [];
  private readonly types = new Map<number, Type>();
  private readonly references = new Map<number, Reference>();
  private readonly bindings = new Bindings();
  private readonly locals: { readonly name: string; readonly type: Type }[] = [];

  constructor(private readonly scope: Scope) {}

  run(expr: Expr): Checked {
    this.check(expr);
    const types = new Map([...this.types].map(([id, type]) => [id, this.bindings.resolve(type, true)] as const));
    return { issues: this.issues, type: types.get(expr.id) ?? DYN, types, references: this.references };
  }

  private check(expr: Expr): Type {
    const type = this.typeOf(expr);
    this.types.set(expr.id, type);
    return type;
  }

  private typeOf(expr: Expr): Type {
    switch (expr.kind) {
      case "const":
        return constantType(expr.value);
      case "ident":
        return this.named(expr, expr.name) ?? this.undeclared(expr.offset, expr.name);
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
        return this.comprehension(expr);
    }
  }

  /** The type of a variable or of a type's name; undefined when there is none. */
  private named({ id }: Expr, written: string): Type | undefined {
    const name = written.replace(/^\./, "");
    const local = written === name ? this.locals.findLast((candidate) => candidate.name === name) : undefined;
    const type = local?.type ?? this.scope.variables.get(name);
    if (type !== undefined) {
      this.references.set(id, { kind: "variable", name: local === undefined ? `.${name}` : name });
      return type;
    }
    const of = TYPE_NAMES[name] ?? this.scope.objects.get(name);
    if (of === undefined) return undefined;
    this.references.set(id, { kind: "constant", value: new TypeValue(name) });
    return { kind: "type", of };
  }

  private undeclared(offset: number, name: string): Type {
    return this.fail(offset, `undeclared reference to '${name.replace(/^\./, "")}' (in container '')`);
  }
  private fail(offset: number, message: string): Type {
    this.issues.push({ offset, message });
    return ERROR;
  }
  private assign(to: Type, from: Type): boolean {
    return this.bindings.assign([[to, from]]);
  }
  private write(type: Type): string {
    return formatType(this.bindings.resolve(type, true));
  }

  private select(expr: Select): Type {
    const name = expr.testOnly ? undefined : qualifiedName(expr);
    // A dotted name may be declared as a whole; a local variable of its first word hides that.
    if (name !== undefined && !this.locals.some((local) => local.name === name.split(".")[0])) {
      const type = this.named(expr, name);
      if (type !== undefined) return type;
    }
    const field = this.fieldType(this.bindings.resolve(this.check(expr.operand)), expr.field, expr.offset);
    return expr.testOnly ? BOOL : field;
  }

  private fieldType(operand: Type, field: string, offset: number): Type {
    switch (operand.kind) {
      case "map":
        return operand.value;
      case "dyn":
      case "error":
        return operand;
      case "parameter":
        this.assign(operand, DYN);
        return DYN;
      case "object":
        return operand.fields.get(field)?.type ?? this.fail(offset, `undefined field '${field}'`);
      case "opaque":
        if (operand.name === "optional_type") return optionalOnce(this.fieldType(this.bindings.resolve(operand.parameters[0] ?? DYN), field, offset));
    }
    return this.fail(offset, `type '${this.write(operand)}' does not support field selection`);
  }

  private call(expr: Call): Type {
    if (expr.name === "_?._") return this.optionalSelect(expr);
    const { target } = expr;
    const prefix = target === undefined ? undefined : qualifiedName(target);
    const written = prefix === undefined ? expr.name : `${prefix}.${expr.name}`;
    const name = written.replace(/^\./, "");
    if (target === undefined || (prefix !== undefined && this.scope.functions.has(name))) {
      return this.resolveCall(expr, name, expr.args, true);
    }
    return this.resolveCall(expr, expr.name, [target, ...expr.args], false);
  }

  private optionalSelect(expr: Call): Type {
    const [operand, field] = expr.args;
    if (operand === undefined || field?.kind !== "const" || typeof field.value !== "string") return ERROR;
    const operandType = this.bindings.resolve(this.check(operand));
    this.check(field);
    return optionalOnce(this.fieldType(operandType, field.value, expr.offset));
  }

  private resolveCall(expr: Call, name: string, args: readonly Expr[], isFree: boolean): Type {
    const declared = this.scope.functions.get(name);
    if (declared === undefined) {
      for (const arg of args) this.check(arg);
      return this.undeclared(expr.offset, name);
    }
    const argTypes = args.map((arg) => this.bindings.resolve(this.check(arg)));
    const matching: Overload[] = [];
    let result: Type | undefined;
    for (const overload of declared) {
      if (overload.isMember === isFree || overload.parameters.length !== args.length) continue;
      const names = new Map<string, Type>();
      const parameters = overload.parameters.map((parameter) => instantiate(parameter, names, this.bindings));
      if (!this.bindings.assign(parameters.map((parameter, index) => [parameter, argTypes[index] ?? ERROR] as const))) continue;
      const own = this.bindings.resolve(instantiate(overload.result, names, this.bindings));
      result = result === undefined || formatType(result) === formatType(own) ? own : DYN;
      matching.push(overload);
    }
    if (result === undefined) {
      const texts = argTypes.map((type) => this.write(type));
      const signature = isFree ? `(${texts.join(", ")})` : `${texts[0]}.(${texts.slice(1).join(", ")})`;
      if (argTypes.some((type) => type.kind === "error")) return ERROR;
      return this.fail(expr.offset, `found no matching overload for '${name}' applied to '${signature}'`);
    }
    this.references.set(expr.id, { kind: "function", name, overloads: matching, isFree });
    return result;
  }

  private list({ elements }: ListExpr): Type {
    let joined: Type | undefined;
    for (const { value, optional } of elements) joined = this.join(joined, this.elementType(value, optional));
    return listType(joined ?? this.bindings.parameter());
  }
  private map({ entries }: MapExpr): Type {
    let [keys, values]: (Type | undefined)[] = [];
    for (const { key, value, optional } of entries) {
      keys = this.join(keys, this.check(key));
      values = this.join(values, this.elementType(value, optional));
    }
    return mapType(keys ?? this.bindings.parameter(), values ?? this.bindings.parameter());
  }
  private elementType(value: Expr, optional: boolean): Type {
    const type = this.bindings.resolve(this.check(value));
    if (!optional || type.kind === "dyn" || type.kind === "error") return type;
    if (type.kind === "opaque" && type.name === "optional_type") return type.parameters[0] ?? DYN;
    return this.fail(value.offset, `expected type 'optional_type(${this.write(type)})' but found '${this.write(type)}'`);
  }
  /** One type for both, dyn when there is none. */
  private join(known: Type | undefined, type: Type): Type {
    if (known === undefined) return type;
    if (!this.assign(known, type)) return DYN;
    return this.bindings.resolve(known).kind === "null" || type.kind === "dyn" ? type : known;
  }

  private struct(expr: StructExpr): Type {
    const type = this.scope.objects.get(expr.typeName.replace(/^\./, ""));
    for (const { name, value, optional, offset } of expr.fields) {
      const provided = this.elementType(value, optional);
      if (type === undefined) continue;
      const field = type.fields.get(name);
      if (field === undefined) this.fail(offset, `undefined field '${name}'`);
      else if (!this.assign(field.type, provided)) {
        this.fail(offset, `expected type of field '${name}' is '${this.write(field.type)}' but provided type is '${this.write(provided)}'`);
      }
    }
    return type ?? this.undeclared(expr.offset, expr.typeName);
  }

  private comprehension(expr: Comprehension): Type {
    const range = this.bindings.resolve(this.check(expr.range));
    const init = this.check(expr.accuInit);
    const [key, value] = this.rangeTypes(range, expr.range.offset);
    const depth = this.locals.length;
    this.locals.push({ name: expr.accuVar, type: init });
    if (expr.iterVar2 === undefined) this.locals.push({ name: expr.iterVar, type: range.kind === "map" ? key : value });
    else this.locals.push({ name: expr.iterVar, type: key }, { name: expr.iterVar2, type: value });
    this.expectType(expr.condition, BOOL);
    this.expectType(expr.step, init);
    this.locals.length = depth;
    this.locals.push({ name: expr.accuVar, type: init });
    const result = this.check(expr.result);
    this.locals.length = depth;
    return this.bindings.resolve(result);
  }
  private rangeTypes(range: Type, offset: number): [key: Type, value: Type] {
    if (range.kind === "list") return [INT, range.element];
    if (range.kind === "map") return [range.key, range.value];
    if (range.kind === "dyn" || range.kind === "error") return [range, range];
    if (range.kind === "parameter") {
      this.assign(range, DYN);
      return [DYN, DYN];
    }
    const mistake = this.fail(offset, `expression of type '${this.write(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`);
    return [mistake, mistake];
  }
  private expectType(expr: Expr, expected: Type): void {
    const type = this.check(expr);
    if (!this.assign(expected, type)) this.fail(expr.offset, `expected type '${this.write(expected)}' but found '${this.write(type)}'`);
  }
}

function optionalOnce(type: Type): Type {
  return type.kind === "opaque" && type.name === "optional_type" ? type : optionalType(type);
}

function constantType(value: Value): Type {
  if (value === null) return NULL;
  if (typeof value === "boolean") return BOOL;
  if (typeof value === "bigint") return INT;
  if (typeof value === "number") return DOUBLE;
  if (typeof value === "string") return STRING;
  if (value instanceof Uint) return UINT;
  if (value instanceof Timestamp) return TIMESTAMP;
  return value instanceof Duration ? DURATION : BYTES;
}
