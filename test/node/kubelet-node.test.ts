// The node beside its pods, on real containers: static pods from real files, pressure that is measured, images that go.
import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { events, nodes, type Pod, pods } from "../../src/api/index.ts";
import { containerTests } from "../machine.host.ts";
import { container, IMAGE, isReady, type RealKubelet, startRealKubelet } from "./real-kubelet.host.ts";

const { reason } = containerTests();
const NODE = "real-node";
const MIB = 2 ** 20;

describe.skipIf(reason !== undefined)("a real node", () => {
  let node: RealKubelet;
  let manifests: string;
  beforeAll(async () => {
    node = await startRealKubelet();
    manifests = join(node.machine.paths.data, "static-pods");
    await mkdir(manifests, { recursive: true });
    await node.kubelet().stop();
    await node.startKubelet({ staticPodPath: manifests });
  }, 120_000);
  afterAll(async () => {
    await node?.dispose();
  }, 60_000);

  const conditionOf = async (type: string): Promise<string> => {
    const { status } = await node.client.get(nodes, { name: NODE });
    return status?.conditions?.find((condition) => condition.type === type)?.status ?? "";
  };
  const names = async (): Promise<string[]> => (await node.client.list(pods, { namespace: "default" })).items.map(({ metadata }) => metadata.name);
  const hasFailed = (pod: Pod): boolean => pod.status?.phase === "Failed";

  it("says what it is and what pods may have of it", async () => {
    const { status } = await node.client.get(nodes, { name: NODE });
    expect(status?.nodeInfo?.bootID).toMatch(/^[0-9a-f-]{36}$/);
    expect(status?.nodeInfo?.containerRuntimeVersion).toMatch(/^containerd:\/\/1|2/);
    const kibibytes = (text = ""): number => Number(text.replace("Ki", ""));
    expect(kibibytes(status?.capacity?.["memory"]) - kibibytes(status?.allocatable?.["memory"])).toBe(100 * 1024);
    expect(status?.images?.flatMap(({ names: of }) => of ?? [])).toContain(`docker.io/library/${IMAGE}`);
  });

  it("runs a static pod from a file, follows the file, and ends it with the file", async () => {
    const file = join(manifests, "web.yaml");
    const manifest = (text: string): object => {
      const spec = { terminationGracePeriodSeconds: 1, containers: [container({ command: ["sh", "-c", `echo ${text}; sleep 1000`] })] };
      return { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec };
    };
    await writeFile(file, JSON.stringify(manifest("one")));
    const name = `web-${NODE}`;
    await node.until(names, (all) => all.includes(name));
    const first = await node.waitFor(name, isReady);
    await node.until(
      () => node.logs(name),
      (text) => text === "one\n",
    );
    await writeFile(file, JSON.stringify(manifest("two")));
    await node.until(names, (all) => all.includes(name));
    await node.until(
      async () => (await names()).includes(name) && (await node.get(name)),
      (pod) => pod !== false && pod.metadata.uid !== first.metadata.uid && isReady(pod),
    );
    await node.until(
      () => node.logs(name),
      (text) => text === "two\n",
    );
    await rm(file);
    await node.until(names, (all) => !all.includes(name));
    expect(await node.machine.runtime.listContainers()).toEqual([]);
  });

  it("notices that its disk is short, removes what nobody uses, and ends the pod that fills it", async () => {
    const write = (mebibytes: number): string[] => ["sh", "-c", `dd if=/dev/zero of=/data/file bs=1M count=${mebibytes} 2>/dev/null; sleep 1000`];
    const filler = (mebibytes: number) => ({
      volumes: [{ name: "data", emptyDir: {} }],
      containers: [container({ command: write(mebibytes), volumeMounts: [{ name: "data", mountPath: "/data" }] })],
    });
    await node.create("large", filler(40));
    await node.create("small", filler(4));
    await node.waitFor("large", isReady);
    await node.waitFor("small", isReady);
    await node.kubelet().stop();
    const { bavail, bsize } = await statfs(node.machine.paths.data);
    // A little more than there is free now, and a little less than there will be without the large pod.
    const limit = Math.round(bavail * bsize + 20 * MIB);
    await node.startKubelet({ evictionHard: { "nodefs.available": String(limit) } });
    expect(await conditionOf("DiskPressure")).toBe("True");
    const evicted = await node.waitFor("large", hasFailed);
    expect(evicted.status).toMatchObject({ reason: "Evicted" });
    expect(evicted.status?.message).toMatch(/^The node was low on resource: ephemeral-storage\. Threshold quantity: \S+, available: \S+\. /);
    await node.create("late", {});
    expect((await node.waitFor("late", hasFailed)).status?.message).toBe("Pod was rejected: The node had condition: [DiskPressure]. ");
    const { items } = await node.client.list(events, { namespace: "default", fieldSelector: "reason=EvictionThresholdMet" });
    expect(items[0]?.message).toBe("Attempting to reclaim ephemeral-storage");
  });

  it("takes in a modest pod while memory is short, and ends it when its emptyDir grows over its limit", async () => {
    await node.kubelet().stop();
    await node.startKubelet({ evictionHard: {}, evictionSoft: { "memory.available": "100Ei" }, evictionSoftGracePeriod: { "memory.available": "1h" } });
    expect(await conditionOf("MemoryPressure")).toBe("True");
    await node.create("greedy", {
      volumes: [{ name: "data", emptyDir: { sizeLimit: "1Mi" } }],
      containers: [
        container({
          command: ["sh", "-c", "dd if=/dev/zero of=/data/file bs=1M count=3 2>/dev/null; sleep 1000"],
          volumeMounts: [{ name: "data", mountPath: "/data" }],
          resources: { requests: { memory: "1Mi" } },
        }),
      ],
    });
    const evicted = await node.waitFor("greedy", hasFailed);
    expect(evicted.status).toMatchObject({ reason: "Evicted", message: 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ' });
  });
});
