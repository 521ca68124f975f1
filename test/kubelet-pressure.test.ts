// A node in need: pressure conditions, evictions, and what is removed before a pod has to go. On virtual time.
import { afterEach, describe, expect, it } from "vitest";
import { events, nodes, type Pod } from "../src/api/index.ts";
import type { FilesystemUsage, NodeHeadroom } from "../src/kubelet/index.ts";
import { NODE, type SimulatedNode, type SimulatedNodeOptions, startSimulatedNode } from "./simulated-node.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

let node: SimulatedNode | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

interface Need {
  headroom: Partial<NodeHeadroom>;
  disk: Partial<FilesystemUsage>;
  /** By a part of the path. */
  files: Record<string, number>;
  /** By pod name. */
  memory: Record<string, number>;
}

async function start(
  options: SimulatedNodeOptions = {},
): Promise<SimulatedNode & { need: Need; conditionOf(type: string): Promise<string>; nodeEvents(): Promise<string[]> }> {
  const need: Need = { headroom: {}, disk: {}, files: {}, memory: {} };
  const uids = new Map<string, string>();
  const started = await startSimulatedNode({
    ...options,
    host: {
      headroom: () => need.headroom,
      filesystem: () => need.disk,
      diskUsage: (path) => {
        const found = Object.entries(need.files).find(([part]) => path.includes(part));
        return found === undefined ? undefined : { bytes: found[1], inodes: 1 };
      },
      cgroupUsage: (path) => {
        const name = uids.get(/pod([^/]+)$/.exec(path)?.[1] ?? "");
        return { memoryWorkingSetBytes: need.memory[name ?? ""] ?? 0 };
      },
      ...options.host,
    },
  });
  node = started;
  return Object.assign(Object.create(started), {
    need,
    createPod: async (...args: Parameters<SimulatedNode["createPod"]>) => {
      const pod = await started.createPod(...args);
      uids.set(pod.metadata.uid ?? "", pod.metadata.name);
      return pod;
    },
    conditionOf: async (type: string) => {
      const { status } = await started.client.get(nodes, { name: NODE });
      const condition = status?.conditions?.find((candidate) => candidate.type === type);
      return `${condition?.status} ${condition?.reason}`;
    },
    nodeEvents: async () => {
      await started.clock.settle();
      const { items } = await started.client.list(events, { namespace: "default", fieldSelector: "involvedObject.kind=Node" });
      return items.map(({ reason, message }) => `${reason}: ${message}`);
    },
  });
}

const isRunning = (pod: Pod): boolean => pod.status?.phase === "Running";
const hasFailed = (pod: Pod): boolean => pod.status?.phase === "Failed";
const withMemory = (memory: string) => ({ name: "main", image: "app:1", imagePullPolicy: "IfNotPresent", resources: { requests: { memory } } });

