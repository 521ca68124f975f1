// What becomes of the containers of a pod on a simulated node: new starts by rules, what they are made with, and how they are
// told of.
import { afterEach, describe, expect, it } from "vitest";
import { type ContainerStatus, type Pod, pods } from "../src/api/index.ts";
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

describe("a sidecar", () => {
  it("holds the next container back until its startup probe succeeds, and is restarted when its liveness probe fails", async () => {
    let started = false;
    let alive = true;
    const sick = ({ attempt }: SimulatedContainer): boolean => attempt === 0 && !alive;
    const tcp = async () => (started ? ({ ok: true } as const) : ({ ok: false, reason: "refused", stage: "connect", message: "" } as const));
    const exec = (asked: SimulatedContainer): { exitCode: number } => ({ exitCode: sick(asked) ? 1 : 0 });
    const { createPod, waitForPod, clock, pod: get } = await start({ host: { dialer: { tcp } }, runtime: { exec } });
    const proxy = container("proxy", {
      restartPolicy: "Always",
      startupProbe: { tcpSocket: { port: 15_000 }, periodSeconds: 1, failureThreshold: 60 },
      livenessProbe: { exec: { command: ["alive"] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1 },
    });
    await createPod("web", { initContainers: [proxy] });
    await clock.advance(10_000);
    const waiting = await get("web");
    expect(statusOf(waiting, "proxy")).toMatchObject({ started: false, ready: false, state: { running: {} } });
    expect(statusOf(waiting)?.state?.waiting?.reason).toBe("PodInitializing");
    expect(condition(waiting, "Initialized")).toMatchObject({ status: "False", message: "containers with incomplete status: [proxy]" });
    expect(waiting.status?.phase).toBe("Pending");
    started = true;
    const ready = await waitForPod("web", isReady);
    alive = false;
    const again = await waitForPod("web", (pod) => isReady(pod) && statusOf(pod, "proxy")?.restartCount === 1);
    expect(statusOf(again)).toEqual(statusOf(ready));
  });

  it("ends after the containers, the last one first, all within one grace period", async () => {
    const ends: [string, number][] = [];
    const behaviour = ({ name }: SimulatedContainer): object => ({ stopAfterMs: name === "main" ? 4000 : 1000 });
    const { createPod, waitForPod, waitUntilGone, client, clock, runtime } = await start({ runtime: { behaviour } });
    const sidecars = ["first", "second"].map((name) => container(name, { restartPolicy: "Always" }));
    await createPod("web", { initContainers: sidecars, containers: [container("main")] });
    await waitForPod("web", isReady);
    const beganMs = clock.now();
    runtime.watchEvents(async () => {
      for (const { labels, state, finishedAtMs } of await runtime.listContainers()) {
        const name = labels["io.kubernetes.container.name"] ?? "";
        if (state === "exited" && !ends.some(([known]) => known === name)) ends.push([name, finishedAtMs - beganMs]);
      }
    });
    await client.delete(pods, { namespace: "default", name: "web" });
    await waitUntilGone("web");
    expect(ends).toEqual([
      ["main", 4000],
      ["second", 5000],
      ["first", 6000],
    ]);
  });

  it("does not keep a pod that is done from succeeding", async () => {
    const behaviour = ({ name }: SimulatedContainer): object => (name === "main" ? { exitAfterMs: 2000 } : { exitCode: 143 });
    const { createPod, waitForPod } = await start({ runtime: { behaviour } });
    await createPod("job", { restartPolicy: "OnFailure", initContainers: [container("proxy", { restartPolicy: "Always" })] });
    const pod = await waitForPod("job", ({ status }) => status?.phase === "Succeeded");
    expect(statusOf(pod, "proxy")?.state?.terminated?.exitCode).toBe(143);
    expect(statusOf(pod, "proxy")?.restartCount).toBe(0);
  });
});

describe("the end of a container", () => {
  it("comes after the probe's own grace period when the probe ended it", async () => {
    const { createPod, waitForPod } = await start({ runtime: { behaviour: () => ({ stopAfterMs: Infinity }), exec: () => ({ exitCode: 1 }) } });
    const livenessProbe = { exec: { command: ["alive"] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 5 };
    await createPod("web", { terminationGracePeriodSeconds: 600, containers: [container("main", { livenessProbe })] });
    const pod = await waitForPod("web", (seen) => statusOf(seen)?.lastState?.terminated !== undefined, 30_000);
    const { startedAt = "", finishedAt = "", exitCode } = statusOf(pod)?.lastState?.terminated ?? {};
    expect([exitCode, Date.parse(finishedAt) - Date.parse(startedAt)]).toEqual([137, 5000]);
  });

  it("waits for the preStop hook, which counts, and for no more than the grace period", async () => {
    const { createPod, waitForPod, waitUntilGone, client, clock } = await start();
    const end = async (name: string, seconds: number, gracePeriodSeconds: number): Promise<number> => {
      await createPod(name, { containers: [container("main", { lifecycle: { preStop: { sleep: { seconds } } } })] });
      await waitForPod(name, isReady);
      const beganMs = clock.now();
      await client.delete(pods, { namespace: "default", name }, { gracePeriodSeconds });
      await waitUntilGone(name);
      return clock.now() - beganMs;
    };
    expect(await end("short", 5, 30)).toBe(5000);
    expect(await end("long", 25, 10)).toBe(10_000);
  });

  it("tells no more of its last words than all containers of a pod together may", async () => {
    const behaviour = (): object => ({ exitAfterMs: 100, exitCode: 1, terminationMessage: "x".repeat(4096) });
    const { createPod, waitForPod } = await start({ runtime: { behaviour } });
    await createPod("many", { restartPolicy: "Never", containers: Array.from({ length: 6 }, (_, index) => container(`c${index}`)) });
    const pod = await waitForPod("many", ({ status }) => status?.phase === "Failed");
    expect(pod.status?.containerStatuses?.map(({ state }) => state?.terminated?.message?.length)).toEqual(Array(6).fill(2048));
  });
});

describe("lifecycle hooks", () => {
  it("call a server by HTTP, with the headers that they name", async () => {
    const calls: string[] = [];
    const http = async ({ url, headers }: { url: string; headers: readonly { name: string; value: string }[] }) => {
      calls.push(`${url} ${headers.find(({ name }) => name === "X-Who")?.value}`);
      return { ok: true as const, status: 500, body: "" };
    };
    const { createPod, waitForPod } = await start({ host: { dialer: { http } } });
    const httpGet = { host: "example.test", port: 8443, path: "/hello", scheme: "HTTPS", httpHeaders: [{ name: "X-Who", value: "me" }] };
    await createPod("web", { containers: [container("main", { lifecycle: { postStart: { httpGet } } })] });
    await waitForPod("web", isReady);
    expect(calls).toEqual(["https://example.test:8443/hello me"]);
  });

  it("end a container that they fail after its start, and it is tried again with growing pauses", async () => {
    const exec = (): { exitCode: number; stderr: string } => ({ exitCode: 3, stderr: "no" });
    const { createPod, waitForPod, eventsOf } = await start({ runtime: { exec } });
    await createPod("web", {
      terminationGracePeriodSeconds: 0,
      containers: [container("main", { lifecycle: { postStart: { exec: { command: ["warm"] } } } })],
    });
    const pod = await waitForPod("web", (seen) => statusOf(seen)?.state?.waiting?.reason === "PostStartHookError");
    expect(statusOf(pod)?.state?.waiting?.message).toMatch(
      /^Exec lifecycle hook \(\[warm\]\) for Container "main" in Pod "web_default\(.*\)" failed - error: command 'warm' exited with 3: no/,
    );
    await waitForPod("web", (seen) => statusOf(seen)?.state?.waiting?.reason === "CrashLoopBackOff");
    expect(await eventsOf("web")).toEqual(expect.arrayContaining(["FailedPostStartHook: PostStartHook failed", "Killing: FailedPostStartHook"]));
  });
});

describe("the downward API", () => {
  it("gives fields and resources as variables, with what the node has where there is no limit", async () => {
    const { createPod, waitForPod, runtime } = await start({ host: { facts: { cpuCount: 4, memoryBytes: 2 ** 33 } } });
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
    const resource = (name: string, selector: { resource: string; divisor?: string; containerName?: string }) => ({
      name,
      valueFrom: { resourceFieldRef: selector },
    });
    const env = [
      ...[field("NAME", "metadata.name"), field("NAMESPACE", "metadata.namespace"), field("UID", "metadata.uid"), field("NODE", "spec.nodeName")],
      ...[field("ACCOUNT", "spec.serviceAccountName"), field("HOST", "status.hostIP"), field("HOSTS", "status.hostIPs"), field("IPS", "status.podIPs")],
      ...[field("LABEL", "metadata.labels['app']"), field("NOTE", "metadata.annotations['note']")],
      ...[resource("CPU_LIMIT", { resource: "limits.cpu" }), resource("MEMORY_LIMIT", { resource: "limits.memory" })],
      ...[resource("CPU_REQUEST", { resource: "requests.cpu", divisor: "1m" }), resource("MEMORY_REQUEST", { resource: "requests.memory", divisor: "1Mi" })],
      resource("STORAGE", { resource: "limits.ephemeral-storage", divisor: "1Gi" }),
      { name: "odd name!", value: "$(NAME)" },
    ];
    const main = container("main", { env, resources: { requests: { cpu: "250m", memory: "1500Ki" } } });
    const { metadata } = await createPod("web", { containers: [main] }, { labels: { app: "shop" }, annotations: { note: "n" } });
    const pod = await waitForPod("web", isReady);
    const seen = Object.fromEntries(runtime.config(idOf(statusOf(pod))).envs.map(({ key, value }) => [key, value]));
    expect(seen).toMatchObject({
      ...{ NAME: "web", NAMESPACE: "default", UID: metadata.uid, NODE: "node-1", ACCOUNT: "default", LABEL: "shop", NOTE: "n", "odd name!": "web" },
      ...{ HOST: "192.168.7.5", HOSTS: "192.168.7.5", IPS: "10.244.0.2" },
      ...{ CPU_LIMIT: "4", MEMORY_LIMIT: String(2 ** 33 - 100 * 2 ** 20), CPU_REQUEST: "250", MEMORY_REQUEST: "2", STORAGE: "90" },
    });
  });
});

describe("sub paths", () => {
  const volumes = [{ name: "work", emptyDir: {} }];
  const mount = (subPathExpr: string): Partial<Container> => ({
    env: [{ name: "WHERE", valueFrom: { fieldRef: { fieldPath: "metadata.annotations['where']" } } }],
    volumeMounts: [{ name: "work", mountPath: "/work", subPathExpr }],
  });
  it.each([
    ["an absolute path", "/tmp", /^error SubPath `\/tmp` must not be an absolute path$/],
    ["a way up", "..", /must not contain '..'$/],
  ])("are refused for %s, until the pod says better", async (_what, where, message) => {
    const { createPod, waitForPod, client, runtime } = await start();
    await createPod("web", { volumes, containers: [container("main", mount("$(WHERE)"))] }, { annotations: { where } });
    const waiting = await waitForPod("web", (pod) => statusOf(pod)?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(statusOf(waiting)?.state?.waiting?.message).toMatch(message);
    await client.patch(pods, { namespace: "default", name: "web" }, { type: "merge", body: { metadata: { annotations: { where: "inside" } } } });
    const pod = await waitForPod("web", isReady);
    const [bound] = runtime.config(idOf(statusOf(pod))).mounts.filter(({ containerPath }) => containerPath === "/work");
    expect(bound?.hostPath).toMatch(/\/volume-subpaths\/work\/main\/0$/);
  });
  it("are refused for a name that nothing defines", async () => {
    const { createPod, waitForPod } = await start();
    await createPod("web", { volumes, containers: [container("main", mount("$(NOWHERE)"))] });
    const waiting = await waitForPod("web", (pod) => statusOf(pod)?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(statusOf(waiting)?.state?.waiting?.message).toBe('missing value for "NOWHERE"');
  });
});

describe("a critical pod", () => {
  it("gets the room of another when there is none, and ends it as preempted", async () => {
    const { createPod, waitForPod, eventsOf } = await start({ host: { facts: { cpuCount: 2 } } });
    const half = { resources: { requests: { cpu: "900m" } } };
    await createPod("one", { containers: [container("main", half)] });
    await createPod("two", { containers: [container("main", { resources: { requests: { cpu: "1" } } })] });
    await waitForPod("one", isReady);
    await waitForPod("two", isReady);
    await createPod("critical", { priorityClassName: "system-node-critical", containers: [container("main", half)] });
    await waitForPod("critical", isReady);
    const victim = await waitForPod("one", ({ status }) => status?.phase === "Failed");
    expect(victim.status).toMatchObject({ reason: "Preempting", message: "Preempted in order to admit critical pod" });
    expect(condition(victim, "DisruptionTarget")).toMatchObject({
      status: "True",
      reason: "TerminationByKubelet",
      message: "Pod was preempted by Kubelet to accommodate a critical pod.",
    });
    expect(await eventsOf("one")).toContain("Preempting: Preempted in order to admit critical pod");
    await createPod("refused", { priorityClassName: "system-node-critical", containers: [container("main", { resources: { requests: { cpu: "5" } } })] });
    const refused = await waitForPod("refused", ({ status }) => status?.phase === "Failed");
    expect(refused.status?.reason).toBe("UnexpectedAdmissionError");
  });
});
