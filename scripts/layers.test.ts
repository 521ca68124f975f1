import { describe, expect, it } from "vitest";
import { findViolations } from "./layers.ts";

const violationsOf = (file: string, source: string): string[] => findViolations(new Map([[file, source]])).map(({ text }) => text);

describe("the layer check", () => {
  it.each([
    ["scheduler/queue.ts", 'import { assert } from "../base/index.ts";'],
    ["scheduler/queue.ts", 'import { x } from "./plugins/x.ts";'],
    ["store/lmdb.host.ts", 'import { open } from "lmdb";\nimport fs from "node:fs";\nsetTimeout(() => Date.now(), 1);'],
    ["cluster/start.ts", 'import { x } from "../kubelet/index.host.ts";\nprocess.exit(1);'],
    ["kubelet/pod.ts", "env.clock.setTimeout(() => new Date(1), 5); // Date.now()\n/* Math.random */ const text = 'process.env';"],
    ["kubelet/pod.test.ts", 'import fs from "node:fs";'],
  ])("lets %s pass", (file, source) => {
    expect(violationsOf(file, source)).toEqual([]);
  });

  it.each([
    ["scheduler/queue.ts", 'import { x } from "../controllers/index.ts";', "may not import controllers/"],
    ["base/clock.ts", 'export * from "../api/index.ts";', "may not import api/"],
    ["kubelet/pod.ts", 'import { pods } from "../api/core/pod.ts";', "entered by its index.ts"],
    ["kubelet/pod.ts", 'import { files } from "./linux.host.ts";', "only .host.ts files"],
    ["kubelet/pod.ts", 'import { readFile } from "node:fs/promises";', "touch the machine"],
    ["store/store.ts", 'const lmdb = await import("lmdb");', "touch the machine"],
    ["store/store.ts", "const now = Date.now();", "Date.now"],
    ["store/store.ts", "const now = new Date();", "new Date()"],
    ["store/store.ts", "setTimeout(poll, 100);", "a timer"],
    ["store/store.ts", "const id = crypto.randomUUID();", "randomUUID"],
    ["dns/answer.ts", "const bytes = Buffer.from(text);", "Buffer"],
    ["attic/x.ts", 'import { x } from "../base/index.ts";', "not in the layer table"],
  ])("finds the violation planted in %s: %s", (file, source, expected) => {
    expect(violationsOf(file, source).join("\n")).toContain(expected);
  });

  it("names file and line", () => {
    expect(findViolations(new Map([["store/store.ts", "/* a\n b */\nconst x = Math.random();"]]))).toEqual([
      { file: "store/store.ts", line: 3, text: "uses Math.random (take env.random) outside a .host.ts file" },
    ]);
  });
});
