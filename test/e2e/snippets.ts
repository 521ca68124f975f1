// Finds the shell snippets of a document and compares what they print.
//
// A block marked `console` is a session: lines that begin with `$ ` are commands (a line that ends with a backslash goes on), what follows
// is their output. `...` stands for anything within a line; a line of its own, for any lines or none. A block marked `sh` is commands alone.

export interface Snippet {
  readonly line: number;
  readonly command: string;
  /** Absent for `sh` blocks: any output will do. */
  readonly output?: string;
}

export function findSnippets(markdown: string): Snippet[] {
  const snippets: Snippet[] = [];
  const lines = markdown.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const language = /^```(sh|console)$/.exec(lines[index] ?? "")?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf("```", index + 1);
    const block = lines.slice(index + 1, end);
    snippets.push(...(language === "sh" ? commandsOf(block, index + 2) : sessionOf(block, index + 2)));
    index = end;
  }
  return snippets;
}

function commandsOf(block: readonly string[], firstLine: number): Snippet[] {
  return block.flatMap((line, offset) => {
    const command = line.replace(/\s+# .*$/, "").trim();
    return command === "" ? [] : [{ line: firstLine + offset, command }];
  });
}

function sessionOf(block: readonly string[], firstLine: number): Snippet[] {
  const snippets: { line: number; command: string; output: string }[] = [];
  let continues = false;
  block.forEach((line, offset) => {
    const current = snippets.at(-1);
    if (line.startsWith("$ ")) snippets.push({ line: firstLine + offset, command: line.slice(2), output: "" });
    else if (current === undefined) throw new Error(`line ${firstLine + offset}: a session begins with a command ("$ ...")`);
    else if (continues) current.command += `\n${line}`;
    else current.output += `${line}\n`;
    continues = (line.startsWith("$ ") || continues) && line.endsWith("\\");
  });
  return snippets;
}

/** Whether `printed` is what the document promises. Blanks at line ends and the width of columns do not count. */
export function outputMatches(promised: string, printed: string): boolean {
  const lines = promised.trimEnd().split("\n");
  const pattern = lines.map((line, index) => {
    const isLast = index === lines.length - 1;
    if (line.trim() === "...") return isLast ? "[^]*" : "(?:.*\\n)*?";
    return `${linePattern(line)}${isLast ? "" : "\\n"}`;
  });
  return new RegExp(`^${pattern.join("")}$`).test(printed.trimEnd().replace(/[ \t]+$/gm, ""));
}

function linePattern(line: string): string {
  return line
    .trimEnd()
    .split("...")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+"))
    .join(".*");
}
