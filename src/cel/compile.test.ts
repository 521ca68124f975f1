import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AUTHORIZER, type AuthorizationQuestion, authorizerValue, compile, formatType, jsonValue, type Type, type Value } from "./index.ts";
import { BOOL, DYN, INT, listType, mapType, STRING } from "./types.ts";
import { display } from "./values.ts";

const DECLARED: Readonly<Record<string, Type>> = { i: INT, s: STRING, b: BOOL, ints: listType(INT), texts: mapType(STRING, STRING), any: DYN };
const GIVEN: Readonly<Record<string, Value>> = {
  i: 3n,
  s: "text",
  b: true,
  ints: [1n, 2n, 3n],
  texts: jsonValue({ a: "x" }),
  any: jsonValue({ n: 1, l: [1.5] }),
};
const environment = { variables: new Map(Object.entries(DECLARED)) };
const BUDGET = 1_000_000;

/** The value as text, or the error's message, or the mistakes. */
function outcome(expression: string): string {
  const { program, text } = compile(expression, environment);
  if (program === undefined) return text;
  const { value, error } = program.evaluate(GIVEN, BUDGET);
  return value === undefined ? `error: ${error}` : display(value);
}

describe("values", () => {
  it.each([
    ["1 + 2 * 3", "7"],
    ["-7 / 2", "-3"],
    ["-7 % 2", "-1"],
    ["9223372036854775807 + 1", "error: integer overflow"],
    ["-9223372036854775808", "-9223372036854775808"],
    ["-(-9223372036854775808)", "error: integer overflow"],
    ["0u - 1u", "error: unsigned integer overflow"],
    ["1 / 0", "error: division by zero"],
    ["1.0 / 0.0 > 1.0", "true"],
    ["1 < 1.5 && 2u > 1", "true"],
    ["dyn(1) == 1.0 && dyn(1u) == 1", "true"],
    ["size('héllo😀')", "6"],
    ["'a😀b'.substring(1, 2)", "😀"],
    ["'b' in {'a': 1} || 'a' in {'a': 1}", "true"],
    ["1 / 0 == 1 || true", "true"],
    ["false && 1 / 0 == 1", "false"],
    ["[1, 2, 3].all(x, 6 / (2 - x) == 6)", "false"],
    ["ints.exists_one(x, x > 2)", "true"],
    ["ints.filter(x, x > 1).map(x, x * 2)", "[4, 6]"],
    ["ints.map(x, ints.map(y, x * y))", "[[1, 2, 3], [2, 4, 6], [3, 6, 9]]"],
    ["[3, 1, 2].transformMap(at, x, x > 1, at).size()", "2"],
    ["{'a': 1}.transformMapEntry(k, v, {v: k})[1]", "a"],
    ["has(texts.a) && !has(texts.b)", "true"],
    ["texts.b", "error: no such key: b"],
    ["texts.?b.orValue('none')", "none"],
    ["texts[?'a'].optMap(t, t + t).value()", "xx"],
    ["[1, ?optional.none(), 2]", "[1, 2]"],
    ["any.n + 1", "2"],
    ["any.l[0]", "1.5"],
    ["any.l[7]", "error: index out of bounds: 7"],
    ["type(any.n) == int", "true"],
    ["any.n + 'x'", "error: no such overload"],
    ["timestamp('2026-02-28T23:30:00Z').getDate('+01:00')", "1"],
    ["timestamp('2026-07-01T12:00:00Z').getHours('Europe/Berlin')", "14"],
    ["timestamp('2026-01-01T00:00:00Z') - duration('1ms') < timestamp('2026-01-01T00:00:00Z')", "true"],
    ["string(duration('1h1.5s'))", "3601.5s"],
    ["b'\\xff' + b'a' == b'\\xffa'", "true"],
    ["string(b'\\xff')", "error: invalid UTF-8 in bytes, cannot convert to string"],
    ["cel.bind(x, i * 2, x + x)", "12"],
    ["'%d of %s: %.1f'.format([i, s, 0.25])", "3 of text: 0.2"],
  ])("%s is %s", (expression, expected) => {
    expect(outcome(expression)).toBe(expected);
  });
});

