// The runtime's contract over a real containerd.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { createSystemEnv } from "../../src/base/index.host.ts";
import { createLinuxKubeletHost } from "../../src/kubelet/index.host.ts";
import { runtimeContract } from "../../src/kubelet/runtime/contract.ts";
import type { ContainerRuntime } from "../../src/kubelet/runtime/runtime.ts";
import { containerTests } from "../machine.host.ts";
import { startTestNode, type TestNode } from "./node.host.ts";

const CGROUP = "/kubets-contract-test";
const { reason } = containerTests();

describe.skipIf(reason !== undefined)("the runtime port over containerd", () => {
  const env = createSystemEnv({ logLevel: "error" });
  let node: TestNode;
  let logRoot: string;
  beforeAll(async () => {
    node = await startTestNode();
    logRoot = mkdtempSync(join(tmpdir(), "kubets-contract-"));
  }, 120_000);
  afterAll(async () => {
    await node?.dispose();
    await createLinuxKubeletHost(env, { rootDirectory: logRoot }).cgroups.remove(CGROUP);
    rmSync(logRoot, { recursive: true, force: true });
  }, 60_000);

  /** The images are here already: there is no registry to pull from. */
  const withLocalImages = (runtime: ContainerRuntime): ContainerRuntime =>
    new Proxy(runtime, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (name === "pullImage") return async (image: string) => (await target.imageStatus(image))?.id ?? target.pullImage(image);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });

  runtimeContract("containerd", async () => ({
    runtime: withLocalImages(node.runtime),
    image: "docker.io/library/busybox:local",
    absentImage: "localhost:1/absent:1",
    logRoot,
    cgroupParent: `${CGROUP}/pod`,
    eventually: async (holds) => {
      const deadlineMs = env.clock.monotonic() + 20_000;
      while (!(await holds())) {
        if (env.clock.monotonic() > deadlineMs) throw new Error("does not hold in time");
        await new Promise<void>((resolve) => env.clock.setTimeout(resolve, 20));
      }
    },
    cleanUp: async () => {
      for (const { id } of await node.runtime.listPodSandboxes()) {
        await node.runtime.stopPodSandbox(id);
        await node.runtime.removePodSandbox(id);
      }
    },
  }));
});
