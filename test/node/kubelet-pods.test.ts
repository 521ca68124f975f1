// What pods ask of the kernel, on real containers: resources that change in place, and what the kernel makes of it.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { events, type JsonValue, type Pod, pods, runtimeClasses } from "../../src/api/index.ts";
import { buildImageArchive, buildLayer, type LayerEntry } from "../../src/cluster/images/archive.host.ts";
import { importArchiveBytes } from "../../src/cluster/images/import.host.ts";
import { containerTests } from "../machine.host.ts";
import { container, IMAGE, isReady, type RealKubelet, startRealKubelet } from "./real-kubelet.host.ts";

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

  it("starts a debugging container that sees the processes of its target", async () => {
    await node.create("debugged", { containers: [container()] });
    await node.waitFor("debugged", isReady);
    const debug = {
      name: "debug",
      image: IMAGE,
      imagePullPolicy: "IfNotPresent",
      command: ["sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"],
      targetContainerName: "main",
    };
    const body = { spec: { ephemeralContainers: [debug] } };
    await node.client.patch(pods, { namespace: "default", name: "debugged" }, { type: "strategic", body }, { subresource: "ephemeralcontainers" });
    await node.waitFor("debugged", ({ status }) => status?.ephemeralContainerStatuses?.[0]?.state?.terminated?.exitCode === 0);
    expect(await node.logs("debugged", { container: "debug" })).toBe("sleep 1000 ");
    await node.remove("debugged");
  });

  it("takes last words from a path of its own that no root wrote, and from the log when there are none", async () => {
    const words = container({
      name: "words",
      terminationMessagePath: "/dev/words",
      securityContext: { runAsUser: 1000 },
      command: ["sh", "-c", "printf DONE > /dev/words"],
    });
    const log = container({ name: "log", terminationMessagePolicy: "FallbackToLogsOnError", command: ["sh", "-c", "echo from the log; exit 1"] });
    const silent = container({ name: "silent", terminationMessagePolicy: "FallbackToLogsOnError", command: ["sh", "-c", "echo not told"] });
    await node.create("last", { restartPolicy: "Never", containers: [words, log, silent] });
    const { status } = await node.waitFor("last", (pod) => pod.status?.phase === "Failed");
    const message = (name: string): string | undefined => status?.containerStatuses?.find((container) => container.name === name)?.state?.terminated?.message;
    expect([message("words"), message("log"), message("silent")]).toEqual(["DONE", "from the log\n", undefined]);
    await node.remove("last");
  });

  it("never follows a link out of a volume for a sub path", async () => {
    const volumes = [{ name: "work", emptyDir: {} }];
    const evil = container({ name: "evil", command: ["ln", "-s", "/etc", "/work/way"], volumeMounts: [{ name: "work", mountPath: "/work" }] });
    const main = container({ volumeMounts: [{ name: "work", mountPath: "/got", subPath: "way" }] });
    await node.create("linked", { volumes, initContainers: [evil], containers: [main] });
    const pod = await node.waitFor("linked", ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe('failed to prepare subPath for volumeMount "work" of container "main"');
    await node.remove("linked");
  });

  it("says which handler of a RuntimeClass there is not", async () => {
    await node.client.create(runtimeClasses, { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name: "other" }, handler: "other" });
    await node.create("handled", { runtimeClassName: "other" });
    const { items } = await node.until(
      () => node.client.list(events, { namespace: "default", fieldSelector: "involvedObject.name=handled" }),
      (list) => list.items.some(({ reason: why }) => why === "FailedCreatePodSandBox"),
    );
    expect(items.find(({ reason: why }) => why === "FailedCreatePodSandBox")?.message).toContain('no runtime for "other" is configured');
    await node.remove("handled");
  });

  it("runs hooks beside the container, and the exec probe no longer than it may take", async () => {
    const lifecycle = {
      postStart: { exec: { command: ["touch", "/tmp/started"] } },
      preStop: { exec: { command: ["sh", "-c", "echo stopping > /proc/1/fd/1"] } },
    };
    const readinessProbe = { exec: { command: ["sh", "-c", "test -e /tmp/started && sleep 5"] }, timeoutSeconds: 1, periodSeconds: 1, failureThreshold: 1 };
    await node.create("hooked", { containers: [container({ lifecycle, readinessProbe })] });
    const { items } = await node.until(
      () => node.client.list(events, { namespace: "default", fieldSelector: "involvedObject.name=hooked" }),
      (list) => list.items.some(({ reason: why }) => why === "Unhealthy"),
    );
    expect(items.find(({ reason: why }) => why === "Unhealthy")?.message).toMatch(/^Readiness probe failed: command timed out: .* timed out after 1s$/);
    await node.remove("hooked");
  });
});