describe("Kubernetes' functions", () => {
  it.each([
    ["[1, 3, 2].isSorted()", "false"],
    ["['b', 'a'].min()", "a"],
    ["[duration('1s'), duration('2s')].sum() == duration('3s')", "true"],
    ["[].map(x, 1).max()", "error: max called on empty list"],
    ["[5, 6, 5].lastIndexOf(5)", "2"],
    ["[3, 1, 2].sort()", "[1, 2, 3]"],
    ["['ccc', 'a', 'bb'].sortBy(t, size(t))", "[a, bb, ccc]"],
    ["[[[1]], [[2, 3]]].flatten(2)", "[1, 2, 3]"],
    ["[1, 2].first().value()", "1"],
    ["sets.equivalent([1, 2], [2, 1, 1])", "true"],
    ["'abc 123 def 456'.findAll('[0-9]+', 1)", "[123]"],
    ["'abc'.find('[0-9]')", ""],
    ["'aaaa'.matches('^(a+)+$')", "true"],
    ["url('https://user@[::1]:80/a b?x=1&x=2').getHost()", "[::1]:80"],
    ["url('https://[::1]:80/path?x=1&x=2').getQuery()['x']", "[1, 2]"],
    ["isURL('../relative')", "false"],
    ["quantity('1Gi').compareTo(quantity('1024Mi'))", "0"],
    ["quantity('1500m').isInteger()", "false"],
    ["quantity('50k').add(20).asInteger()", "50020"],
    ["sign(quantity('-1'))", "-1"],
    ["ip('::FFFF') == ip('0::ffff')", "true"],
    ["ip.isCanonical('2001:DB8::1')", "false"],
    ["isIP('::ffff:1.2.3.4') || isIP('1.2.3.256') || isIP('fe80::1%en0')", "false"],
    ["ip('169.254.1.1').isLinkLocalUnicast()", "true"],
    ["cidr('10.0.0.0/8').containsIP('10.1.2.3')", "true"],
    ["cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))", "true"],
    ["string(cidr('192.168.1.7/24').masked())", "192.168.1.0/24"],
    ["semver('1.2.3-rc.1').isLessThan(semver('1.2.3'))", "true"],
    ["isSemver('v1.2') || !isSemver('v1.2', true)", "false"],
    ["format.dns1123Label().validate('Wrong').hasValue()", "true"],
    ["format.named('uuid').value().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()", "false"],
  ])("%s is %s", (expression, expected) => {
    expect(outcome(expression)).toBe(expected);
  });

  it("asks the authorizer what the chain of functions says", () => {
    const asked: [AuthorizationQuestion, string][] = [];
    const authorizer = authorizerValue((question, verb) => {
      asked.push([question, verb]);
      return { allowed: verb === "get" };
    });
    const { program } = compile("authorizer.serviceAccount('ns', 'sa').group('apps').resource('deployments').name('d').check('get').allowed()", {
      variables: new Map([["authorizer", AUTHORIZER]]),
    });
    const result = program?.evaluate({ authorizer }, BUDGET);
    expect(result).toEqual({ value: true, cost: 350_006, overBudget: false });
    expect(asked).toEqual([[{ serviceAccount: { namespace: "ns", name: "sa" }, group: "apps", resource: "deployments", name: "d" }, "get"]]);
  });
});

