import { describe, expect, it } from "vitest";
import type { PodLogOptions } from "../../api/index.ts";
import { createVirtualEnv } from "../../base/index.ts";
import { createSimulatedKubeletHost } from "../simulated-host.ts";
import { readLogs } from "./read-logs.ts";

const PATH = "/logs/0.log";
const LINES = [
  "2026-01-01T00:00:01.000000001Z stdout F one",
  "2026-01-01T00:00:02.5Z stderr F two",
  "2026-01-01T00:00:03Z stdout P thr",
  "2026-01-01T00:00:03.1Z stdout F ee",
];

async function setUp(lines: readonly string[] = LINES) {
  const { env, clock } = createVirtualEnv({ startMs: Date.parse("2026-01-01T00:00:10Z") });
  const host = createSimulatedKubeletHost(env);
  await host.files.makeDirectory("/logs", 0o755);
  const append = (text: string): void => host.logs.append(PATH, new TextEncoder().encode(text));
  append(lines.map((line) => `${line}\n`).join(""));
  const state = { running: false, changed: (): void => undefined };
  const source = {
    files: host.files,
    path: PATH,
    isRunning: async () => state.running,
    onChange: (changed: () => void) => {
      state.changed = changed;
      return () => undefined;
    },
  };
  const abort = new AbortController();
  const read = async (options: PodLogOptions): Promise<string> => {
    let text = "";
    for await (const chunk of readLogs(env, source, options, abort.signal)) text += new TextDecoder().decode(chunk);
    return text;
  };
  return { env, clock, host, append, state, source, abort, read };
}

describe("reading a log", () => {
  it("joins the parts of a line and leaves out what the runtime added", async () => {
    const { read } = await setUp();
    expect(await read({})).toBe("one\ntwo\nthree\n");
  });
  it("shows times with nine digits", async () => {
    const { read } = await setUp();
    expect(await read({ timestamps: true })).toBe(
      "2026-01-01T00:00:01.000000001Z one\n2026-01-01T00:00:02.500000000Z two\n2026-01-01T00:00:03.000000000Z three\n",
    );
  });
  it("begins at the last lines", async () => {
    const { read } = await setUp();
    expect(await read({ tailLines: 3 })).toBe("two\nthree\n");
    expect(await read({ tailLines: 0 })).toBe("");
    expect(await read({ tailLines: 100 })).toBe("one\ntwo\nthree\n");
  });
  it("begins at a moment", async () => {
    const { read } = await setUp();
    expect(await read({ sinceSeconds: 8 })).toBe("two\nthree\n");
    expect(await read({ sinceTime: "2026-01-01T00:00:03Z" })).toBe("three\n");
  });
  it("ends after so many bytes", async () => {
    const { read } = await setUp();
    expect(await read({ limitBytes: 6 })).toBe("one\ntw");
  });
  it("shows one stream", async () => {
    const { read } = await setUp();
    expect(await read({ stream: "Stderr" })).toBe("two\n");
  });

  it("follows until the container ends, through a rotation of the file", async () => {
    const { env, clock, host, append, state, source, abort } = await setUp(LINES.slice(0, 1));
    state.running = true;
    let text = "";
    let over = false;
    const following = (async () => {
      for await (const chunk of readLogs(env, source, { follow: true }, abort.signal)) text += new TextDecoder().decode(chunk);
      over = true;
    })();
    await clock.settle();
    expect(text).toBe("one\n");
    append(`${LINES[1]}\n`);
    await host.files.rename(PATH, `${PATH}.20260101-000003`);
    append("2026-01-01T00:00:04Z stdout F new\n");
    await clock.runUntil(() => text === "one\ntwo\nnew\n");
    state.running = false;
    state.changed();
    await following;
    expect(over).toBe(true);
  });

  it("ends when nobody listens any more", async () => {
    const { env, clock, state, source, abort } = await setUp();
    state.running = true;
    let over = false;
    const following = (async () => {
      for await (const _chunk of readLogs(env, source, { follow: true }, abort.signal));
      over = true;
    })();
    await clock.settle();
    abort.abort();
    await following;
    expect(over).toBe(true);
  });
});
