// The end of all pods of a containerd, as at a machine's shutdown: containers are asked to end, then killed.
import { createSystemEnv } from "../base/index.host.ts";
import { createCriRuntime } from "../kubelet/index.host.ts";

const CONTAINER_GRACE_SECONDS = 2;

export async function endPods(socket: string): Promise<void> {
  const runtime = createCriRuntime(createSystemEnv({ logLevel: "silent" }), { socket });
  try {
    const containers = (await runtime.listContainers()).filter(({ state }) => state === "running");
    await Promise.allSettled(containers.map(({ id }) => runtime.stopContainer(id, CONTAINER_GRACE_SECONDS)));
    const sandboxes = await runtime.listPodSandboxes();
    await Promise.allSettled(sandboxes.map(({ id }) => runtime.stopPodSandbox(id)));
  } finally {
    runtime.close();
  }
}
