import { describe, expect, it } from "vitest";
import { parseEnvFile } from "./env-file.ts";

describe("a variable out of a file", () => {
  it.each([
    ["A='1'", "A", "1"],
    ["# comment\n\n  A='1' # more\nB='2'", "B", "2"],
    ["A='one\ntwo'\nB='2'", "A", "one\ntwo"],
    ["A='one\nB=3'\nB='2'", "B", "2"],
    ["A='$HOME\\n'", "A", "$HOME\\n"],
    ["A= 'ignored'", "A", ""],
    ["A='1'", "B", ""],
    ["A='1'\nA='2'", "A", "1"],
    ["A='1'\nnot read any more", "A", "1"],
    ["A='1'\r\nB='2'\r\n", "B", "2"],
  ])("%j gives %s=%j", (text, key, value) => {
    expect(parseEnvFile(text, key)).toBe(value);
  });
  it.each([
    ["A", "missing '='"],
    ["='1'", "empty variable name"],
    ["A ='1'", "whitespace before '='"],
    ["A=1", "must be enclosed in single quotes"],
    ["A=", "must be enclosed in single quotes"],
    ["A='1", "unclosed single quote"],
    ["A='1'x", "unexpected content after closing quote"],
  ])("%j is refused: %s", (text, message) => {
    expect(() => parseEnvFile(text, "A")).toThrow(message);
  });
});
