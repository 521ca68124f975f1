// The disk that holds the store runs full: writes are refused with a clear error, reads and pods go on, and all is well again
// once there is room.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestImages } from "../images/build.host.ts";
import { containerTests } from "../machine.host.ts";
import { eventually, type TestCluster, testCluster } from "./cluster.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";

const { reason } = containerTests();
const DISK_MEGABYTES = 24;

describe.skipIf(reason !== undefined)("a full disk", () => {
  let cluster: TestCluster;
  let before: MachineState;
  let folder: string;
  let disk: string;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-disk-full-"));
    cluster = testCluster();
    disk = join(cluster.dataDirectory, "store");
    mkdirSync(disk, { recursive: true, mode: 0o700 });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MEGABYTES}m,mode=700`, "tmpfs", disk]);
    await cluster.start();
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
    await kubectl("run", "worker", "--image=busybox:local", "--", "sleep", "3600");
    await kubectl("wait", "--for=condition=Ready", "pod/worker", "--timeout=60s");
  });

  afterAll(async () => {
    if (cluster !== undefined) {
      await cluster.tryKubets("stop");
      try {
        execFileSync("umount", [disk]);
      } finally {
        await cluster.dispose();
      }
    }
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl.run(args);
  const write = (name: string) => cluster.kubectl.try(["create", "configmap", name, `--from-literal=text=${"x".repeat(100_000)}`]);

  it("refuses writes with a clear error, and goes on reading", async () => {
    expect((await write("before")).code).toBe(0);
    fillUp(join(disk, "filler"));
    const refused = await eventually(
      () => write(`while-full-${Math.round(performance.now())}`),
      ({ code }) => code !== 0,
    );
    expect(refused.stderr).toMatch(/no space|disk is full/i);
    expect(await kubectl("get", "configmap", "before", "-o", "name")).toBe("configmap/before\n");
    expect(await kubectl("exec", "worker", "--", "echo", "alive")).toBe("alive\n");
  });

  it("is well again once there is room, with all that was acknowledged", async () => {
    rmSync(join(disk, "filler"));
    await eventually(
      () => write("after"),
      ({ code, stderr }) => code === 0 || stderr.includes("already exists"),
    );
    await kubectl("run", "second", "--image=busybox:local", "--", "sleep", "3600");
    await kubectl("wait", "--for=condition=Ready", "pod/second", "--timeout=60s");
    expect(await kubectl("get", "pod", "worker", "-o", "jsonpath={.status.phase} {.status.containerStatuses[0].restartCount}")).toBe("Running 0");
    await cluster.kubets("stop");
    await cluster.start();
    for (const name of ["before", "after"]) expect(await kubectl("get", "configmap", name, "-o", "name")).toBe(`configmap/${name}\n`);
  });
});

/** Takes all the room there is. */
function fillUp(file: string): void {
  for (let kilobytes = 1024; kilobytes >= 4; kilobytes /= 4) {
    const piece = Buffer.alloc(kilobytes * 1024);
    for (;;) {
      try {
        writeFileSync(file, piece, { flag: "a" });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOSPC") break;
        throw error;
      }
    }
  }
}
