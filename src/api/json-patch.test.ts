import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyJsonPatch, applyMergePatch } from "./json-patch.ts";
import { isStatus } from "./status-error.ts";

describe("applyJsonPatch", () => {
  it.each<[unknown, object[], unknown]>([
    [{ foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { foo: "bar", baz: "qux" }],
    [{ foo: ["bar", "baz"] }, [{ op: "add", path: "/foo/1", value: "qux" }], { foo: ["bar", "qux", "baz"] }],
    [{ foo: ["bar"] }, [{ op: "add", path: "/foo/-", value: ["abc"] }], { foo: ["bar", ["abc"]] }],
    [{ foo: "bar" }, [{ op: "add", path: "/foo", value: null }], { foo: null }],
    [{ a: { b: 1 }, c: 2 }, [{ op: "remove", path: "/a/b" }], { a: {}, c: 2 }],
    [{ foo: ["a", "b", "c"] }, [{ op: "remove", path: "/foo/1" }], { foo: ["a", "c"] }],
    [{ a: 1 }, [{ op: "replace", path: "/a", value: 2 }], { a: 2 }],
    [{ foo: { bar: 1, waldo: 2 }, qux: {} }, [{ op: "move", from: "/foo/waldo", path: "/qux/thud" }], { foo: { bar: 1 }, qux: { thud: 2 } }],
    [{ foo: ["a", "b", "c", "d"] }, [{ op: "move", from: "/foo/1", path: "/foo/3" }], { foo: ["a", "c", "d", "b"] }],
    [{ a: [1] }, [{ op: "copy", from: "/a", path: "/b" }], { a: [1], b: [1] }],
    [{ a: { x: 1, y: [2] } }, [{ op: "test", path: "/a", value: { y: [2], x: 1 } }], { a: { x: 1, y: [2] } }],
    [
      { "/": 9, "~1": 10 },
      [
        { op: "test", path: "/~01", value: 10 },
        { op: "remove", path: "/~1" },
      ],
      { "~1": 10 },
    ],
    [
      {},
      [
        { op: "add", path: "/__proto__", value: { x: 1 } },
        { op: "remove", path: "/__proto__" },
      ],
      {},
    ],
    [{ a: 1 }, [{ op: "replace", path: "", value: [] }], []],
  ])("%j with %j", (document, patch, expected) => {
    expect(applyJsonPatch(document, patch)).toEqual(expected);
  });

  it.each<[object[], string]>([
    [[{ op: "remove", path: "/x" }], "remove operation does not apply: doc is missing key: /x: missing value"],
    [[{ op: "replace", path: "/x/y", value: 1 }], 'replace operation does not apply: doc is missing path: "/x/y": missing value'],
    [[{ op: "test", path: "/a", value: 2 }], "testing value /a failed: test failed"],
    [[{ op: "add", path: "/list/2", value: 1 }], "Unable to access invalid index: 2: invalid index referenced"],
    [[{ op: "move", from: "/o", path: "/o/x" }], "unable to move /o into itself"],
    [[{ op: "spin", path: "/a" }], "Unexpected kind: spin"],
  ])("answers 422 to %j", (patch, why) => {
    try {
      applyJsonPatch({ a: 1, list: [0], o: {} }, patch);
      expect.unreachable();
    } catch (error) {
      if (!isStatus(error, "Invalid")) throw error;
      expect(error.code).toBe(422);
      expect(error.cause).toBe(why);
    }
  });

  it("refuses patches that would grow without limit", () => {
    const doubling = Array.from({ length: 40 }, () => ({ op: "copy", from: "/a", path: "/a/-" }));
    expect(() => applyJsonPatch({ a: [1] }, doubling)).toThrow("must not copy more than");
    expect(() => applyJsonPatch({}, Array(10_001).fill({ op: "test", path: "", value: {} }))).toThrow(
      "The allowed maximum operations in a JSON patch is 10000, got 10001",
    );
  });

  it("does not change the document", () => {
    const document = Object.freeze({ a: Object.freeze([Object.freeze({ b: 1 })]) });
    expect(applyJsonPatch(document, [{ op: "add", path: "/a/0/b", value: 2 }])).toEqual({ a: [{ b: 2 }] });
    expect(document).toEqual({ a: [{ b: 1 }] });
  });
});

describe("applyMergePatch", () => {
  it.each<[unknown, unknown, unknown]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [[1, 2], { a: "b" }, { a: "b" }],
  ])("%j with %j", (document, patch, expected) => {
    expect(applyMergePatch(document, patch)).toEqual(expected);
  });

  it("is idempotent", () => {
    const json = fc.jsonValue();
    fc.assert(
      fc.property(json, json, (document, patch) => {
        const once = applyMergePatch(document, patch);
        expect(applyMergePatch(once, patch)).toEqual(once);
      }),
    );
  });
});
