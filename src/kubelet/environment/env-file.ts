// Variables out of a file in a volume (KEP-3721): a subset of what a shell reads, `NAME='value'`, the value in single quotes and
// perhaps over several lines, `#` comments, nothing expanded. `NAME= 'value'` is an empty value, as a shell has it.

/** The file does not keep to the format. */
export class EnvFileError extends Error {
  override readonly name = "EnvFileError";
}

/** The value of `key`; empty when the file does not have it. Throws `EnvFileError` for what stands before it. */
export function parseEnvFile(text: string, key: string): string {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  for (let position = 0; position < lines.length; position++) {
    const line = (lines[position] ?? "").replace(/^[ \t]+/, "");
    if (line === "" || line.startsWith("#")) continue;
    const { name, value } = splitAssignment(line, position + 1);
    if (/^[ \t]/.test(value) || value === "") {
      if (value === "") throw unquoted(position + 1);
      if (name === key) return "";
      continue;
    }
    if (!value.startsWith("'")) throw unquoted(position + 1);
    const quoted = readQuoted(lines, position, value.slice(1));
    if (name === key) return quoted.value;
    position = quoted.lastLine;
  }
  return "";
}

function splitAssignment(line: string, number: number): { name: string; value: string } {
  const at = line.indexOf("=");
  if (at === -1) throw new EnvFileError(`invalid environment variable format at line ${number}: missing '='`);
  const name = line.slice(0, at);
  if (name.trim() === "") throw new EnvFileError(`invalid environment variable format at line ${number}: empty variable name`);
  if (/[ \t]$/.test(name)) throw new EnvFileError(`invalid environment variable format at line ${number}: whitespace before '=' is not allowed`);
  return { name, value: line.slice(at + 1) };
}

function readQuoted(lines: readonly string[], first: number, start: string): { value: string; lastLine: number } {
  let value = "";
  let rest = start;
  for (let position = first; ; rest = lines[++position] ?? "") {
    const end = rest.indexOf("'");
    if (end === -1) {
      value += `${rest}\n`;
      if (position + 1 >= lines.length) {
        throw new EnvFileError(`invalid environment variable format starting at line ${first + 1}: unclosed single quote`);
      }
      continue;
    }
    const after = rest.slice(end + 1).replace(/^[ \t]+/, "");
    if (after !== "" && !after.startsWith("#")) {
      throw new EnvFileError(`invalid environment variable format at line ${position + 1}: unexpected content after closing quote`);
    }
    return { value: value + rest.slice(0, end), lastLine: position };
  }
}

function unquoted(number: number): EnvFileError {
  return new EnvFileError(`invalid environment variable format at line ${number}: value must be enclosed in single quotes`);
}
