// Regular expressions of schemas: RE2, in linear time whatever a user writes. Compiled once.
import { RE2JS } from "re2js";

const compiled = new Map<string, RE2JS>();
/** More than that many are compiled anew. */
const KEPT = 1000;

/** Why it is no regular expression; undefined when it is one. */
export function patternProblem(pattern: string): string | undefined {
  try {
    compile(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Tells whether the pattern matches anywhere in the text. The pattern must be one. */
export function matchesPattern(pattern: string, text: string): boolean {
  return compile(pattern).matcher(text).find();
}

function compile(pattern: string): RE2JS {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    expression = RE2JS.compile(pattern);
    if (compiled.size >= KEPT) compiled.clear();
    compiled.set(pattern, expression);
  }
  return expression;
}
