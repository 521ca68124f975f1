import fc from "fast-check";
import { expect, it } from "vitest";
import { FieldSelector, parseFieldSelector } from "./field-selector.ts";

it("parses the three operators", () => {
  expect(parseFieldSelector("a=1,b==2,,c!=3").requirements).toEqual([
    { field: "a", operator: "=", value: "1" },
    { field: "b", operator: "=", value: "2" },
    { field: "c", operator: "!=", value: "3" },
  ]);
});

it("compares with the empty text where a field is not set", () => {
  expect(parseFieldSelector("spec.nodeName=").matches(() => "")).toBe(true);
  expect(parseFieldSelector("spec.nodeName!=").matches(() => "n")).toBe(true);
});

it.each([
  ["metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
  ["a=\\b", "invalid field selector: invalid escape sequence: \\b"],
  ["a=b=c", "invalid field selector: unescaped character in value: 61"],
  ["a=b\\", "invalid field selector: invalid escape sequence: \\"],
])("refuses %s", (text, message) => {
  expect(() => parseFieldSelector(text)).toThrow(message);
});

it("prints what parses to the same selector", () => {
  const requirement = fc.record({ field: fc.stringMatching(/^[a-z.]+$/), operator: fc.constantFrom("=" as const, "!=" as const), value: fc.string() });
  fc.assert(
    fc.property(fc.array(requirement), (requirements) => {
      expect(parseFieldSelector(new FieldSelector(requirements).toString()).requirements).toEqual(requirements);
    }),
  );
});
