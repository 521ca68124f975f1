// The process that makes the load, from the benchmark's end.
import type { Target } from "../load/http2.ts";
import type { LoadCommand, LoadResult, Operations } from "../load/protocol.ts";
import { bundle, type RunningProgram, startProgram } from "./processes.ts";

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

export class Load {
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #next = 0;

  private constructor(private readonly program: RunningProgram) {
    program.child.on("message", ({ id, result, error }: Reply) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    program.child.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the load process has ended"));
    });
  }

  static async start(folder: string): Promise<Load> {
    const file = await bundle("bench/programs/load.ts");
    return new Load(startProgram({ name: "load", program: process.execPath, args: ["--enable-source-maps", file], folder, ipc: true }));
  }

  connect(target: Target): Promise<void> {
    return this.#ask({ type: "connect", target });
  }

  operate(operations: Operations): Promise<LoadResult> {
    return this.#ask({ type: "operate", operations });
  }

  /** Goes through a list page by page. The path has a query. */
  walk(path: string): Promise<LoadResult> {
    return this.#ask({ type: "walk", path });
  }

  async getText(path: string): Promise<string> {
    const { text } = await this.#ask<{ text: string }>({ type: "get", path });
    return text;
  }

  watch(name: string, path: string, { count = 1, additions = false } = {}): Promise<void> {
    return this.#ask({ type: "watch", name, path, count, additions });
  }

  /** Resolves when the watches of that name have seen so many events, counted from now or since they were opened. */
  events(name: string, count: number, since: "now" | "open" = "now"): Promise<{ firstMs: number; lastMs: number }> {
    return this.#ask({ type: "events", name, count, since });
  }

  seen(name: string): Promise<number> {
    return this.#ask({ type: "seen", name });
  }

  unwatch(name: string): Promise<void> {
    return this.#ask({ type: "unwatch", name });
  }

  stop(): Promise<void> {
    return this.program.stop();
  }

  #ask<T>(command: LoadCommand): Promise<T> {
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.program.child.send({ id, command });
    });
  }
}
