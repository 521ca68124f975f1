import { describe, expect, it } from "vitest";
import { createVirtualEnv } from "../../base/index.ts";
import { createSimulatedKubeletHost } from "../simulated-host.ts";
import { createVolumeDirectories } from "./volume-directories.ts";

describe("the directories a node hands out", () => {
  const { files } = createSimulatedKubeletHost(createVirtualEnv().env);
  const directories = createVolumeDirectories(files, "/data/storage");

  it("are open to every user of a pod and to none of the machine, keep what is in them, and go with it", async () => {
    const path = await directories.make("pvc-1_default_data");
    expect(path).toBe("/data/storage/pvc-1_default_data");
    expect((await files.stat(path))?.mode).toBe(0o777);
    expect((await files.stat("/data/storage"))?.mode).toBe(0o700);
    await files.write(`${path}/file`, new Uint8Array([1]), 0o644);
    expect(await directories.make("pvc-1_default_data")).toBe(path);
    expect(await files.list(path)).toEqual(["file"]);
    await directories.remove("pvc-1_default_data");
    await directories.remove("pvc-1_default_data");
    expect(await files.stat(path)).toBeUndefined();
  });

  it.each(["", ".", "..", "a/b", "../etc", ".hidden", "a".repeat(256)])("are never called %j", async (name) => {
    await expect(directories.remove(name)).rejects.toMatchObject({ code: 400 });
  });

  it("are none on a node that has no place for them", async () => {
    await expect(createVolumeDirectories(files, undefined).make("pvc-1")).rejects.toMatchObject({ code: 503 });
  });
});
