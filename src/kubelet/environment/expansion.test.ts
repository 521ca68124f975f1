import { describe, expect, it } from "vitest";
import { expand } from "./expansion.ts";

const known: Readonly<Record<string, string>> = { A: "1", B: "$(A)", EMPTY: "" };
const lookUp = (name: string): string | undefined => known[name];

describe("expanding references", () => {
  it.each([
    ["$(A)", "1"],
    ["x$(A)y$(A)", "x1y1"],
    ["$(B)", "$(A)"],
    ["$(EMPTY)", ""],
    ["$(UNKNOWN)", "$(UNKNOWN)"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$$$$(A)", "$$(A)"],
    ["$(A", "$(A"],
    ["$A", "$A"],
    ["end$", "end$"],
    ["$", "$"],
    ["$()", "$()"],
  ])("%s gives %s", (text, expected) => {
    expect(expand(text, lookUp)).toBe(expected);
  });
});
