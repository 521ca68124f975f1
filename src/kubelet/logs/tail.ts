// The end of a log file: where its last lines begin, and their text.
import type { HostFiles } from "../host.ts";
import { concat, LineSplitter, parseLogLine } from "./cri-log.ts";

const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;

/** Offset at which the last `count` lines of the file's first `size` bytes begin. */
export async function tailOffset(files: HostFiles, path: string, size: number, count: number): Promise<number> {
  if (count === 0) return size;
  let found = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK);
    const chunk = await files.readAt(path, start, end - start);
    for (let position = chunk.length - 1; position >= 0; position--) {
      // The newline that ends the last line begins no other.
      if (chunk[position] !== NEWLINE || start + position === size - 1) continue;
      found++;
      if (found === count) return start + position + 1;
    }
    end = start;
  }
  return 0;
}

/** The content of the last lines, at most so many bytes from the end. */
export async function tailOfLog(files: HostFiles, path: string, limit: { readonly lines: number; readonly bytes: number }): Promise<string> {
  const stat = await files.stat(path);
  if (stat === undefined) return "";
  const start = await tailOffset(files, path, stat.sizeBytes, limit.lines);
  const splitter = new LineSplitter();
  const parts: Uint8Array[] = [];
  for (const line of splitter.push(await files.readAt(path, start, stat.sizeBytes - start))) {
    const parsed = parseLogLine(line);
    if (parsed !== undefined) parts.push(parsed.content, parsed.partial ? new Uint8Array() : Uint8Array.of(NEWLINE));
  }
  const all = concat(...parts);
  return new TextDecoder().decode(all.subarray(Math.max(0, all.length - limit.bytes)));
}
