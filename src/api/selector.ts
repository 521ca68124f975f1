// Label selectors: the text form of query parameters and the LabelSelector objects of specs, both compiled to one `Selector`
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors). Error texts are Kubernetes' own.

import { type FieldError, FieldPath, fieldErrorText, invalid } from "./field-errors.ts";
import type { LabelSelector } from "./generated/types.ts";
import { checkLabelValue, checkQualifiedName } from "./names.ts";
import { badRequestError, type StatusError } from "./status-error.ts";

export type SelectorOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

/** One condition. `values` is sorted, without repetitions; empty for `exists` and `!`. */
export interface SelectorRequirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}

export type LabelSet = Readonly<Record<string, string>>;

/** A conjunction of requirements, in the order of their keys. Immutable. */
export class Selector {
  readonly requirements: readonly SelectorRequirement[];
  /** Matches nothing at all, whatever the requirements. */
  readonly matchesNothing: boolean;

  constructor(requirements: readonly SelectorRequirement[], matchesNothing = false) {
    this.requirements = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    this.matchesNothing = matchesNothing;
  }

  static readonly everything = new Selector([]);
  static readonly nothing = new Selector([], true);

  /** True when every set of labels matches. */
  get isEmpty(): boolean {
    return !this.matchesNothing && this.requirements.length === 0;
  }

  matches(labels: LabelSet | undefined): boolean {
    if (this.matchesNothing) return false;
    for (const requirement of this.requirements) {
      if (!requirementMatches(requirement, labelOf(labels, requirement.key))) return false;
    }
    return true;
  }

  /** The one value that label `key` must have, when the selector says so: what an index can use. */
  exactValue(key: string): string | undefined {
    for (const { key: own, operator, values } of this.requirements) {
      if (own === key && (operator === "=" || operator === "==" || operator === "in") && values.length === 1) return values[0];
    }
    return undefined;
  }

  toString(): string {
    return this.requirements.map(requirementText).join(",");
  }
}

function labelOf(labels: LabelSet | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function requirementMatches({ operator, values }: SelectorRequirement, label: string | undefined): boolean {
  switch (operator) {
    case "=":
    case "==":
    case "in":
      return label !== undefined && values.includes(label);
    case "!=":
    case "notin":
      return label === undefined || !values.includes(label);
    case "exists":
      return label !== undefined;
    case "!":
      return label === undefined;
    case "gt":
    case "lt": {
      const have = label === undefined ? undefined : parseInt64(label);
      const bound = parseInt64(values[0] ?? "");
      if (have === undefined || bound === undefined) return false;
      return operator === "gt" ? have > bound : have < bound;
    }
  }
}

function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined;
}

function requirementText({ key, operator, values }: SelectorRequirement): string {
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${values.join(",")})`;
    case "gt":
      return `${key}>${values[0] ?? ""}`;
    case "lt":
      return `${key}<${values[0] ?? ""}`;
    default:
      return `${key}${operator}${values[0] ?? ""}`;
  }
}

/** Parses the text form. Throws a BadRequest whose message says what was found and expected. */
export function parseLabelSelector(text: string): Selector {
  return text === "" ? Selector.everything : new Selector(new SelectorParser(text).parse());
}

/** The selector of exactly these labels; no labels select everything. Values are not validated. */
export function selectorFromLabels(labels: LabelSet | undefined): Selector {
  return new Selector(Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: "=", values: [value] })));
}

const compiled = new WeakMap<LabelSelector, Selector>();

/** The selector of a LabelSelector object: absent selects nothing, empty selects everything. Throws a BadRequest on what validation would refuse. */
export function compileLabelSelector(selector: LabelSelector | undefined | null): Selector {
  if (selector === undefined || selector === null) return Selector.nothing;
  const known = compiled.get(selector);
  if (known !== undefined) return known;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => checkedRequirement(key, "=", [value]));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const own = OBJECT_OPERATORS.get(operator);
    if (own === undefined) throw badRequestError(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(checkedRequirement(key, own, values ?? []));
  }
  const result = new Selector(requirements);
  compiled.set(selector, result);
  return result;
}

const OBJECT_OPERATORS: ReadonlyMap<string, SelectorOperator> = new Map([
  ["In", "in"],
  ["NotIn", "notin"],
  ["Exists", "exists"],
  ["DoesNotExist", "!"],
]);

/** Tells whether a LabelSelector object selects these labels. */
export function labelSelectorMatches(selector: LabelSelector | undefined | null, labels: LabelSet | undefined): boolean {
  return compileLabelSelector(selector).matches(labels);
}

/** The text form of a LabelSelector object, as `/scale` shows it. */
export function labelSelectorText(selector: LabelSelector | undefined | null): string {
  return compileLabelSelector(selector).toString();
}

function checkedRequirement(key: string, operator: SelectorOperator, given: readonly string[]): SelectorRequirement {
  const errors: FieldError[] = [];
  const keyProblems = checkQualifiedName(key);
  if (keyProblems.length > 0) errors.push(invalid(FieldPath.root("key"), key, keyProblems.join("; ")));
  const values = [...new Set(given)].sort();
  const path = FieldPath.root("values");
  const wrongCount = countProblem(operator, values.length);
  if (wrongCount !== undefined) errors.push(invalid(path, values, wrongCount));
  for (const [position, value] of values.entries()) {
    if ((operator === "gt" || operator === "lt") && parseInt64(value) === undefined) {
      errors.push(invalid(path.index(position), value, "for 'Gt', 'Lt' operators, the value must be an integer"));
    }
    const problems = checkLabelValue(value);
    if (problems.length > 0) errors.push(invalid(path.index(position).key(key), value, problems.join("; ")));
  }
  if (errors.length === 0) return { key, operator, values };
  const texts = errors.map(fieldErrorText);
  throw badRequestError(texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`);
}

