// `$(NAME)` references in commands, arguments, variables and sub paths
// (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/). `$$` gives one `$`,
// so `$$(NAME)` stays as `$(NAME)`; an unknown name stays as it was written.

/** `lookUp` gives undefined for names that nothing defines. */
export function expand(text: string, lookUp: (name: string) => string | undefined): string {
  let result = "";
  for (let position = 0; position < text.length; position++) {
    const character = text[position] ?? "";
    if (character !== "$" || position + 1 >= text.length) {
      result += character;
      continue;
    }
    const next = text[position + 1];
    if (next === "$") {
      result += "$";
      position++;
    } else if (next === "(") {
      const end = text.indexOf(")", position + 2);
      if (end === -1) {
        result += "$(";
        position++;
      } else {
        const name = text.slice(position + 2, end);
        result += lookUp(name) ?? `$(${name})`;
        position = end;
      }
    } else {
      result += `$${next}`;
      position++;
    }
  }
  return result;
}
