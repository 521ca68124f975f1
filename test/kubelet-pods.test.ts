import { afterEach, describe, expect, it } from "vitest";
import { type SimulatedNode, type SimulatedNodeOptions, startSimulatedNode } from "./simulated-node.ts";

let node: SimulatedNode;
async function start(options?: SimulatedNodeOptions): Promise<SimulatedNode> {
  node = await startSimulatedNode(options);
  return node;
}
afterEach(() => node.stop());

describe("a pod on a node", () => {
  it("becomes running and ready, with addresses, a container ID and events", async () => {
    const { createPod, waitForPod, eventsOf } = await start();
    await createPod("web", {});
    const { status } = await waitForPod("web", (pod) => pod.status?.phase === "Running");
    expect(status?.podIP).toBe("10.244.0.2");
    expect(status?.podIPs).toEqual([{ ip: "10.244.0.2" }]);
    expect(status?.hostIP).toBe("192.168.7.5");
    expect(status?.qosClass).toBe("BestEffort");
    expect(status?.conditions?.map(({ type, status: value }) => `${type}=${value}`).sort()).toEqual([
      "ContainersReady=True",
      "Initialized=True",
      "PodReadyToStartContainers=True",
      "PodScheduled=True",
      "Ready=True",
    ]);
    const [container] = status?.containerStatuses ?? [];
    expect(container).toMatchObject({ name: "main", ready: true, started: true, restartCount: 0, image: "app:1" });
    expect(container?.containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/);
    expect(await eventsOf("web")).toEqual([
      'Pulling: Pulling image "app:1"',
      'Pulled: Successfully pulled image "app:1" in 0s (0s including waiting). Image size: 1000000 bytes.',
      "Created: Container created",
      "Started: Container started",
    ]);
  });
});
