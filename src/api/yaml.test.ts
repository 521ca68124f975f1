import { expect, it } from "vitest";
import { parseYaml } from "./yaml.ts";

it("reads YAML 1.1 as Kubernetes does", () => {
  const text = "on: yes\nmode: 0644\ntime: 2026-01-02\nratio: 1:30\nempty:\n8080: x\nlong: |\n  a\n  b\n";
  expect(parseYaml(text).value).toEqual({ true: true, mode: 420, time: "2026-01-02", ratio: "1:30", empty: null, "8080": "x", long: "a\nb\n" });
});

it("follows anchors and merge keys", () => {
  expect(parseYaml("base: &b {x: 1, z: 2}\nuse:\n  <<: *b\n  z: 3\n").value).toEqual({ base: { x: 1, z: 2 }, use: { x: 1, z: 3 } });
});

it("reports keys that stand twice with their lines", () => {
  expect(parseYaml("spec:\n  replicas: 1\n  replicas: 2\n")).toEqual({
    value: { spec: { replicas: 2 } },
    problems: ['line 3: key "replicas" already set in map'],
  });
});

it("bounds what aliases grow to", () => {
  const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let level = 1; level < 9; level++)
    lines.push(
      `a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(",")}]`,
    );
  expect(() => parseYaml(lines.join("\n"))).toThrow("excessive aliasing");
});

it("refuses what is no YAML", () => {
  expect(() => parseYaml("a: [1")).toThrow(/^yaml: line 1: /);
});

it("bounds the nesting before anything descends into it", () => {
  const depth = 100_000;
  for (const text of ["[".repeat(depth), "{a: ".repeat(depth), "- ".repeat(depth), "? ".repeat(depth)]) {
    expect(() => parseYaml(text)).toThrow("exceeded max depth");
  }
  expect(() => parseYaml(`${"[".repeat(900)}${"]".repeat(900)}`)).not.toThrow();
});

it("takes one document, whatever marks stand around it", () => {
  expect(parseYaml("---\na: 1\n...\n").value).toEqual({ a: 1 });
  expect(parseYaml("").value).toBeNull();
  expect(() => parseYaml("a: 1\n---\nb: 2\n")).toThrow("one document");
});

it("reads JSON as what it says, and flow mappings that only look like it as YAML", () => {
  expect(parseYaml('{"a": "yes", "b": [1, {"c": null}]}').value).toEqual({ a: "yes", b: [1, { c: null }] });
  expect(parseYaml("{a: yes, b: 0644}").value).toEqual({ a: true, b: 420 });
  expect(parseYaml('{"a": 1,\n"a": 2}')).toEqual({ value: { a: 2 }, problems: ['line 2: key "a" already set in map'] });
});
