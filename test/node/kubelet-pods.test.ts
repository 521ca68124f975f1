// What pods ask of the kernel, on real containers: resources that change in place, and what the kernel makes of it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type JsonValue, type Pod, pods } from "../../src/api/index.ts";
import { containerTests } from "../machine.host.ts";
import { container, isReady, type RealKubelet, startRealKubelet } from "./real-kubelet.host.ts";

const { reason } = containerTests();

describe.skipIf(reason !== undefined)("pods on real containers", () => {
  let node: RealKubelet;
  beforeAll(async () => {
    node = await startRealKubelet();
  }, 120_000);
  afterAll(async () => {
    await node?.dispose();
  }, 60_000);

  /** The first of the files that there is: of the unified hierarchy, or of one per controller. */
  const cgroup = async (name: string, unified: string, split: string): Promise<string> =>
    (await node.run(name, "sh", "-c", `cat /sys/fs/cgroup/${unified} 2>/dev/null || cat /sys/fs/cgroup/${split}`)).trim();

  it("resizes a running container in place, as the kernel shows it", async () => {
    const guaranteed = (cpu: string, memory: string): object => ({ requests: { cpu, memory }, limits: { cpu, memory } });
    await node.create("sized", { containers: [container({ resources: guaranteed("200m", "64Mi") })] });
    const before = await node.waitFor("sized", isReady);
    const quota = async (): Promise<number> => {
      const [micros = ""] = (await cgroup("sized", "cpu.max", "cpu/cpu.cfs_quota_us")).split(" ");
      return Number(micros);
    };
    const memory = async (): Promise<number> => Number(await cgroup("sized", "memory.max", "memory/memory.limit_in_bytes"));
    expect([await quota(), await memory()]).toEqual([20_000, 64 << 20]);
    const resize = async (resources: object): Promise<Pod> => {
      const body = { spec: { containers: [{ name: "main", resources }] } } as unknown as JsonValue;
      const { metadata } = await node.client.patch(pods, { namespace: "default", name: "sized" }, { type: "strategic", body }, { subresource: "resize" });
      return node.waitFor("sized", (pod) => {
        const resizing = pod.status?.conditions?.some(({ type }) => type.startsWith("PodResize"));
        return pod.status?.observedGeneration === metadata.generation && resizing === false && isReady(pod);
      });
    };
    const grown = await resize(guaranteed("400m", "128Mi"));
    expect([await quota(), await memory()]).toEqual([40_000, 128 << 20]);
    const [status] = grown.status?.containerStatuses ?? [];
    expect(status).toMatchObject({ restartCount: 0, containerID: before.status?.containerStatuses?.[0]?.containerID, resources: guaranteed("400m", "128Mi") });
    await resize(guaranteed("100m", "32Mi"));
    expect([await quota(), await memory()]).toEqual([10_000, 32 << 20]);
    await node.remove("sized");
  });
});
