// What dies under a working cluster: kubets, containerd, containers, sandboxes, at random moments under load. Pods go on,
// nothing that was acknowledged is lost, controllers converge, nothing is doubled.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestImages } from "../images/build.host.ts";
import { containerTests } from "../machine.host.ts";
import { eventually, type TestCluster, testCluster } from "./cluster.host.ts";
import { type Acknowledged, startLoad } from "./load.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";

const { reason } = containerTests();
const API_PORT = 6443;
const KILLS = 4;
const LONGEST_PAUSE_MS = 900;
/** Each deployment's containers are told from all others by how long they sleep. */
const STEADY_SLEEP = "3600001";
const SCALED_SLEEP = "3600002";

interface PodContainer {
  readonly pod: string;
  readonly containerId: string;
  readonly restarts: number;
}

describe.skipIf(reason !== undefined)("when something dies", () => {
  let cluster: TestCluster;
  let before: MachineState;
  let folder: string;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-failure-"));
    cluster = testCluster();
    await cluster.start();
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
    const deployments = [deployment("steady", 3, STEADY_SLEEP), deployment("scaled", 2, SCALED_SLEEP)];
    for (const object of deployments) await cluster.kubectl.run(["create", "-f", "-"], { input: JSON.stringify(object) });
    await settled("steady", 3, STEADY_SLEEP);
    await settled("scaled", 2, SCALED_SLEEP);
  });

  afterAll(async () => {
    await cluster?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl.run(args);
  const containersOf = async (app: string): Promise<readonly PodContainer[]> => {
    const list = JSON.parse(await kubectl("get", "pods", "-l", `app=${app}`, "-o", "json")) as PodList;
    return list.items.map(({ metadata, status }) => {
      const [container] = status.containerStatuses ?? [];
      return { pod: metadata.name, containerId: container?.containerID ?? "", restarts: container?.restartCount ?? -1 };
    });
  };
  const expectKept = async ({ created, counters }: Acknowledged): Promise<void> => {
    const { items } = JSON.parse(await kubectl("get", "configmaps", "-o", "json")) as ConfigMapList;
    const stored = new Map(items.map(({ metadata, data }) => [metadata.name, data?.["value"]]));
    expect(created.filter((name) => !stored.has(name))).toEqual([]);
    for (const [name, value] of counters) expect(Number(stored.get(name)), name).toBeGreaterThanOrEqual(value);
  };
  const settled = async (app: string, replicas: number, sleep: string): Promise<void> => {
    await kubectl("rollout", "status", `deployment/${app}`, "--timeout=90s");
    await eventually(
      async () => ({ pods: (await containersOf(app)).length, processes: processesOf("sleep", sleep).length }),
      ({ pods, processes }) => pods === replicas && processes === replicas,
    );
  };

  it("kubets: pods go on, what was acknowledged is there, and nothing is doubled", async () => {
    const steady = await containersOf("steady");
    for (let kill = 0; kill < KILLS; kill++) {
      const load = await startLoad(cluster.dataDirectory, 4, `kubets-${kill}`);
      const replicas = 3 + (kill % 3);
      await kubectl("scale", "deployment/scaled", `--replicas=${replicas}`);
      const pauseMs = await pause();
      process.kill(await clusterPid(cluster), "SIGKILL");
      await cluster.start();
      const acknowledged = await load.stop();
      expect(acknowledged.created.length, `killed after ${pauseMs} ms`).toBeGreaterThan(0);
      await expectKept(acknowledged);
      await settled("scaled", replicas, SCALED_SLEEP);
    }
    expect(await containersOf("steady")).toEqual(steady);
  });

  it("containerd: it is started again, pods go on, and new ones can be made", async () => {
    const steady = await containersOf("steady");
    const load = await startLoad(cluster.dataDirectory, 2, "containerd");
    await kubectl("scale", "deployment/scaled", "--replicas=5");
    await pause();
    process.kill(containerdPid(cluster), "SIGKILL");
    await kubectl("run", "afterwards", "--image=busybox:local", "--restart=Never", "--", "sleep", "3600");
    await kubectl("wait", "--for=condition=Ready", "pod/afterwards", "--timeout=90s");
    expect(await kubectl("exec", "afterwards", "--", "echo", "alive")).toBe("alive\n");
    await expectKept(await load.stop());
    await settled("scaled", 5, SCALED_SLEEP);
    expect(await containersOf("steady")).toEqual(steady);
    const [{ pod = "" } = {}] = steady;
    expect(await kubectl("exec", pod, "--", "echo", "alive")).toBe("alive\n");
  });

  it("kubets and containerd together", async () => {
    const steady = await containersOf("steady");
    const load = await startLoad(cluster.dataDirectory, 2, "both");
    await kubectl("scale", "deployment/scaled", "--replicas=2");
    await pause();
    process.kill(await clusterPid(cluster), "SIGKILL");
    process.kill(containerdPid(cluster), "SIGKILL");
    await cluster.start();
    await expectKept(await load.stop());
    await settled("scaled", 2, SCALED_SLEEP);
    expect(await containersOf("steady")).toEqual(steady);
  });

  it("a container: it is started again, and its end is told", async () => {
    const [pid = 0] = processesOf("sleep", STEADY_SLEEP);
    process.kill(pid, "SIGKILL");
    const restarted = await eventually(
      () => containersOf("steady"),
      (containers) => containers.some(({ restarts }) => restarts === 1),
    );
    const killed = restarted.find(({ restarts }) => restarts === 1)?.pod ?? "";
    expect(restarted.filter(({ restarts }) => restarts === 0).length).toBe(2);
    const last = await kubectl("get", "pod", killed, "-o", "jsonpath={.status.containerStatuses[0].lastState.terminated}");
    expect(JSON.parse(last)).toMatchObject({ exitCode: 137, reason: "Error" });
    await settled("steady", 3, STEADY_SLEEP);
  });

  it("a sandbox: the pod gets a new one, and its containers again", async () => {
    await kubectl("delete", "pod", "afterwards", "--grace-period=1");
    const pauses = await eventually(
      async () => processesOf("/pause"),
      ({ length }) => length === 5,
    );
    process.kill(pauses[0] ?? 0, "SIGKILL");
    await eventually(
      () => kubectl("get", "events", "--field-selector=reason=SandboxChanged", "-o", "name"),
      (events) => events.trim() !== "",
    );
    await settled("steady", 3, STEADY_SLEEP);
    await settled("scaled", 2, SCALED_SLEEP);
    await eventually(
      async () => processesOf("/pause").length,
      (count) => count === pauses.length,
    );
  });

  it("nothing, but the port of the API is taken: the command says so and leaves the rest alone", async () => {
    await cluster.kubets("stop");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(API_PORT, "127.0.0.1", resolve));
    try {
      const { code, stderr } = await cluster.tryKubets("start");
      expect(code).not.toBe(0);
      expect(stderr).toContain(`${API_PORT}`);
      expect(stderr).toMatch(/in use|taken/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await cluster.start();
    await settled("steady", 3, STEADY_SLEEP);
  });
});

/** Its containers end a second after they are asked to: as first process of its container, sleep does not heed SIGTERM. */
function deployment(name: string, replicas: number, sleep: string) {
  const labels = { app: name };
  const containers = [{ name, image: "busybox:local", command: ["sleep", sleep] }];
  const template = { metadata: { labels }, spec: { containers, terminationGracePeriodSeconds: 1 } };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name }, spec: { replicas, selector: { matchLabels: labels }, template } };
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number }[] };
  }[];
}

