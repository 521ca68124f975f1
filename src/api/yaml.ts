// YAML bodies to values, as Kubernetes reads them: YAML 1.1 booleans and octals, but no base-60 numbers, and points in time stay
// text (https://yaml.org/spec/1.1/). One document; aliases and nesting are bounded, so a small body cannot grow without limit.
import { Composer, type Document, isScalar, Lexer, LineCounter, type Pair, Parser, type Tags, visit } from "yaml";
import { decodeText, JsonSyntaxError, MAX_DEPTH, parseJson } from "./json.ts";

export interface ParsedYaml {
  readonly value: unknown;
  /** What strict decoding complains of: keys that stand twice, with their lines. */
  readonly problems: readonly string[];
}

/** How many nodes aliases may add up to. */
const MAX_ALIASES = 100;

/** Parses one YAML document, a text or its UTF-8 bytes. Throws `JsonSyntaxError` on what is no YAML. */
export function parseYaml(source: string | Uint8Array): ParsedYaml {
  const text = typeof source === "string" ? source : decodeText(source);
  return parseAsJson(text) ?? parseAsYaml(text);
}

/**
 * JSON is YAML, and what programs send: its own parser is fifty times as fast. Undefined for what is no JSON, and for keys that
 * stand twice, whose lines the YAML parser knows.
 */
function parseAsJson(text: string): ParsedYaml | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const { value, duplicates } = parseJson(text, true);
    return duplicates.size === 0 ? { value, problems: [] } : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

function parseAsYaml(text: string): ParsedYaml {
  const lines = new LineCounter();
  const document = compose(text, lines);
  const [error] = document.errors;
  if (error !== undefined) throw new JsonSyntaxError(`yaml: line ${lines.linePos(error.pos[0]).line}: ${error.message}`);
  const problems: string[] = [];
  visit(document, {
    Map: (_key, map) => {
      problems.push(...duplicateKeys(map.items, lines));
    },
  });
  try {
    return { value: plain(document.toJS({ maxAliasCount: MAX_ALIASES })), problems };
  } catch (failure) {
    if (failure instanceof ReferenceError || failure instanceof RangeError) throw new JsonSyntaxError("yaml: document contains excessive aliasing");
    throw failure;
  }
}

/**
 * The document's nodes. The composer descends by recursion, and so do all walks after it: the parser, whose stack is a list, is
 * stopped before they could overflow theirs.
 */
function compose(text: string, lines: LineCounter): Document.Parsed {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    // The document itself is one level.
    if (parser.stack.length > MAX_DEPTH + 1) throw new JsonSyntaxError("exceeded max depth");
  }
  tokens.push(...parser.end());
  const composer = new Composer({ version: "1.1", uniqueKeys: false, customTags: kubernetesTags, prettyErrors: false, logLevel: "error" });
  const [document, another] = composer.compose(tokens, true, text.length);
  if (document === undefined || another !== undefined) throw new JsonSyntaxError("yaml: one document is expected");
  return document as Document.Parsed;
}

function kubernetesTags(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag !== "object" || (tag.tag !== "tag:yaml.org,2002:timestamp" && !("format" in tag && tag.format === "TIME")));
}

function duplicateKeys(items: readonly Pair[], lines: LineCounter): string[] {
  const seen = new Set<unknown>();
  const found: string[] = [];
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    if (seen.has(key.value)) found.push(`line ${lines.linePos(key.range?.[0] ?? 0).line}: key ${JSON.stringify(String(key.value))} already set in map`);
    seen.add(key.value);
  }
  return found;
}

/** Whatever a YAML document can hold that JSON cannot becomes what JSON has for it; sharing by aliases is lifted. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value === undefined ? null : value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (value instanceof Date) return value.toISOString();
  const entries = value instanceof Map ? [...value] : value instanceof Set ? [...value].map((key) => [key, null] as const) : Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [String(key), plain(item)]));
}
