// Regular expressions from users: RE2's syntax (https://github.com/google/re2/wiki/Syntax) and linear time.
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { CelError } from "./values.ts";

/** Patterns are few and used often. */
const MEMORY_LIMIT = 1000;
const memory = new Map<string, RE2JS>();

function compilePattern(pattern: string): RE2JS {
  const known = memory.get(pattern);
  if (known !== undefined) return known;
  const compiled = RE2JS.compile(pattern);
  if (memory.size >= MEMORY_LIMIT) memory.clear();
  memory.set(pattern, compiled);
  return compiled;
}

/** What is wrong with a pattern; undefined: nothing. */
export function patternProblem(pattern: string): string | undefined {
  try {
    compilePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return error.message;
    throw error;
  }
}

/** Whether the pattern is found anywhere in the text. */
export function matchesPattern(text: string, pattern: string): boolean {
  const problem = patternProblem(pattern);
  if (problem !== undefined) throw new CelError(problem);
  return compilePattern(pattern).matcher(text).find();
}

/** The first `limit` findings, all of them when negative. */
export function findPattern(text: string, pattern: string, limit: number): string[] {
  const problem = patternProblem(pattern);
  if (problem !== undefined) throw new CelError(`Illegal regex: ${problem}`);
  const matcher = compilePattern(pattern).matcher(text);
  const found: string[] = [];
  while ((limit < 0 || found.length < limit) && matcher.find()) found.push(matcher.group() ?? "");
  return found;
}
