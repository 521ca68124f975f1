// Tokens to a syntax tree, by recursive descent over the grammar of
// https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax, macros expanded on the way. The first mistake ends it.
import type { Expr, Issue, ListExpr, MapExpr, StructExpr } from "./ast.ts";
import { NodeBuilder } from "./build.ts";
import { LARGEST_INT, SyntaxIssue, type Token, tokenize } from "./lexer.ts";
import { expandMacro } from "./macros.ts";
import { codePointCount } from "./runtime-cost.ts";

/** Words that are no identifiers: the language's own, and those kept for languages CEL is embedded in. */
const RESERVED = new Set("as break const continue else for function if import let loop package namespace return var void while in true false null".split(" "));
/** Nesting deeper than people write; protects the stack. */
const MAX_DEPTH = 250;
/** Code points of an expression. */
const MAX_LENGTH = 100_000;
const RELATIONS = ["<", "<=", ">=", ">", "==", "!=", "in"];

export type Parsed = { readonly expr: Expr; readonly issue?: undefined } | { readonly issue: Issue };

export function parse(source: string): Parsed {
  const length = codePointCount(source);
  if (length > MAX_LENGTH) return { issue: { offset: 0, message: `expression code point size exceeds limit: size: ${length}, limit ${MAX_LENGTH}` } };
  try {
    return { expr: new Parser(tokenize(source)).whole() };
  } catch (error) {
    if (error instanceof SyntaxIssue) return { issue: { offset: error.offset, message: error.message } };
    throw error;
  }
}

class Parser {
  private position = 0;
  private depth = 0;
  private readonly build = new NodeBuilder();

  constructor(private readonly tokens: readonly Token[]) {}

  whole(): Expr {
    const expr = this.expr();
    if (this.token().kind !== "end") this.unexpected("<EOF>");
    return expr;
  }

  private expr(): Expr {
    if (++this.depth > MAX_DEPTH) throw new SyntaxIssue(this.token().offset, `expression recursion limit exceeded: ${MAX_DEPTH}`);
    const condition = this.or();
    let expr = condition;
    const { offset } = this.token();
    if (this.accept("?")) {
      const whenTrue = this.or();
      this.expect(":");
      expr = this.build.call(offset, "_?_:_", [condition, whenTrue, this.expr()]);
    }
    this.depth--;
    return expr;
  }
  private or(): Expr {
    return this.logical("||", () => this.and());
  }
  private and(): Expr {
    return this.logical("&&", () => this.relation());
  }
  /** Long chains are split in the middle, so that they nest shallowly. */
  private logical(symbol: string, operand: () => Expr): Expr {
    const terms = [operand()];
    const offsets: number[] = [];
    while (this.token().text === symbol && this.token().kind === "symbol") {
      offsets.push(this.next().offset);
      terms.push(operand());
    }
    const balance = (from: number, to: number): Expr => {
      const single = terms[from];
      if (from === to && single !== undefined) return single;
      const middle = (from + to) >> 1;
      return this.build.call(offsets[middle] ?? 0, `_${symbol}_`, [balance(from, middle), balance(middle + 1, to)]);
    };
    return balance(0, terms.length - 1);
  }
  private relation(): Expr {
    return this.leftToRight(RELATIONS, () => this.sum());
  }
  private sum(): Expr {
    return this.leftToRight(["+", "-"], () => this.product());
  }
  private product(): Expr {
    return this.leftToRight(["*", "/", "%"], () => this.unary());
  }
  private leftToRight(symbols: readonly string[], operand: () => Expr): Expr {
    let left = operand();
    while (symbols.includes(this.token().text) && this.token().kind !== "literal") {
      const { text, offset } = this.next();
      left = this.build.call(offset, text === "in" ? "@in" : `_${text}_`, [left, operand()]);
    }
    return left;
  }

  private unary(): Expr {
    const { text, offset, kind } = this.token();
    if (kind !== "symbol" || (text !== "!" && text !== "-")) return this.member();
    let count = 0;
    while (this.isSymbol(text)) {
      const after = this.tokens[this.position + 1];
      if (text === "-" && after?.kind === "literal" && (typeof after.value === "bigint" || typeof after.value === "number")) break;
      this.position++;
      count++;
    }
    const operand = this.member();
    return count % 2 === 0 ? operand : this.build.call(offset, text === "!" ? "!_" : "-_", [operand]);
  }

  private member(): Expr {
    let expr = this.primary();
    while (true) {
      const { offset } = this.token();
      if (this.accept(".")) {
        const optional = this.accept("?");
        const field = this.fieldName();
        if (optional) expr = this.build.call(offset, "_?._", [expr, this.build.const(offset, field)]);
        else if (this.isSymbol("(")) expr = this.callOf(this.next().offset, field, expr);
        else expr = this.build.select(offset, expr, field);
      } else if (this.isSymbol("[") || this.isSymbol("[?")) {
        const name = this.next().text === "[" ? "_[_]" : "_[?_]";
        const index = this.expr();
        this.expect("]");
        expr = this.build.call(offset, name, [expr, index]);
      } else if (this.isSymbol("{") && qualifiedName(expr) !== undefined) {
        expr = this.struct(qualifiedName(expr) ?? "");
      } else return expr;
    }
  }

