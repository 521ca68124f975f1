// What becomes of the containers of a pod on a simulated node: new starts by rules, what they are made with, and how they are
// told of.
import { afterEach, describe, expect, it } from "vitest";
import type { ContainerStatus, Pod } from "../src/api/index.ts";
import type { SimulatedContainer } from "../src/kubelet/index.ts";
import { type SimulatedNode, type SimulatedNodeOptions, startSimulatedNode } from "./simulated-node.ts";

let node: SimulatedNode | undefined;
async function start(options?: SimulatedNodeOptions): Promise<SimulatedNode> {
  node = await startSimulatedNode(options);
  return node;
}
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

type Container = Pod["spec"]["containers"][number];
const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: "app:1", imagePullPolicy: "IfNotPresent", ...more });
const statusOf = (pod: Pod, name = "main"): ContainerStatus | undefined =>
  [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find((status) => status.name === name);
const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((candidate) => candidate.type === type);
const isReady = (pod: Pod): boolean => condition(pod, "Ready")?.status === "True";
const idOf = (status: ContainerStatus | undefined): string => (status?.containerID ?? "").replace("containerd://", "");

describe("a new start of all containers", () => {
  it("follows the end that a rule names, init containers first, in the same sandbox", async () => {
    const started: string[] = [];
    const behaviour = ({ name, attempt }: SimulatedContainer): object => {
      started.push(`${name} ${attempt}`);
      if (name === "init") return { exitAfterMs: 100 };
      return name === "main" && attempt === 0 ? { exitAfterMs: 5000, exitCode: 42 } : {};
    };
    const { createPod, waitForPod, runtime } = await start({ runtime: { behaviour } });
    const restartPolicyRules = [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }];
    await createPod("web", {
      restartPolicy: "Never",
      initContainers: [container("init"), container("proxy", { restartPolicy: "Always" })],
      containers: [container("main", { restartPolicy: "Never", restartPolicyRules }), container("side")],
    });
    const before = await waitForPod("web", isReady);
    expect(condition(before, "AllContainersRestarting")?.status).toBe("False");
    const [sandbox] = await runtime.listPodSandboxes();
    const again = await waitForPod("web", (pod) => isReady(pod) && statusOf(pod)?.restartCount === 1);
    expect((await runtime.listPodSandboxes()).map(({ id }) => id)).toEqual([sandbox?.id]);
    expect(started).toEqual(["init 0", "proxy 0", "main 0", "side 0", "init 1", "proxy 1", "main 1", "side 1"]);
    expect([statusOf(again, "side"), statusOf(again, "init"), statusOf(again, "proxy")].map((status) => status?.restartCount)).toEqual([1, 1, 1]);
    expect(statusOf(again, "side")?.lastState?.terminated).toMatchObject({ reason: "RestartingAllContainers", exitCode: 137 });
    expect(condition(again, "AllContainersRestarting")?.status).toBe("False");
    expect(again.status?.phase).toBe("Running");
  });
});

describe("a variable from a file", () => {
  const spec = (optional: boolean): Partial<Pod["spec"]> => ({
    volumes: [{ name: "shared", emptyDir: {} }],
    initContainers: [container("writer")],
    containers: [
      container("main", { env: [{ name: "COLOUR", valueFrom: { fileKeyRef: { volumeName: "shared", path: "sub/env", key: "COLOUR", optional } } }] }),
    ],
  });
  const behaviour = ({ name }: SimulatedContainer): object => (name === "writer" ? { exitAfterMs: 5000 } : {});
  const write = async (text: string): Promise<void> => {
    if (node === undefined) throw new Error("there is no node");
    const pod = await node.waitForPod("web", (seen) => statusOf(seen, "writer")?.state?.running !== undefined);
    const volume = `${node.host.rootDirectory}/pods/${pod.metadata.uid}/volumes/kubernetes.io~empty-dir/shared`;
    await node.host.files.makeDirectory(`${volume}/sub`, 0o755);
    await node.host.files.write(`${volume}/sub/env`, new TextEncoder().encode(text), 0o644);
  };
  const seen = async (): Promise<Record<string, string>> => {
    if (node === undefined) throw new Error("there is no node");
    const pod = await node.waitForPod("web", isReady);
    return Object.fromEntries(node.runtime.config(idOf(statusOf(pod))).envs.map(({ key, value }) => [key, value]));
  };

  it("is read when the container starts", async () => {
    const { createPod } = await start({ runtime: { behaviour } });
    await createPod("web", spec(false));
    await write("# written by an init container\nCOLOUR='deep\nblue'\n");
    expect(await seen()).toMatchObject({ COLOUR: "deep\nblue" });
  });
  it("keeps the container waiting while the file does not have it, unless it is optional", async () => {
    const { createPod, waitForPod } = await start({ runtime: { behaviour } });
    await createPod("web", spec(false));
    await write("OTHER='1'\n");
    const waiting = await waitForPod("web", (pod) => statusOf(pod)?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(statusOf(waiting)?.state?.waiting?.message).toBe('environment variable key "COLOUR" not found in file "sub/env"');
  });
  it("is left out when it is optional and not there", async () => {
    const { createPod } = await start({ runtime: { behaviour } });
    await createPod("web", spec(true));
    await write("OTHER='1'\n");
    expect(await seen()).not.toHaveProperty("COLOUR");
  });
});
