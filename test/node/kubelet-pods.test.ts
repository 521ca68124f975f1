// What pods ask of the kernel, on real containers: resources that change in place, and what the kernel makes of it.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type JsonValue, type Pod, pods } from "../../src/api/index.ts";
import { buildImageArchive, buildLayer, type LayerEntry } from "../../src/cluster/images/archive.host.ts";
import { importArchiveBytes } from "../../src/cluster/images/import.host.ts";
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

  it("mounts the files of an image, of all its layers, read-only", async () => {
    const layer = (path: string, text: string): Promise<Awaited<ReturnType<typeof buildLayer>>> => {
      const entries: readonly LayerEntry[] = [
        { path: "etc", type: "directory" },
        { path, type: "file", content: new TextEncoder().encode(text) },
      ];
      return buildLayer(entries);
    };
    const build = async (name: string, ...texts: string[]): Promise<void> => {
      const layers = await Promise.all(texts.map((text, index) => layer(index === 0 ? "data.json" : `etc/layer-${index}`, text)));
      await importArchiveBytes({ socket: node.machine.paths.containerdSocket }, await buildImageArchive({ names: [name], layers, config: {} }));
    };
    await build("example.com/data:1", "first", "second", "third");
    await build("example.com/single:1", "alone");
    const volumes = [
      { name: "data", image: { reference: "example.com/data:1", pullPolicy: "IfNotPresent" } },
      { name: "single", image: { reference: "example.com/single:1", pullPolicy: "Never" } },
    ];
    const volumeMounts = [
      { name: "data", mountPath: "/data" },
      { name: "data", mountPath: "/etc-only", subPath: "etc" },
      { name: "single", mountPath: "/single" },
    ];
    const { metadata } = await node.create("with-images", { volumes, containers: [container({ volumeMounts })] });
    await node.waitFor("with-images", isReady);
    expect(await node.run("with-images", "cat", "/data/data.json", "/data/etc/layer-1", "/etc-only/layer-2", "/single/data.json")).toBe(
      "firstsecondthirdalone",
    );
    expect(await node.run("with-images", "sh", "-c", "touch /data/new /single/new 2>&1; true")).toMatch(/(Read-only file system[\s\S]*){2}/);
    await node.remove("with-images");
    const left = await node.until(
      async () => readFileSync("/proc/self/mounts", "utf8"),
      (text) => !text.includes(metadata.uid ?? ""),
    );
    expect(left).not.toContain(metadata.uid);
    // The views went too: containerd can drop the images with their layers.
    await node.machine.runtime.removeImage("example.com/data:1");
  });

  it("waits with the image's reason while the image of a volume cannot be had", async () => {
    const volumes = [{ name: "data", image: { reference: "example.com/absent:1", pullPolicy: "Never" } }];
    await node.create("no-image", { volumes, containers: [container({ volumeMounts: [{ name: "data", mountPath: "/data" }] })] });
    const pod = await node.waitFor("no-image", ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "ErrImageNeverPull");
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe('Container image "example.com/absent:1" is not present with pull policy of Never');
    await node.remove("no-image");
  });
});
