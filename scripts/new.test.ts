import { transformSync } from "esbuild";
import { describe, expect, it } from "vitest";
import { findViolations } from "./layers.ts";
import { TEMPLATES } from "./new-templates.ts";

describe("npm run new", () => {
  it.each([
    ["kind", "storage/volume-snapshot", ["src/api/storage/volume-snapshot.ts", "src/api/storage/volume-snapshot.test.ts"]],
    ["controller", "ttl-after-finished", ["src/controllers/ttl-after-finished.ts", "src/controllers/ttl-after-finished.test.ts"]],
    ["plugin", "node-zone", ["src/scheduler/plugins/node-zone.ts", "src/scheduler/plugins/node-zone.test.ts"]],
    ["volume", "nfs", ["src/kubelet/volumes/nfs.ts", "src/kubelet/volumes/nfs.test.ts"]],
  ])("writes a %s and its test, which parse and keep the layers", (what, name, paths) => {
    const template = TEMPLATES[what];
    expect(template?.isName(name)).toBe(true);
    const files = template?.files(name) ?? [];
    expect(files.map(({ path }) => path)).toEqual(paths);
    for (const { text } of files) expect(transformSync(text, { loader: "ts" }).code).not.toBe("");
    expect(findViolations(new Map(files.map(({ path, text }) => [path.replace("src/", ""), text])))).toEqual([]);
  });

  it.each([
    ["kind", "Volume"],
    ["kind", "storage/Volume"],
    ["controller", "Ttl"],
    ["plugin", "../evil"],
    ["volume", ""],
  ])("refuses a %s named %j", (what, name) => {
    expect(TEMPLATES[what]?.isName(name)).toBe(false);
  });
});
