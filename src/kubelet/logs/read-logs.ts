// Reads a container's log as users ask for it: the end of it, from a moment on, with times, one stream, as it grows
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod). A follower
// survives the rotation of the file.
import type { PodLogOptions } from "../../api/index.ts";
import { type Env, parseTime } from "../../base/index.ts";
import type { HostFiles } from "../host.ts";
import { concat, fixedTimestamp, LineSplitter, logTimeMs, parseLogLine } from "./cri-log.ts";
import { tailOffset } from "./tail.ts";

export interface LogSource {
  readonly files: HostFiles;
  readonly path: string;
  /** Whether more may come. */
  readonly isRunning: () => Promise<boolean>;
  /** Calls when that may have changed. */
  readonly onChange: (changed: () => void) => () => void;
}

const CHUNK = 128 * 1024;
const encoder = new TextEncoder();

export async function* readLogs(env: Env, source: LogSource, options: PodLogOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const filter = new LineFilter(env, options);
  const stat = await source.files.stat(source.path);
  const cursor = new FileCursor(source);
  if (stat !== undefined && options.tailLines !== undefined) {
    cursor.offset = await tailOffset(source.files, source.path, stat.sizeBytes, options.tailLines);
  }
  const changes = options.follow === true ? new ChangeWaiter(source, signal) : undefined;
  try {
    for (;;) {
      // Asked for before reading, so that nothing written in between is missed.
      const more = options.follow === true && (await source.isRunning());
      for (let chunk = await cursor.next(); chunk !== undefined; chunk = await cursor.next()) {
        const text = filter.push(chunk);
        if (text.length > 0) yield text;
        if (filter.full || signal.aborted) return;
      }
      if (!more || changes === undefined) break;
      await changes.next();
      if (signal.aborted) return;
    }
    const rest = filter.flush();
    if (rest.length > 0) yield rest;
  } finally {
    changes?.stop();
  }
}

/** Turns raw lines into what was asked for. */
class LineFilter {
  private readonly splitter = new LineSplitter();
  private readonly sinceMs: number;
  private readonly stream: string | undefined;
  private left: number;
  private startsLine = true;

  constructor(
    env: Env,
    private readonly options: PodLogOptions,
  ) {
    const { sinceSeconds, sinceTime, limitBytes, stream } = options;
    const sinceTimeMs = parseTime(sinceTime);
    this.sinceMs = sinceTimeMs ?? (sinceSeconds === undefined ? Number.NEGATIVE_INFINITY : env.clock.now() - sinceSeconds * 1000);
    this.stream = stream === undefined || stream === "All" || stream === "" ? undefined : stream.toLowerCase();
    this.left = limitBytes ?? Infinity;
  }
  get full(): boolean {
    return this.left <= 0;
  }
  push(chunk: Uint8Array): Uint8Array {
    return this.cut(concat(...this.splitter.push(chunk).flatMap((line) => this.lineParts(line))));
  }
  flush(): Uint8Array {
    const rest = this.splitter.flush();
    return rest === undefined ? new Uint8Array() : this.cut(concat(...this.lineParts(rest)));
  }
  private lineParts(raw: Uint8Array): Uint8Array[] {
    const line = parseLogLine(raw);
    if (line === undefined || (this.stream !== undefined && line.stream !== this.stream)) return [];
    if (this.sinceMs !== Number.NEGATIVE_INFINITY && logTimeMs(line.timestamp) < this.sinceMs) return [];
    const parts: Uint8Array[] = [];
    if (this.options.timestamps === true && this.startsLine) parts.push(encoder.encode(`${fixedTimestamp(line.timestamp)} `));
    parts.push(line.content);
    if (!line.partial) parts.push(Uint8Array.of(0x0a));
    this.startsLine = !line.partial;
    return parts;
  }
  private cut(text: Uint8Array): Uint8Array {
    const kept = text.length > this.left ? text.subarray(0, this.left) : text;
    this.left -= kept.length;
    return kept;
  }
}

/** Reads on where it stopped, through rotations: the rest of the old file first, then the new one. */
class FileCursor {
  offset = 0;
  private inode: number | undefined;

  constructor(private readonly source: LogSource) {}

  /** Undefined: nothing more for now. */
  async next(): Promise<Uint8Array | undefined> {
    const { files, path } = this.source;
    const stat = await files.stat(path);
    if (stat === undefined) return undefined;
    if (this.inode !== undefined && stat.inode !== this.inode) {
      const rest = await this.restOfRotated(this.inode);
      this.inode = stat.inode;
      this.offset = 0;
      if (rest !== undefined && rest.length > 0) return rest;
    }
    this.inode = stat.inode;
    if (stat.sizeBytes < this.offset) this.offset = 0;
    if (stat.sizeBytes === this.offset) return undefined;
    const chunk = await files.readAt(path, this.offset, Math.min(CHUNK, stat.sizeBytes - this.offset));
    this.offset += chunk.length;
    return chunk.length === 0 ? undefined : chunk;
  }

  private async restOfRotated(inode: number): Promise<Uint8Array | undefined> {
    const { files, path } = this.source;
    const slash = path.lastIndexOf("/");
    for (const name of await files.list(path.slice(0, slash))) {
      const candidate = `${path.slice(0, slash)}/${name}`;
      const stat = await files.stat(candidate);
      if (stat?.inode === inode && stat.sizeBytes > this.offset) return files.readAt(candidate, this.offset, stat.sizeBytes - this.offset);
    }
    return undefined;
  }
}

/** Waits for the file to grow or the container to end. A change between two waits is remembered. */
class ChangeWaiter {
  private changed = false;
  private wake: (() => void) | undefined;
  private readonly stops: (() => void)[];

  constructor(source: LogSource, signal: AbortSignal) {
    const note = (): void => {
      this.changed = true;
      this.wake?.();
    };
    signal.addEventListener("abort", note);
    this.stops = [source.files.watch(source.path, note), source.onChange(note), () => signal.removeEventListener("abort", note)];
  }
  async next(): Promise<void> {
    if (!this.changed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.wake = undefined;
    this.changed = false;
  }
  stop(): void {
    for (const stop of this.stops) stop();
  }
}
