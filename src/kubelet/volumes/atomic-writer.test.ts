import { describe, expect, it } from "vitest";
import { createVirtualEnv } from "../../base/index.ts";
import { createSimulatedKubeletHost } from "../simulated-host.ts";
import { type Payload, writeAtomically } from "./atomic-writer.ts";

const DIRECTORY = "/volume";
const payload = (files: Readonly<Record<string, string>>): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: new TextEncoder().encode(text), mode: 0o644 }]));

function setUp() {
  const { env } = createVirtualEnv();
  const { files } = createSimulatedKubeletHost(env);
  const write = (content: Readonly<Record<string, string>>): Promise<boolean> => writeAtomically(env, files, DIRECTORY, payload(content));
  const read = async (path: string): Promise<string | undefined> => {
    const data = await files.read(`${DIRECTORY}/${path}`);
    return data === undefined ? undefined : new TextDecoder().decode(data);
  };
  return { files, write, read };
}

describe("writing atomically", () => {
  it("shows the files through one link that is swapped", async () => {
    const { files, write, read } = setUp();
    expect(await write({ a: "1", "sub/b": "2" })).toBe(true);
    expect([await read("a"), await read("sub/b")]).toEqual(["1", "2"]);
    expect(await files.readLink(`${DIRECTORY}/a`)).toBe("..data/a");
    expect(await files.readLink(`${DIRECTORY}/..data`)).toMatch(/^\.\.\d{4}(_\d\d){5}\.\d+$/);
  });
  it("does nothing when nothing changed", async () => {
    const { files, write } = setUp();
    await write({ a: "1" });
    const before = await files.readLink(`${DIRECTORY}/..data`);
    expect(await write({ a: "1" })).toBe(false);
    expect(await files.readLink(`${DIRECTORY}/..data`)).toBe(before);
  });
  it("takes away what is no longer there, and the old set", async () => {
    const { files, write, read } = setUp();
    await write({ a: "1", b: "2" });
    await write({ b: "3", c: "4" });
    expect([await read("a"), await read("b"), await read("c")]).toEqual([undefined, "3", "4"]);
    expect((await files.list(DIRECTORY)).filter((name) => name.startsWith("..2"))).toHaveLength(1);
  });
  it.each(["../escape", "/etc/passwd", "a/../../b", "", "..data"])("refuses the path %j", async (path) => {
    const { write } = setUp();
    await expect(write({ [path]: "x" })).rejects.toThrow("invalid path");
  });
});