  private primary(): Expr {
    const token = this.next();
    if (token.kind === "literal") {
      if (typeof token.value === "bigint" && token.value > LARGEST_INT) throw new SyntaxIssue(token.offset, "invalid int literal");
      return this.build.const(token.offset, token.value);
    }
    if (token.kind === "symbol") return this.bracketed(token);
    if (token.kind === "ident") return this.named(token.text, token.offset);
    return unexpected(token, "an expression");
  }

  private bracketed(token: Token): Expr {
    if (token.text === "(") {
      const expr = this.expr();
      this.expect(")");
      return expr;
    }
    if (token.text === "[" || token.text === "[?") return this.list(token.offset, token.text === "[?");
    if (token.text === "{") return this.map(token.offset);
    if (token.text === ".") {
      const name = this.next();
      if (name.kind === "ident") return this.named(`.${name.text}`, name.offset);
    }
    const number = this.token();
    if (token.text === "-" && number.kind === "literal" && (typeof number.value === "bigint" || typeof number.value === "number")) {
      this.position++;
      return this.build.const(token.offset, -number.value);
    }
    return unexpected(token, "an expression");
  }

  private named(name: string, offset: number): Expr {
    if (name === "true" || name === "false") return this.build.const(offset, name === "true");
    if (name === "null") return this.build.const(offset, null);
    if (RESERVED.has(name)) throw new SyntaxIssue(offset, `reserved identifier: ${name}`);
    if (this.isSymbol("(")) return this.callOf(this.next().offset, name, undefined);
    return this.build.ident(offset, name);
  }

  private callOf(offset: number, name: string, target: Expr | undefined): Expr {
    const args: Expr[] = [];
    while (!this.isSymbol(")")) {
      args.push(this.expr());
      if (!this.accept(",")) break;
      if (this.isSymbol(")")) this.unexpected("an expression");
    }
    this.expect(")");
    return expandMacro(this.build, offset, name, target, args) ?? this.build.call(offset, name, args, target);
  }

  private list(offset: number, startsOptional: boolean): Expr {
    const elements: ListExpr["elements"][number][] = [];
    let optional = startsOptional;
    while (!this.isSymbol("]")) {
      optional = this.accept("?") || optional;
      elements.push({ value: this.expr(), optional });
      optional = false;
      if (!this.accept(",")) break;
    }
    this.expect("]");
    return this.build.list(offset, elements);
  }
  private map(offset: number): Expr {
    const entries: MapExpr["entries"][number][] = [];
    while (!this.isSymbol("}")) {
      const optional = this.accept("?");
      const key = this.expr();
      this.expect(":");
      entries.push({ key, value: this.expr(), optional });
      if (!this.accept(",")) break;
    }
    this.expect("}");
    return this.build.map(offset, entries);
  }
  private struct(typeName: string): Expr {
    const { offset } = this.next();
    const fields: StructExpr["fields"][number][] = [];
    while (!this.isSymbol("}")) {
      const optional = this.accept("?");
      const at = this.token().offset;
      const name = this.fieldName();
      this.expect(":");
      fields.push({ name, value: this.expr(), optional, offset: at });
      if (!this.accept(",")) break;
    }
    this.expect("}");
    return this.build.struct(offset, typeName, fields);
  }

  private fieldName(): string {
    const token = this.token();
    if ((token.kind !== "ident" && token.kind !== "escaped") || ["in", "true", "false", "null"].includes(token.text)) this.unexpected("IDENTIFIER");
    this.position++;
    return token.text;
  }
  private token(): Token {
    return this.tokens[this.position] ?? { kind: "end", text: "<EOF>", offset: 0 };
  }
  private next(): Token {
    const token = this.token();
    if (token.kind !== "end") this.position++;
    return token;
  }
  private isSymbol(text: string): boolean {
    return this.token().kind === "symbol" && this.token().text === text;
  }
  private accept(text: string): boolean {
    if (!this.isSymbol(text)) return false;
    this.position++;
    return true;
  }
  private expect(text: string): void {
    if (!this.accept(text)) this.unexpected(`'${text}'`);
  }
  private unexpected(expected: string): never {
    return unexpected(this.token(), expected);
  }
}

function unexpected({ text, offset }: Token, expected: string): never {
  throw new SyntaxIssue(offset, `mismatched input '${text}' expecting ${expected}`);
}

/** `a.b.c` when the expression is nothing but names. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === "ident") return expr.name;
  if (expr.kind !== "select" || expr.testOnly) return undefined;
  const operand = qualifiedName(expr.operand);
  return operand === undefined ? undefined : `${operand}.${expr.field}`;
}
