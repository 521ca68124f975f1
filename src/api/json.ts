// JSON text to values (RFC 8259). Where strictness is asked for, a parser of our own reports keys that stand twice in an object;
// otherwise the engine's parser is used, unless the text holds an integer that a double cannot carry.
//
// Invariants: `__proto__` is a key like any other. An integer that a double cannot carry becomes a bigint. The nesting is bounded, so
// that no later walk can overflow the stack. The last of several equal keys wins and stands last.

/** Deep enough for every object there is (upstream stops at 10,000), small enough for recursive walks. */
export const MAX_DEPTH = 1000;

/** A text that is no JSON, or is nested too deeply. The message is worded as Go's, which clients show. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
}

/** Objects in which keys stood twice, and those keys. */
export type DuplicateKeys = ReadonlyMap<object, readonly string[]>;

export interface ParsedJson {
  readonly value: unknown;
  /** Empty unless asked for. */
  readonly duplicates: DuplicateKeys;
}

const NO_DUPLICATES: DuplicateKeys = new Map();
const decoder = new TextDecoder("utf-8", { fatal: true });
/** Digits beyond which a number is read as a double: far past int64, and conversion stays cheap. */
const LONGEST_INTEGER = 40;
const LONG_NUMBER = /[0-9]{16}/;

/** Throws `JsonSyntaxError` for bytes that are no UTF-8: nothing that was sent is replaced in silence. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new JsonSyntaxError("the text is not valid UTF-8");
  }
}

/** Parses a text or its UTF-8 bytes. With `findDuplicates` keys that stand twice are reported. */
export function parseJson(source: string | Uint8Array, findDuplicates = false): ParsedJson {
  const text = typeof source === "string" ? source : decodeText(source);
  if (findDuplicates || LONG_NUMBER.test(text)) return new JsonParser(text).parse();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Only our own parser words the failure as clients know it.
    return new JsonParser(text).parse();
  }
  if (deeperThan(value, MAX_DEPTH)) throw tooDeep();
  return { value, duplicates: NO_DUPLICATES };
}

function deeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth === 0) return true;
  for (const key in value) if (deeperThan((value as Record<string, unknown>)[key], depth - 1)) return true;
  return false;
}

function tooDeep(): JsonSyntaxError {
  return new JsonSyntaxError("exceeded max depth");
}

/** JSON text of a value; bigints are written as the integers they are. */
export function formatJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return formatWithBigints(value);
  }
}

function formatWithBigints(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(formatWithBigints).join(",")}]`;
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${formatWithBigints(item)}`).join(",")}}`;
}

/** Sets an own property, whatever its name. */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** The duplicates that `parseJson` found in `value`, as problems: `duplicate field "data.a"`. */
export function duplicateFields(value: unknown, duplicates: DuplicateKeys, path = ""): string[] {
  if (duplicates.size === 0 || typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => duplicateFields(item, duplicates, `${path}[${index}]`));
  const own = duplicates.get(value) ?? [];
  return Object.entries(value).flatMap(([key, item]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return [...(own.includes(key) ? [`duplicate field ${JSON.stringify(at)}`] : []), ...duplicateFields(item, duplicates, at)];
  });
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
/** Half of a character is none. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class JsonParser {
  readonly #text: string;
  #position = 0;
  #duplicates: Map<object, string[]> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): ParsedJson {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#position < this.#text.length) throw this.#unexpected("after top-level value");
    return { value, duplicates: this.#duplicates ?? NO_DUPLICATES };
  }

  #value(depth: number): unknown {
    this.#skipSpace();
    switch (this.#text[this.#position]) {
      case "{":
        return this.#object(depth + 1);
      case "[":
        return this.#array(depth + 1);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): Record<string, unknown> {
    if (depth > MAX_DEPTH) throw tooDeep();
    const object: Record<string, unknown> = {};
    this.#position++;
    this.#skipSpace();
    if (this.#accept("}")) return object;
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#position] !== '"') throw this.#unexpected("looking for beginning of object key string");
      const key = this.#string();
      this.#skipSpace();
      if (!this.#accept(":")) throw this.#unexpected("after object key");
      const value = this.#value(depth);
      if (Object.hasOwn(object, key)) {
        this.#remember(object, key);
        delete object[key];
      }
      setOwn(object, key, value);
      this.#skipSpace();
      if (this.#accept("}")) return object;
      if (!this.#accept(",")) throw this.#unexpected("after object key:value pair");
    }
  }

  #remember(object: object, key: string): void {
    this.#duplicates ??= new Map();
    const keys = this.#duplicates.get(object) ?? [];
    if (!keys.includes(key)) keys.push(key);
    this.#duplicates.set(object, keys);
  }

  #array(depth: number): unknown[] {
    if (depth > MAX_DEPTH) throw tooDeep();
    const items: unknown[] = [];
    this.#position++;
    this.#skipSpace();
    if (this.#accept("]")) return items;
    for (;;) {
      items.push(this.#value(depth));
      this.#skipSpace();
      if (this.#accept("]")) return items;
      if (!this.#accept(",")) throw this.#unexpected("after array element");
    }
  }

  #string(): string {
    const start = ++this.#position;
    for (let at = start; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#position = at + 1;
        return this.#text.slice(start, at);
      }
      if (code === 0x5c) return this.#escapedString(start, at);
      if (code < 0x20) {
        this.#position = at;
        throw this.#unexpected("in string literal");
      }
    }
    throw new JsonSyntaxError("unexpected end of JSON input");
  }

  /** The rest of a string from its first backslash on. */
  #escapedString(start: number, firstEscape: number): string {
    let result = this.#text.slice(start, firstEscape);
    this.#position = firstEscape;
    for (;;) {
      const char = this.#text[this.#position];
      if (char === undefined) throw new JsonSyntaxError("unexpected end of JSON input");
      if (char < " ") throw this.#unexpected("in string literal");
      this.#position++;
      if (char === '"') return result.replaceAll(LONE_SURROGATE, "\ufffd");
      result += char === "\\" ? this.#escape() : char;
    }
  }

  #escape(): string {
    const char = this.#text[this.#position] ?? "";
    if (char === "u") {
      const digits = this.#text.slice(this.#position + 1, this.#position + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#unexpected("in \\u hexadecimal character escape");
      this.#position += 5;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const plain = ESCAPES[char];
    if (plain === undefined) throw this.#unexpected("in string escape code");
    this.#position++;
    return plain;
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#position;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#unexpected("looking for beginning of value");
    this.#position = NUMBER.lastIndex;
    const value = Number(match[0]);
    const isInteger = match[1] === undefined && match[2] === undefined;
    if (!isInteger || Number.isSafeInteger(value) || match[0].length > LONGEST_INTEGER) return value;
    return String(value) === match[0] ? value : BigInt(match[0]);
  }

  #word(word: string, value: boolean | null): boolean | null {
    for (const char of word) if (!this.#accept(char)) throw this.#unexpected(`in literal ${word} (expecting '${char}')`);
    return value;
  }

  #accept(char: string): boolean {
    if (this.#text[this.#position] !== char) return false;
    this.#position++;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#position++;
    }
  }

  #unexpected(where: string): JsonSyntaxError {
    const char = this.#text[this.#position];
    if (char === undefined) return new JsonSyntaxError("unexpected end of JSON input");
    return new JsonSyntaxError(`invalid character ${char === "'" ? "'\\''" : `'${char}'`} ${where}`);
  }
}
