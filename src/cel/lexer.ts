// Text to tokens, by the lexical rules of https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax. Offsets count
// code points.
import { Uint, type Value } from "./values.ts";

export type Token =
  | { readonly kind: "ident" | "escaped" | "symbol" | "end"; readonly text: string; readonly offset: number }
  | { readonly kind: "literal"; readonly text: string; readonly offset: number; readonly value: Value };

export class SyntaxIssue extends Error {
  override readonly name = "SyntaxIssue";
  constructor(
    readonly offset: number,
    message: string,
  ) {
    super(`Syntax error: ${message}`);
  }
}

const SYMBOLS = ["==", "!=", "<=", ">=", "&&", "||", "[?", "<", ">", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "!", "-", "+", "*", "/", "%"];
const NUMBER = /(?:0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+[uU]?)/y;
const IDENT = /[A-Za-z_][A-Za-z0-9_]*/y;
const STRING_START = /(?:[rR][bB]?|[bB][rR]?)?(?:"""|'''|"|')/y;
const BLANK = /(?:[ \t\r\n\f]+|\/\/[^\n]*)+/y;
const ESCAPED_IDENT = /`([A-Za-z0-9_.\-/ ]+)`/y;
export const LARGEST_INT = 2n ** 63n - 1n;
export const SMALLEST_INT = -(2n ** 63n);
export const LARGEST_UINT = 2n ** 64n - 1n;
const SIMPLE_ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, "\\": 92, "'": 39, '"': 34, "`": 96, "?": 63 };

export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const hasAstral = /[\u{10000}-\u{10ffff}]/u.test(source);
  const offsetOf = (index: number): number => (hasAstral ? [...source.slice(0, index)].length : index);
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  while (true) {
    at += take(BLANK)?.[0].length ?? 0;
    const offset = offsetOf(at);
    if (at >= source.length) {
      tokens.push({ kind: "end", text: "<EOF>", offset });
      return tokens;
    }
    const opening = take(STRING_START)?.[0];
    const found = opening === undefined ? take(NUMBER)?.[0] : undefined;
    const name = take(IDENT)?.[0];
    const escaped = take(ESCAPED_IDENT);
    const symbol = SYMBOLS.find((text) => source.startsWith(text, at));
    if (opening !== undefined) {
      const { value, end } = readString(source, at, opening, offset);
      tokens.push({ kind: "literal", text: source.slice(at, end), offset, value });
      at = end;
    } else if (found !== undefined) {
      tokens.push({ kind: "literal", text: found, offset, value: readNumber(found, offset, tokens.at(-1)) });
      at += found.length;
    } else if (name !== undefined) {
      tokens.push({ kind: "ident", text: name, offset });
      at += name.length;
    } else if (escaped !== null) {
      tokens.push({ kind: "escaped", text: escaped[1] ?? "", offset });
      at += escaped[0].length;
    } else if (symbol !== undefined) {
      tokens.push({ kind: "symbol", text: symbol, offset });
      at += symbol.length;
    } else {
      throw new SyntaxIssue(offset, `token recognition error at: '${String.fromCodePoint(source.codePointAt(at) ?? 0)}'`);
    }
  }
}

function readNumber(text: string, offset: number, before: Token | undefined): Value {
  if (/^0[xX]/.test(text) || /^[0-9]+[uU]?$/.test(text)) {
    const unsigned = /[uU]$/.test(text);
    const digits = unsigned ? text.slice(0, -1) : text;
    const value = BigInt(digits);
    if (unsigned) {
      if (value > LARGEST_UINT) throw new SyntaxIssue(offset, "invalid uint literal");
      return new Uint(value);
    }
    // The smallest int is only written with its sign; the parser refuses it without.
    if (value > LARGEST_INT && !(value === -SMALLEST_INT && before?.text === "-")) throw new SyntaxIssue(offset, "invalid int literal");
    return value;
  }
  const value = Number(text);
  if (!Number.isFinite(value)) throw new SyntaxIssue(offset, "invalid double literal");
  return value;
}

function readString(source: string, start: number, opening: string, offset: number): { value: Value; end: number } {
  const prefix = opening.replace(/["']/g, "").toLowerCase();
  const quote = opening.slice(prefix.length);
  const [raw, bytes] = [prefix.includes("r"), prefix.includes("b")];
  const pieces: (string | number)[] = [];
  let at = start + opening.length;
  while (!source.startsWith(quote, at)) {
    const point = source.codePointAt(at);
    if (point === undefined || (quote.length === 1 && (point === 10 || point === 13))) {
      throw new SyntaxIssue(offset, `token recognition error at: '${source.slice(start, at)}'`);
    }
    if (point === 92 && raw) {
      // Raw: the backslash stays, and what it stands before does not end the text.
      const next = source.slice(at + 1, at + 2);
      pieces.push(`\\${next}`);
      at += 1 + next.length;
    } else if (point === 92) {
      const { piece, length } = readEscape(source, at, bytes, offset);
      pieces.push(piece);
      at += length;
    } else if (point === 13 && source[at + 1] === "\n") {
      pieces.push("\n");
      at += 2;
    } else {
      const character = String.fromCodePoint(point);
      pieces.push(character);
      at += character.length;
    }
  }
  const end = at + quote.length;
  if (!bytes) return { value: pieces.map((piece) => (typeof piece === "number" ? String.fromCodePoint(piece) : piece)).join(""), end };
  const encoder = new TextEncoder();
  return { value: Uint8Array.from(pieces.flatMap((piece) => (typeof piece === "number" ? [piece] : [...encoder.encode(piece)]))), end };
}

/** One escape: text, or a code point (in bytes: an octet) by number. */
function readEscape(source: string, at: number, bytes: boolean, offset: number): { piece: string | number; length: number } {
  const simple = SIMPLE_ESCAPES[source[at + 1] ?? ""];
  if (simple !== undefined) return { piece: String.fromCodePoint(simple), length: 2 };
  const match = /^\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(source.slice(at, at + 10));
  const [hex, unicode, octal] = [match?.[1], match?.[2] ?? match?.[3], match?.[4]];
  const code = octal !== undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex ?? unicode ?? "", 16);
  const wrong = match === null || Number.isNaN(code) || (unicode !== undefined && (bytes || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)));
  if (wrong) throw new SyntaxIssue(offset, `token recognition error at: '${source.slice(at, at + 2)}'`);
  return { piece: code, length: match[0].length };
}
