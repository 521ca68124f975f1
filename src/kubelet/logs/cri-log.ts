// The format in which a CRI runtime writes a container's log: `TIME STREAM TAGS CONTENT` per line, where the tag `P` marks a
// part of a line that goes on (https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md). Pure.

export interface LogLine {
  /** RFC 3339 with nanoseconds, as written. */
  readonly timestamp: string;
  readonly stream: "stdout" | "stderr";
  /** The line goes on in the next entry. */
  readonly partial: boolean;
  readonly content: Uint8Array;
}

const SPACE = 0x20;
const decoder = new TextDecoder();

/** `line` without its newline; undefined when it is not in the format. */
export function parseLogLine(line: Uint8Array): LogLine | undefined {
  const first = line.indexOf(SPACE);
  const second = first === -1 ? -1 : line.indexOf(SPACE, first + 1);
  const third = second === -1 ? -1 : line.indexOf(SPACE, second + 1);
  if (third === -1) return undefined;
  const timestamp = decoder.decode(line.subarray(0, first));
  const stream = decoder.decode(line.subarray(first + 1, second));
  const [tag] = decoder.decode(line.subarray(second + 1, third)).split(":");
  if ((stream !== "stdout" && stream !== "stderr") || Number.isNaN(Date.parse(timestamp))) return undefined;
  return { timestamp, stream, partial: tag === "P", content: line.subarray(third + 1) };
}

/** Milliseconds since the epoch, with a fraction. */
export function logTimeMs(timestamp: string): number {
  const fraction = /\.(\d+)/.exec(timestamp)?.[1] ?? "";
  const whole = Date.parse(timestamp.replace(/\.\d+/, ""));
  return whole + Number(`0.${fraction === "" ? "0" : fraction}`) * 1000;
}

/** With exactly nine digits, as `timestamps` shows them. */
export function fixedTimestamp(timestamp: string): string {
  const match = /^(.*?)(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/.exec(timestamp);
  return match === null ? timestamp : `${match[1]}.${(match[2] ?? "").padEnd(9, "0").slice(0, 9)}${match[3]}`;
}

/** Splits at newlines; what follows the last one is kept for the next chunk. */
export class LineSplitter {
  private rest = new Uint8Array();

  push(chunk: Uint8Array): Uint8Array[] {
    const data = this.rest.length === 0 ? chunk : concat(this.rest, chunk);
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = data.indexOf(0x0a, start); end !== -1; end = data.indexOf(0x0a, start)) {
      lines.push(data.subarray(start, end));
      start = end + 1;
    }
    this.rest = data.slice(start);
    return lines;
  }
  /** An unfinished line at the end of a file. */
  flush(): Uint8Array | undefined {
    const rest = this.rest;
    this.rest = new Uint8Array();
    return rest.length === 0 ? undefined : rest;
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