describe("a node whose memory runs short", () => {
  it("shows it, ends the pod that is furthest above its requests, and recovers", async () => {
    const { need, clock, createPod, waitForPod, conditionOf, nodeEvents, eventsOf, pod: get } = await start();
    await createPod("modest", { containers: [withMemory("1Gi")] });
    await createPod("greedy", { containers: [withMemory("100Mi")] });
    await waitForPod("modest", isRunning);
    await waitForPod("greedy", isRunning);
    need.memory = { modest: 900 * MIB, greedy: 300 * MIB };
    need.headroom = { memoryAvailableBytes: 50 * MIB };
    const evicted = await waitForPod("greedy", hasFailed, 30_000);
    const message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ";
    expect(evicted.status).toMatchObject({ reason: "Evicted", message });
    expect(evicted.status?.conditions?.find(({ type }) => type === "DisruptionTarget")).toMatchObject({
      status: "True",
      reason: "TerminationByKubelet",
      message,
    });
    expect(await eventsOf("greedy")).toContain(`Evicted: ${message}`);
    need.headroom = { memoryAvailableBytes: GIB };
    await clock.advance(10_000);
    expect(await conditionOf("MemoryPressure")).toBe("True KubeletHasInsufficientMemory");
    expect(await nodeEvents()).toEqual(
      expect.arrayContaining([
        "EvictionThresholdMet: Attempting to reclaim memory",
        `NodeHasInsufficientMemory: Node ${NODE} status is now: NodeHasInsufficientMemory`,
      ]),
    );
    await clock.advance(5 * 60_000);
    expect(await conditionOf("MemoryPressure")).toBe("False KubeletHasSufficientMemory");
    expect((await get("modest")).status?.phase).toBe("Running");
  });

  it("refuses pods that ask for nothing, and takes in others and critical ones", async () => {
    const { need, clock, createPod, waitForPod } = await start();
    need.headroom = { memoryAvailableBytes: 50 * MIB };
    await clock.advance(20_000);
    await createPod("best-effort", {});
    await createPod("burstable", { containers: [withMemory("10Mi")] });
    await createPod("tolerant", { tolerations: [{ key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" }] });
    const refused = await waitForPod("best-effort", hasFailed);
    expect(refused.status).toMatchObject({ reason: "Evicted", message: "Pod was rejected: The node had condition: [MemoryPressure]. " });
    await waitForPod("burstable", ({ status }) => status?.startTime !== undefined);
    await waitForPod("tolerant", ({ status }) => status?.startTime !== undefined);
  });

  it("gives a pod its time at a soft threshold, after the threshold's own", async () => {
    const configuration = {
      evictionHard: {},
      evictionSoft: { "memory.available": "1Gi" },
      evictionSoftGracePeriod: { "memory.available": "1m" },
      evictionMaxPodGracePeriod: 20,
    };
    const {
      need,
      clock,
      createPod,
      waitForPod,
      conditionOf,
      pod: get,
    } = await start({
      kubelet: { configuration },
      runtime: { behaviour: () => ({ stopAfterMs: 15_000 }) },
    });
    await createPod("web", { containers: [withMemory("10Mi")], terminationGracePeriodSeconds: 60 });
    await waitForPod("web", isRunning);
    need.headroom = { memoryAvailableBytes: 500 * MIB };
    await clock.advance(50_000);
    expect(await conditionOf("MemoryPressure")).toMatch(/^True/);
    expect((await get("web")).status?.phase).toBe("Running");
    await clock.advance(30_000);
    // It is being ended, and counts as running until it is.
    const failed = await waitForPod("web", hasFailed, 30_000);
    expect(failed.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(0);
  });

  it("spares critical pods", async () => {
    const { need, clock, createPod, waitForPod, pod: get } = await start();
    await createPod("critical", { priorityClassName: "system-node-critical" }, { namespace: "default" });
    await waitForPod("critical", isRunning);
    need.headroom = { memoryAvailableBytes: 50 * MIB };
    await clock.advance(60_000);
    expect((await get("critical")).status?.phase).toBe("Running");
  });
});

describe("a node whose disk runs short", () => {
  it("removes dead containers and unused images, and no pod when that helps", async () => {
    const started = await start();
    const { need, clock, runtime, createPod, waitForPod, conditionOf, pod: get } = started;
    await createPod("web", {});
    await waitForPod("web", isRunning);
    await runtime.pullImage("unused:1");
    await createPod("done", { restartPolicy: "Never", containers: [{ name: "main", image: "job:1", imagePullPolicy: "IfNotPresent", command: ["true"] }] });
    await waitForPod("done", ({ status }) => status?.phase === "Succeeded");
    const remove = runtime.removeImage.bind(runtime);
    runtime.removeImage = async (image) => {
      await remove(image);
      need.disk = {};
    };
    // An image counts as unused when it was seen for long enough.
    await clock.advance(8 * 60_000);
    need.disk = { availableBytes: GIB };
    await clock.advance(11_000);
    expect((await runtime.listImages()).flatMap(({ repoTags }) => repoTags)).toEqual(["app:1"]);
    expect((await runtime.listContainers()).map(({ metadata }) => metadata.name)).toEqual(["main"]);
    expect(await conditionOf("DiskPressure")).toBe("True KubeletHasDiskPressure");
    expect((await get("web")).status?.phase).toBe("Running");
    await clock.advance(5 * 60_000);
    expect(await conditionOf("DiskPressure")).toBe("False KubeletHasNoDiskPressure");
  });

  it("keeps what has ended of the pods that a new kubelet has still to hear of", async () => {
    const { need, clock, createPod, waitForPod, restartKubelet, pod } = await start();
    const container = { image: "app:1", imagePullPolicy: "IfNotPresent" };
    await createPod("half", {
      restartPolicy: "OnFailure",
      containers: [
        { name: "done", command: ["true"], ...container },
        { name: "main", ...container },
      ],
    });
    const ended = await waitForPod("half", ({ status }) => status?.containerStatuses?.find(({ name }) => name === "done")?.state?.terminated !== undefined);
    need.disk = { availableBytes: GIB };
    await restartKubelet();
    need.disk = {};
    await clock.advance(5000);
    expect((await pod("half")).status?.containerStatuses).toEqual(ended.status?.containerStatuses);
  });

  it("ends the pod that fills it, and refuses new ones meanwhile", async () => {
    const { need, createPod, waitForPod } = await start();
    await createPod("filler", { volumes: [{ name: "data", emptyDir: {} }] });
    await createPod("other", {});
    await waitForPod("filler", isRunning);
    await waitForPod("other", isRunning);
    need.files = { "empty-dir/data": 5 * GIB };
    need.disk = { availableBytes: GIB };
    const evicted = await waitForPod("filler", hasFailed, 60_000);
    expect(evicted.status?.message).toBe("The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 1Gi. ");
    await createPod("late", { containers: [withMemory("1Mi")] });
    expect((await waitForPod("late", hasFailed)).status?.message).toBe("Pod was rejected: The node had condition: [DiskPressure]. ");
  });

  it("goes on when the disk does not tell", async () => {
    let broken = false;
    const filesystem = (): Partial<FilesystemUsage> => {
      if (broken) throw new Error("input/output error");
      return {};
    };
    const { clock, createPod, waitForPod, conditionOf, client } = await start({ host: { filesystem } });
    broken = true;
    await clock.advance(6 * 60_000);
    await createPod("web", {});
    await waitForPod("web", isRunning);
    expect(await conditionOf("Ready")).toBe("True KubeletReady");
    expect((await client.get(nodes, { name: NODE })).status?.capacity?.["ephemeral-storage"]).toBe("100Gi");
  });
});

describe("limits on local storage", () => {
  const cases: [what: string, spec: object, files: Record<string, number>, layerBytes: number, message: string][] = [
    [
      "of an emptyDir",
      { volumes: [{ name: "data", emptyDir: { sizeLimit: "10Mi" } }] },
      { "empty-dir/data": 11 * MIB },
      0,
      'Usage of EmptyDir volume "data" exceeds the limit "10Mi". ',
    ],
    [
      "of all containers together",
      { containers: [{ name: "main", image: "app:1", resources: { limits: { "ephemeral-storage": "10Mi" } } }], volumes: [{ name: "data", emptyDir: {} }] },
      { "empty-dir/data": 8 * MIB, "/main": 3 * MIB },
      0,
      "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ",
    ],
    [
      "of one container",
      {
        containers: [
          { name: "main", image: "app:1", resources: { limits: { "ephemeral-storage": "10Mi" } } },
          { name: "side", image: "app:1", resources: { limits: { "ephemeral-storage": "100Mi" } } },
        ],
      },
      {},
      20 * MIB,
      'Container main exceeded its local ephemeral storage limit "10Mi". ',
    ],
  ];
  for (const [what, spec, files, layerBytes, message] of cases) {
    it(`end a pod that exceeds one ${what}`, async () => {
      const load = ({ name }: { name: string }) => ({ milliCpu: 1, memoryBytes: MIB, diskBytes: name === "main" ? layerBytes : 0 });
      const { need, clock, createPod, waitForPod, pod: get } = await start({ runtime: { load } });
      need.files = layerBytes > 0 ? { "/none/": 0 } : {};
      await createPod("web", spec);
      await waitForPod("web", isRunning);
      need.files = files;
      expect((await waitForPod("web", hasFailed, 30_000)).status).toMatchObject({ reason: "Evicted", message });
      await clock.settle();
      expect((await get("web")).status?.conditions?.some(({ type }) => type === "DisruptionTarget")).toBe(false);
    });
  }
});

describe("images that nobody uses", () => {
  const images = async ({ runtime }: SimulatedNode): Promise<string[]> => (await runtime.listImages()).flatMap(({ repoTags }) => repoTags).sort();

  it("go when the disk is filling, the longest unused first, until enough is free", async () => {
    const started = await start({
      runtime: { imageBytes: () => 2 * GIB },
      kubelet: { pinnedImages: async () => ["kept:1"], configuration: { evictionHard: {} } },
    });
    const { need, clock, runtime, createPod, waitForPod } = started;
    await createPod("web", {});
    await waitForPod("web", isRunning);
    for (const image of ["kept:1", "old:1", "older:1"]) await runtime.pullImage(image);
    await clock.advance(5 * 60_000 + 1000);
    await runtime.pullImage("new:1");
    await clock.advance(2000);
    need.disk = { availableBytes: 14 * GIB };
    // Six gibibytes to free for the low mark: both old ones go; the new one is too new at first.
    await clock.advance(5 * 60_000);
    expect(await images(started)).toEqual(["app:1", "kept:1", "new:1"]);
  });

  it("go when they are too old", async () => {
    const started = await start({ kubelet: { configuration: { imageMaximumGCAge: "1h" } } });
    await started.runtime.pullImage("unused:1");
    await started.createPod("web", {});
    await started.waitForPod("web", isRunning);
    await started.clock.advance(59 * 60_000);
    expect(await images(started)).toEqual(["app:1", "unused:1"]);
    await started.clock.advance(20 * 60_000);
    expect(await images(started)).toEqual(["app:1"]);
  });

  it("cannot be blamed for a full disk when there are none", async () => {
    const { need, clock, nodeEvents } = await start({ kubelet: { configuration: { evictionHard: {} } } });
    need.disk = { availableBytes: 10 * GIB };
    await clock.advance(5 * 60_000 + 1000);
    expect(await nodeEvents()).toContainEqual(
      expect.stringMatching(/^FreeDiskSpaceFailed: Insufficient free disk space on the node's image filesystem \(90% of 100\.0 GiB used\)\. Failed to free/),
    );
  });
});