function countProblem(operator: SelectorOperator, count: number): string | undefined {
  switch (operator) {
    case "in":
    case "notin":
      return count === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case "exists":
    case "!":
      return count !== 0 ? "values set must be empty for exists and does not exist" : undefined;
    case "gt":
    case "lt":
      return count !== 1 ? "for 'Gt', 'Lt' operators, exactly one value is required" : undefined;
    default:
      return count !== 1 ? "exact-match compatibility requires one single value" : undefined;
  }
}

type TokenType = "identifier" | "end" | ")" | "," | "!" | "==" | "=" | ">" | "<" | "in" | "notin" | "!=" | "(";
interface Token {
  readonly type: TokenType;
  readonly text: string;
}

const SYMBOLS: readonly string[] = [")", ",", "!", "==", "=", ">", "<", "!=", "("];
const BINARY_OPERATORS: ReadonlyMap<TokenType, SelectorOperator> = new Map<TokenType, SelectorOperator>([
  ["in", "in"],
  ["notin", "notin"],
  ["=", "="],
  ["==", "=="],
  ["!=", "!="],
  [">", "gt"],
  ["<", "lt"],
]);
const EXPECTED_OPERATORS = "in, notin, =, ==, !=, gt, lt";
/** No request line is longer than what the server reads, but a selector of a spec might be. */
const MAX_REQUIREMENTS = 10_000;

/** Recursive descent over `key`, `!key`, `key = value`, `key in (a, b)`, separated by commas. */
class SelectorParser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  parse(): SelectorRequirement[] {
    const requirements: SelectorRequirement[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.type === "end") return requirements;
      if (token.type !== "identifier" && token.type !== "!") throw unexpected(token, "!, identifier, or 'end of string'");
      requirements.push(this.#requirement());
      if (requirements.length > MAX_REQUIREMENTS) throw badRequestError(`a selector must not have more than ${MAX_REQUIREMENTS} requirements`);
      const separator = this.#next();
      if (separator.type === "end") return requirements;
      if (separator.type !== ",") throw unexpected(separator, "',' or 'end of string'");
      const following = this.#peek();
      if (following.type !== "identifier" && following.type !== "!") throw unexpected(following, "identifier after ','");
    }
  }

  #requirement(): SelectorRequirement {
    let token = this.#next();
    const negated = token.type === "!";
    if (negated) token = this.#next();
    if (token.type !== "identifier") throw unparsed(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const problems = checkQualifiedName(key);
    if (problems.length > 0) throw unparsed(fieldErrorText(invalid(FieldPath.root("<nil>"), key, problems.join("; "))));
    const after = this.#peek().type;
    if (negated && after !== "end" && after !== ",") throw unparsed(`found '${this.#peek().text}', expected: ',' or 'end of string'`);
    if (after === "end" || after === ",") return { key, operator: negated ? "!" : "exists", values: [] };
    const operatorToken = this.#next(false);
    const operator = BINARY_OPERATORS.get(operatorToken.type);
    if (operator === undefined) throw unparsed(`found '${operatorToken.text}', expected: ${EXPECTED_OPERATORS}`);
    const values = operator === "in" || operator === "notin" ? this.#valueList() : [this.#exactValue()];
    try {
      return checkedRequirement(key, operator, values);
    } catch (error) {
      throw unparsed((error as StatusError).message);
    }
  }

  #exactValue(): string {
    const next = this.#peek();
    if (next.type === "end" || next.type === ",") return "";
    this.#next();
    if (next.type !== "identifier") throw unparsed(`found '${next.text}', expected: identifier`);
    return next.text;
  }

  /** `(a, b)`; an empty place between commas or brackets is the empty value. */
  #valueList(): string[] {
    const open = this.#next();
    if (open.type !== "(") throw unparsed(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    for (;;) {
      const token = this.#next();
      if (token.type === ")") return [...values, ""];
      if (token.type === ",") {
        values.push("");
        continue;
      }
      if (token.type !== "identifier") throw unparsed(`found '${token.text}', expected: ',', ')' or identifier`);
      values.push(token.text);
      const after = this.#next();
      if (after.type === ")") return values;
      if (after.type !== ",") throw unparsed(`found '${after.text}', expected: ',' or ')'`);
    }
  }

  /** `in` and `notin` are operators only where one is expected; elsewhere they are plain words. */
  #peek(asWord = true): Token {
    const token = this.#tokens[this.#position] ?? { type: "end", text: "" };
    return asWord && (token.type === "in" || token.type === "notin") ? { type: "identifier", text: token.text } : token;
  }
  #next(asWord = true): Token {
    const token = this.#peek(asWord);
    this.#position++;
    return token;
  }
}

function unexpected(token: Token, expected: string): StatusError {
  return badRequestError(`found '${token.text}', expected: ${expected}`);
}
function unparsed(why: string): StatusError {
  return badRequestError(`unable to parse requirement: ${why}`);
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const [piece] of text.matchAll(/==|!=|[=!(),<>]|[^=!(),<>\s]+/g)) {
    const isWord = !SYMBOLS.includes(piece) && piece !== "in" && piece !== "notin";
    tokens.push({ type: isWord ? "identifier" : (piece as TokenType), text: piece });
  }
  return tokens;
}
