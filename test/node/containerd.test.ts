// The cluster's own containerd and the runtime port over it: what survives whose end, and what is left afterwards.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runningContainerd } from "../../src/cluster/containerd.host.ts";
import { listImages } from "../../src/cluster/images/import.host.ts";
import type { RuntimeEvent } from "../../src/kubelet/index.ts";
import { containerTests } from "../machine.host.ts";
import { startTestNode, type TestNode } from "./node.host.ts";

const { reason } = containerTests();
if (reason !== undefined) console.log(`left out: the runtime port over a real containerd; ${reason}`);

describe.skipIf(reason !== undefined)("containerd", () => {
  let node: TestNode;

  beforeAll(async () => {
    node = await startTestNode();
  }, 120_000);

  afterAll(async () => {
    await node?.dispose();
    expect(existsSync(node.paths.run)).toBe(false);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(node.paths.data);
    expect(execFileSync("ip", ["-brief", "link"], { encoding: "utf8" })).not.toContain("kubets0");
  }, 60_000);

  it("is ready, with the images that were loaded and the sandbox's own", async () => {
    expect(await node.runtime.status()).toMatchObject({ runtimeReady: true, networkReady: true });
    expect((await listImages({ socket: node.paths.containerdSocket })).map(({ name }) => name)).toEqual([
      "docker.io/library/busybox:local",
      "docker.io/library/nginx:local",
      "kubets.local/pause:1",
    ]);
    expect(await node.runtime.imageStatus("nginx:local")).toMatchObject({ repoTags: ["docker.io/library/nginx:local"] });
    expect(await node.runtime.imageStatus("nothing:1")).toBeUndefined();
  });

  it("tells the end of a container only once its exit code can be read", async () => {
    const codes: Promise<number | undefined>[] = [];
    const ended = new Promise<void>((resolve) => {
      const stop = node.runtime.watchEvents((event: RuntimeEvent) => {
        if (event.type !== "containerStopped" || event.podUid !== "uid-brief") return;
        codes.push(node.runtime.listContainers({ podUid: "uid-brief" }).then(([container]) => container?.exitCode));
        stop();
        resolve();
      });
    });
    await node.runPod({ name: "brief", image: "busybox:local", command: ["sh", "-c", "sleep 0.2; exit 7"] });
    await ended;
    expect(await Promise.all(codes)).toEqual([7]);
  });

  it("runs a command to its end or to its deadline", async () => {
    const { containerId } = await node.runPod({ name: "commands", image: "busybox:local", command: ["sleep", "1000"] });
    const result = await node.runtime.execSync(containerId, ["sh", "-c", "echo out; echo err >&2; exit 4"], 10);
    expect([Buffer.from(result.stdout).toString(), Buffer.from(result.stderr).toString(), result.exitCode]).toEqual(["out\n", "err\n", 4]);
    await expect(node.runtime.execSync(containerId, ["sleep", "10"], 1)).rejects.toMatchObject({ reason: "deadline" });
    await expect(node.runtime.containerStatus("nothing")).rejects.toMatchObject({ reason: "notFound" });
    expect((await node.runtime.usage()).find(({ id }) => id === containerId)?.memoryWorkingSetBytes).toBeGreaterThan(0);
  });

  it("is started again when it dies, and its containers never notice", async () => {
    const { containerId, ip } = await node.runPod({ name: "lasting", image: "nginx:local" });
    const before = await runningContainerd(node.paths);
    expect(before).toBeDefined();
    process.kill(before ?? 0, "SIGKILL");
    await expect.poll(() => runningContainerd(node.paths), { timeout: 20_000 }).not.toBe(before);
    await expect.poll(() => node.runtime.version().catch(() => undefined), { timeout: 20_000 }).toMatchObject({ name: "containerd" });
    expect(await node.runtime.containerStatus(containerId)).toMatchObject({ state: "running" });
    expect(await (await fetch(`http://${ip}/`)).text()).toContain("Welcome to nginx!");
  });
});
