import { describe, expect, it } from "vitest";
import { findSnippets, outputMatches } from "../test/e2e/snippets.ts";

describe("snippets of documents", () => {
  it("finds commands and sessions, and nothing in other blocks", () => {
    const markdown = "text\n```sh\nnpm ci   # packages\n```\n```ts\n$ no\n```\n```console\n$ one \\\n  --two\nout\n$ three\n```\n";
    expect(findSnippets(markdown)).toEqual([
      { line: 3, command: "npm ci" },
      { line: 9, command: "one \\\n  --two", output: "out\n" },
      { line: 12, command: "three", output: "" },
    ]);
  });

  it.each([
    ["a b\n", "a      b  \n", true],
    ["web-... 1/1\n", "web-6d5-x 1/1\n", true],
    ["...\nlast\n", "x\ny\nlast\n", true],
    ["...\nlast\n", "last\n", true],
    ["first\n...\n", "first\nx\ny\n", true],
    ["...\nlast\n", "x\nlost\n", false],
    ["a\n", "b\n", false],
    ["a\n", "a\nb\n", false],
    ["", "", true],
  ])("compares %j with %j", (promised, printed, expected) => {
    expect(outputMatches(promised, printed)).toBe(expected);
  });
});