describe("mistakes", () => {
  it.each([
    ["x + 1", "ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x + 1\n | ^"],
    ["i + s", "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | i + s\n | ..^"],
    ["s.size(i)", "ERROR: <input>:1:7: found no matching overload for 'size' applied to 'string.(int)'\n | s.size(i)\n | ......^"],
    ["b &&\n  i.f", "ERROR: <input>:2:4: type 'int' does not support field selection\n |   i.f\n | ...^"],
    [
      "i.all(x, true)",
      "ERROR: <input>:1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)\n | i.all(x, true)\n | ^",
    ],
    ["[1, 'a']", "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a']\n | ....^"],
    ["duration('soon')", "ERROR: <input>:1:10: invalid duration argument\n | duration('soon')\n | .........^"],
    ["s.matches('(')", "ERROR: <input>:1:11: invalid matches argument\n | s.matches('(')\n | ..........^"],
    ["has(s)", "ERROR: <input>:1:4: invalid argument to has() macro\n | has(s)\n | ...^"],
    ["1 +", "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting an expression\n | 1 +\n | ...^"],
  ])("%s", (expression, expected) => {
    expect(outcome(expression)).toBe(expected);
  });

  it("tells all of them at once", () => {
    expect(compile("x + y", environment).errors?.map(({ message }) => message)).toEqual([
      "undeclared reference to 'x' (in container '')",
      "undeclared reference to 'y' (in container '')",
    ]);
  });

  it("never ends in anything but a program or mistakes, whatever is written", () => {
    const pieces = fc.constantFrom(
      "i",
      "s",
      "ints",
      "any",
      "1",
      "1u",
      "'a'",
      "(",
      ")",
      "[",
      "]",
      "{",
      "}",
      ".",
      "?",
      ":",
      ",",
      "+",
      "-",
      "!",
      "&&",
      "in",
      "all",
      "map",
      "x",
      " ",
      '"',
      "has",
      "😀",
      "\\",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (parts) => {
        const { program, errors } = compile(parts.join(""), environment);
        if (program === undefined) expect(errors?.length).toBeGreaterThan(0);
        else expect(program.evaluate(GIVEN, BUDGET)).toHaveProperty("cost");
      }),
      { numRuns: 500 },
    );
  });

  it("refuses nesting that would exhaust the stack", () => {
    expect(compile(`${"(".repeat(5000)}1${")".repeat(5000)}`, environment).errors?.[0]?.message).toContain("recursion limit");
    expect(compile(`${"[".repeat(5000)}1`, environment).program).toBeUndefined();
    for (const chain of [`1${" + 1".repeat(5000)}`, `any${".a".repeat(5000)}`, `any${"[0]".repeat(5000)}`, `[]${".map(x, x)".repeat(5000)}`]) {
      expect(compile(chain, environment).errors?.[0]?.message).toContain("recursion limit");
    }
    expect(compile(`b${" && b".repeat(5000)}`, environment).program).toBeDefined();
    expect(compile(" ".repeat(200_000), environment).errors?.[0]?.message).toContain("size exceeds limit");
  });

  it("keeps small expressions from making huge values", () => {
    expect(outcome(`[[1, 1]]${".map(l, l + l)".repeat(40)}.size()`)).toBe("error: value of more than 1000000 parts");
    const doubled = `[[1]]${".map(l, [l, l])".repeat(40)}`;
    expect(outcome(`${doubled} == ${doubled}`)).toBe("error: value of more than 1000000 parts");
    expect(outcome(`['aaaa']${".map(t, t + t)".repeat(40)}.size()`)).toBe("error: operation cancelled: actual cost limit exceeded");
    expect(outcome("'x'.matches('((a{100}){100}){100}')")).toContain("invalid matches argument");
  });
});

describe("types", () => {
  it.each([
    ["[1, 2]", "list(int)"],
    ["{'a': [1.0]}", "map(string, list(double))"],
    ["texts.?a", "optional_type(string)"],
    ["b ? any : i", "dyn"],
    ["ints.map(x, string(x))", "list(string)"],
    ["quantity('1')", "kubernetes.Quantity"],
  ])("%s is %s", (expression, expected) => {
    const { program } = compile(expression, environment);
    expect(program && formatType(program.type)).toBe(expected);
  });
});

describe("costs", () => {
  it.each([
    ["1 + 2", 1, 1, 1],
    ["i == 3", 2, 2, 2],
    ["ints.all(x, x > 0)", 17, 2, 2 ** 64],
    ["[1, 2, 3].sum()", 3, 13, 13],
    ["'%d %s %s'.format([1, 'abc', duration('1m')]) == '1 abc 60s'", 2, 13, 13],
    ["s in ['text', 'other']", 1, 13, 13],
    ["'01234567890123456789'.contains('0123456789')", 2, 2, 2],
    ["'0123456789'.matches('[0-9]+')", 4, 4, 4],
    ["[1, 2].exists(x, x == 2) ? 1 : 2", 13, 19, 23],
  ])("%s costs %d, estimated %d to %d", (expression, cost, least, most) => {
    const { program } = compile(expression, environment);
    expect(program?.evaluate(GIVEN, BUDGET).cost).toBe(cost);
    expect(program?.estimatedCost).toEqual({ min: least, max: most });
  });

  it("ends a run that costs more than it may, before the work is done", () => {
    const { program } = compile("lists.range(1000).distinct().size() > 0", environment);
    const result = program?.evaluate({}, 10_000);
    expect(result).toMatchObject({ error: "operation cancelled: actual cost limit exceeded", overBudget: true });
    expect(result?.value).toBeUndefined();
  });

  it("computes a variable only when it is read, and once", () => {
    let reads = 0;
    const compute = (): Value => BigInt(++reads);
    expect(compile("b || i > 0", environment).program?.evaluate({ b: true, i: compute }, BUDGET).value).toBe(true);
    expect(reads).toBe(0);
    expect(compile("i + i", environment).program?.evaluate({ i: compute }, BUDGET).value).toBe(2n);
  });
});
