import fc from "fast-check";
import { expect, it } from "vitest";
import { formatJson, MAX_DEPTH, parseJson } from "./json.ts";

it("reads any JSON as the engine does", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseJson(text, true).value).toEqual(JSON.parse(text));
      expect(parseJson(text).value).toEqual(JSON.parse(text));
    }),
  );
});

it("refuses exactly what the engine refuses", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."{}[]:,\"\\u0aetrulns-.1 \n\t'") }), (text) => {
      const outcome = (parse: () => unknown): boolean => {
        try {
          parse();
          return true;
        } catch {
          return false;
        }
      };
      expect(outcome(() => parseJson(text, true))).toBe(outcome(() => JSON.parse(text)));
    }),
  );
});

it("reports keys that stand twice and keeps the last", () => {
  const { value, duplicates } = parseJson('{"a":1,"b":{"c":1,"c":2,"c":3},"a":4}', true);
  expect(value).toEqual({ b: { c: 3 }, a: 4 });
  expect(Object.keys(value as object)).toEqual(["b", "a"]);
  expect(duplicates.get(value as object)).toEqual(["a"]);
  expect(duplicates.get((value as { b: object }).b)).toEqual(["c"]);
});

it("takes __proto__ for a key like any other", () => {
  for (const strict of [true, false]) {
    const { value } = parseJson('{"__proto__":{"admin":true}}', strict);
    expect(Object.keys(value as object)).toEqual(["__proto__"]);
    expect((value as { admin?: boolean }).admin).toBeUndefined();
    expect(formatJson(value)).toBe('{"__proto__":{"admin":true}}');
  }
});

it("carries integers beyond 2^53 exactly", () => {
  const text = '{"nanos":1763712000123456789,"list":[-9223372036854775808,1.5,"x"]}';
  expect(formatJson(parseJson(text).value)).toBe(text);
});

it("bounds the nesting", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  expect(() => parseJson(nested(MAX_DEPTH))).not.toThrow();
  for (const strict of [true, false]) expect(() => parseJson(nested(MAX_DEPTH + 1), strict)).toThrow("exceeded max depth");
  expect(() => parseJson("[".repeat(1_000_000))).toThrow("exceeded max depth");
});

it.each([
  ["", "unexpected end of JSON input"],
  ["x", "invalid character 'x' looking for beginning of value"],
  ["{a:1}", "invalid character 'a' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ["[1 2]", "invalid character '2' after array element"],
  ["1 2", "invalid character '2' after top-level value"],
  ["nul1", "invalid character '1' in literal null (expecting 'l')"],
])("words the failure of %j", (text, message) => {
  expect(() => parseJson(text)).toThrow(message);
});

it("refuses bytes that are no UTF-8 rather than to replace them", () => {
  const bytes = Uint8Array.of(0x22, 0xff, 0xfe, 0x22);
  for (const strict of [true, false]) expect(() => parseJson(bytes, strict)).toThrow("not valid UTF-8");
});