interface ConfigMapList {
  readonly items: readonly { readonly metadata: { readonly name: string }; readonly data?: Readonly<Record<string, string>> }[];
}

/** A random while, so that over many runs every moment is hit. */
async function pause(): Promise<number> {
  const ms = Math.round(Math.random() * LONGEST_PAUSE_MS);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return ms;
}

async function clusterPid(cluster: TestCluster): Promise<number> {
  const { pid } = JSON.parse(await cluster.kubets("status", "-o", "json")) as { pid: number };
  return pid;
}

function containerdPid({ dataDirectory }: TestCluster): number {
  const [pid] = processes().flatMap(({ pid, args }) => (args[0]?.endsWith("containerd") && args.includes(join(dataDirectory, "containerd.toml")) ? [pid] : []));
  if (pid === undefined) throw new Error("the cluster's containerd does not run");
  return pid;
}

/** Processes whose command line is exactly this; zombies have none. */
function processesOf(...command: readonly string[]): readonly number[] {
  return processes().flatMap(({ pid, args }) => (args.join("\0") === command.join("\0") ? [pid] : []));
}

function processes(): readonly { readonly pid: number; readonly args: readonly string[] }[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const args = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").slice(0, -1);
      return [{ pid: Number(name), args }];
    } catch {
      // It ended meanwhile.
      return [];
    }
  });
}
