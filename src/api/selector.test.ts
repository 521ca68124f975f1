import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLabelSelector, parseLabelSelector, Selector, selectorFromLabels } from "./selector.ts";
import { isStatus } from "./status-error.ts";

function failure(text: string): string {
  try {
    parseLabelSelector(text);
  } catch (error) {
    if (isStatus(error, "BadRequest")) return error.message;
    throw error;
  }
  return "no failure";
}

describe("parseLabelSelector", () => {
  it.each([
    ["", {}, true],
    ["a=b", { a: "b" }, true],
    ["a==b", { a: "c" }, false],
    ["a=b", {}, false],
    ["a!=b", {}, true],
    ["a!=b", { a: "b" }, false],
    ["a=", { a: "" }, true],
    ["a", { a: "x" }, true],
    ["!a", { a: "x" }, false],
    ["! a", {}, true],
    ["x in (foo,,baz),y,z notin ()", { x: "", y: "1", z: "2" }, true],
    ["x in (foo,,baz),y,z notin ()", { x: "", y: "1", z: "" }, false],
    ["x in (in,notin)", { x: "notin" }, true],
    ["in in (a)", { in: "a" }, true],
    ["n>1,n<10", { n: "5" }, true],
    ["n>1", { n: "one" }, false],
    ["n>9007199254740993", { n: "9007199254740994" }, true],
    ["constructor", {}, false],
  ])("%s on %j: %s", (text, labels, expected) => {
    expect(parseLabelSelector(text).matches(labels as unknown as Record<string, string>)).toBe(expected);
  });

  it.each([
    ["a,", "found '', expected: identifier after ','"],
    [",", "found ',', expected: !, identifier, or 'end of string'"],
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a in b", "unable to parse requirement: found 'b' expected: '('"],
    ["a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ["a=b=c", "found '=', expected: ',' or 'end of string'"],
    ["a=!", "unable to parse requirement: found '!', expected: identifier"],
    ["n>x", `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`],
  ])("refuses %s", (text, message) => {
    expect(failure(text)).toBe(message);
  });

  it("refuses keys and values that can be no labels", () => {
    expect(failure("a?=b")).toMatch(/^unable to parse requirement: <nil>: Invalid value: "a\?": name part must consist of/);
    expect(failure("a=b?")).toMatch(/^unable to parse requirement: values\[0\]\[a\]: Invalid value: "b\?": a valid label must be/);
  });

  it("prints what parses to the same selector", () => {
    const word = fc.stringMatching(/^[a-z]([a-z0-9]{0,5})$/);
    const requirement = fc.oneof(
      word,
      word.map((key) => `!${key}`),
      fc.tuple(word, fc.constantFrom("=", "==", "!="), word).map((parts) => parts.join("")),
      fc
        .tuple(word, fc.constantFrom(" in ", " notin "), fc.array(word, { minLength: 1, maxLength: 3 }))
        .map(([key, operator, values]) => `${key}${operator}(${values})`),
      fc.tuple(word, fc.constantFrom(">", "<"), fc.nat()).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 5 }), (requirements) => {
        const selector = parseLabelSelector(requirements.join(","));
        expect(parseLabelSelector(selector.toString()).requirements).toEqual(selector.requirements);
      }),
    );
  });

  it("never fails otherwise than with a BadRequest", () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."ab=!(),<> innot.") }), (text) => failure(text) !== undefined));
  });
});

describe("compileLabelSelector", () => {
  it("selects nothing when absent and everything when empty", () => {
    expect(compileLabelSelector(undefined).matches({})).toBe(false);
    expect(compileLabelSelector({}).matches({ a: "b" })).toBe(true);
  });
  it("joins labels and expressions", () => {
    const selector = compileLabelSelector({
      matchLabels: { b: "1" },
      matchExpressions: [
        { key: "a", operator: "NotIn", values: ["z", "y"] },
        { key: "c", operator: "Exists" },
      ],
    });
    expect(selector.toString()).toBe("a notin (y,z),b=1,c");
    expect(selector.matches({ b: "1", c: "" })).toBe(true);
    expect(selector.matches({ a: "y", b: "1", c: "" })).toBe(false);
    expect(selector.exactValue("b")).toBe("1");
  });
  it("names an unknown operator", () => {
    expect(() => compileLabelSelector({ matchExpressions: [{ key: "a", operator: "Like" }] })).toThrow('"Like" is not a valid label selector operator');
  });
});

it("selects by a plain set of labels", () => {
  expect(selectorFromLabels({ b: "2", a: "1" }).toString()).toBe("a=1,b=2");
  expect(Selector.nothing.isEmpty).toBe(false);
});
