// The kubelet on real containers: the API server over a memory store, the Linux host, and a containerd of its own.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configMaps, events, type Pod, pods, serviceAccounts } from "../../src/api/index.ts";
import { createApiServer } from "../../src/apiserver/index.ts";
import { createSystemEnv } from "../../src/base/index.host.ts";
import type { Env } from "../../src/base/index.ts";
import type { Client } from "../../src/client/index.ts";
import { createLinuxKubeletHost } from "../../src/kubelet/index.host.ts";
import { createKubelet, type Kubelet, type KubeletHost } from "../../src/kubelet/index.ts";
import { createMemoryStore } from "../../src/store/index.ts";
import { containerTests } from "../machine.host.ts";
import { startTestNode, type TestNode } from "./node.host.ts";

const NAME = "real-node";
const IMAGE = "busybox:local";
const { reason } = containerTests();

describe.skipIf(reason !== undefined)("the kubelet on real containers", () => {
  let env: Env;
  let machine: TestNode;
  let host: KubeletHost;
  let client: Client;
  let newKubelet: () => Kubelet;
  let kubelet: Kubelet;
  let stopServer: () => Promise<void>;

  beforeAll(async () => {
    env = createSystemEnv({ logLevel: "warn" });
    machine = await startTestNode();
    host = createLinuxKubeletHost(env, { rootDirectory: join(machine.paths.data, "kubelet") });
    const server = createApiServer(env, { store: createMemoryStore(env) });
    await server.start();
    stopServer = () => server.stop();
    client = server.localClient({ name: "admin", groups: ["system:masters"] });
    await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } });
    await client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "kube-root-ca.crt", namespace: "default" },
      data: { "ca.crt": "CA" },
    });
    newKubelet = () =>
      createKubelet(env, {
        client: server.localClient({ name: `system:node:${NAME}`, groups: ["system:nodes", "system:authenticated"] }),
        nodeName: NAME,
        runtime: machine.runtime,
        host,
        nodeIps: ["192.0.2.7"],
        clusterDns: ["10.96.0.10"],
        podPidsLimit: 200,
        cgroupRoot: "/kubets-kubelet-test",
      });
    kubelet = newKubelet();
    await kubelet.start();
  }, 120_000);
  afterAll(async () => {
    await kubelet?.stop();
    await stopServer?.();
    await machine?.dispose();
    await host?.cgroups.remove("/kubets-kubelet-test");
  }, 60_000);

  const create = (name: string, spec: Partial<Pod["spec"]>): Promise<Pod> => {
    const whole = { containers: [], nodeName: NAME, terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, ...spec };
    return client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec: whole } as Pod);
  };
  const get = (name: string): Promise<Pod> => client.get(pods, { namespace: "default", name });
  const until = async <T>(what: () => Promise<T>, holds: (value: T) => boolean): Promise<T> => {
    const deadlineMs = env.clock.monotonic() + 30_000;
    for (;;) {
      const value = await what();
      if (holds(value)) return value;
      if (env.clock.monotonic() > deadlineMs) throw new Error(`does not hold in time: ${JSON.stringify(value, null, 1)}`);
      await new Promise<void>((resolve) => env.clock.setTimeout(resolve, 50));
    }
  };
  const waitFor = (name: string, holds: (pod: Pod) => boolean): Promise<Pod> => until(() => get(name), holds);
  const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  const remove = async (name: string): Promise<void> => {
    await client.delete(pods, { namespace: "default", name });
    await until(
      () => client.list(pods, { namespace: "default" }),
      ({ items }) => !items.some(({ metadata }) => metadata.name === name),
    );
  };
  const run = async (name: string, ...command: string[]): Promise<string> =>
    new TextDecoder().decode(await kubelet.api.run({ namespace: "default", pod: name, container: "main" }, command));
  const container = (more: Partial<Pod["spec"]["containers"][number]> = {}): Pod["spec"]["containers"][number] => ({
    name: "main",
    image: IMAGE,
    imagePullPolicy: "IfNotPresent",
    command: ["sleep", "1000"],
    ...more,
  });

  it("gives a container its files, environment, limits, names and resolver", async () => {
    await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "conf", namespace: "default" }, data: { "app.conf": "one" } });
    const { metadata } = await create("web", {
      automountServiceAccountToken: true,
      securityContext: { fsGroup: 2000, runAsUser: 1000 },
      volumes: [
        { name: "conf", configMap: { name: "conf" } },
        { name: "scratch", emptyDir: {} },
        { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
        { name: "me", downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
      ],
      containers: [
        container({
          env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
          resources: { limits: { cpu: "500m", memory: "64Mi" }, requests: { cpu: "250m", memory: "32Mi" } },
          volumeMounts: [
            { name: "conf", mountPath: "/conf" },
            { name: "conf", mountPath: "/one-file", subPath: "app.conf" },
            { name: "scratch", mountPath: "/scratch" },
            { name: "scratch", mountPath: "/deep", subPath: "a/b" },
            { name: "memory", mountPath: "/memory" },
            { name: "me", mountPath: "/me" },
          ],
        }),
      ],
    });
    const pod = await waitFor("web", isReady);
    expect(await run("web", "cat", "/conf/app.conf", "/one-file", "/me/name")).toBe("oneoneweb");
    expect((await run("web", "sh", "-c", "echo $POD_IP; hostname; id -G")).split("\n")).toEqual([
      pod.status?.podIP,
      "web",
      expect.stringContaining("2000"),
      "",
    ]);
    expect(await run("web", "sh", "-c", "touch /scratch/x /deep/y /memory/z && ls -ln /scratch/x | tr -s ' ' | cut -d' ' -f3,4")).toBe("1000 2000\n");
    expect(await run("web", "ls", "/scratch/a/b")).toBe("y\n");
    expect(await run("web", "sh", "-c", "grep -c ' /memory tmpfs' /proc/mounts")).toBe("1\n");
    expect(await run("web", "cat", "/etc/resolv.conf")).toContain("search default.svc.cluster.local svc.cluster.local cluster.local");
    expect(await run("web", "cat", "/etc/hosts")).toContain(`${pod.status?.podIP}\tweb`);
    expect(await run("web", "cut", "-c1-2", "/var/run/secrets/kubernetes.io/serviceaccount/token")).toBe("ey\n");
    const limit = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].join(" ");
    expect((await run("web", "sh", "-c", `cat ${limit} 2>/dev/null; true`)).trim()).toBe(String(64 << 20));
    // Live update: the directory follows, the bound file stays until the container starts anew.
    await client.patch(configMaps, { namespace: "default", name: "conf" }, { type: "merge", body: { data: { "app.conf": "two" } } });
    await until(
      () => run("web", "cat", "/conf/app.conf"),
      (text) => text === "two",
    );
    expect(await run("web", "cat", "/one-file")).toBe("one");
    await remove("web");
    await until(
      async () => readdirSync(join(host.rootDirectory, "pods")),
      (names) => !names.includes(metadata.uid ?? ""),
    );
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(metadata.uid);
    expect(
      readdirSync("/sys/fs/cgroup").some((hierarchy) => existsSync(`/sys/fs/cgroup/${hierarchy}/kubets-kubelet-test/kubepods/burstable/pod${metadata.uid}`)),
    ).toBe(false);
  });

  it("shows how containers end, with message, log and previous log", async () => {
    await create("ends", { containers: [container({ command: ["sh", "-c", "echo said; echo last words > /dev/termination-log; exit 3"] })] });
    const pod = await waitFor("ends", ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff");
    expect(pod.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: "Error", message: "last words\n" });
    const log = async (previous: boolean): Promise<string> => {
      let text = "";
      const target = { namespace: "default", pod: "ends", container: "main" };
      for await (const chunk of await kubelet.api.containerLogs(target, { previous }, new AbortController().signal)) text += new TextDecoder().decode(chunk);
      return text;
    };
    expect([await log(false), await log(true)]).toEqual(["said\n", "said\n"]);
    await remove("ends");
  });

  it("kills a container that takes more memory than it may", async () => {
    const greedy = container({ command: ["sh", "-c", "x=a; while true; do x=$x$x; done"], resources: { limits: { memory: "16Mi" } } });
    await create("greedy", { restartPolicy: "Never", containers: [greedy] });
    const pod = await waitFor("greedy", ({ status }) => status?.phase === "Failed");
    expect(pod.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
    await remove("greedy");
  });

  it("probes containers, and restarts those that fail", async () => {
    const livenessProbe = { exec: { command: ["test", "!", "-e", "/tmp/sick"] }, periodSeconds: 1, failureThreshold: 1 };
    const readinessProbe = { exec: { command: ["test", "-e", "/tmp/ready"] }, periodSeconds: 1 };
    await create("probed", { containers: [container({ command: ["sh", "-c", "sleep 2; touch /tmp/ready; sleep 1000"], livenessProbe, readinessProbe })] });
    const early = await waitFor("probed", ({ status }) => status?.phase === "Running");
    expect(isReady(early)).toBe(false);
    await waitFor("probed", isReady);
    await run("probed", "touch", "/tmp/sick");
    await waitFor("probed", ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1);
    await remove("probed");
  });

  it("runs init containers and sidecars in order", async () => {
    const initContainers = [
      container({ name: "first", command: ["sh", "-c", "echo first >> /shared/order"], volumeMounts: [{ name: "shared", mountPath: "/shared" }] }),
      container({ name: "proxy", restartPolicy: "Always", command: ["sleep", "1000"] }),
    ];
    const main = container({
      command: ["sh", "-c", "echo main >> /shared/order; cat /shared/order"],
      volumeMounts: [{ name: "shared", mountPath: "/shared" }],
    });
    await create("ordered", { restartPolicy: "Never", initContainers, containers: [main], volumes: [{ name: "shared", emptyDir: {} }] });
    await waitFor("ordered", ({ status }) => status?.phase === "Succeeded");
    let text = "";
    const target = { namespace: "default", pod: "ordered", container: "main" };
    for await (const chunk of await kubelet.api.containerLogs(target, {}, new AbortController().signal)) text += new TextDecoder().decode(chunk);
    expect(text).toBe("first\nmain\n");
    await remove("ordered");
  });

  it("leaves running containers alone when it starts anew, and ends those whose pods are gone", async () => {
    await create("stays", { containers: [container()] });
    await create("goes", { containers: [container()] });
    const before = await waitFor("stays", isReady);
    const gone = await waitFor("goes", isReady);
    await kubelet.stop();
    await client.delete(pods, { namespace: "default", name: "goes" }, { gracePeriodSeconds: 0 });
    kubelet = newKubelet();
    await kubelet.start();
    await until(
      () => machine.runtime.listPodSandboxes({ podUid: gone.metadata.uid ?? "" }),
      (sandboxes) => sandboxes.length === 0,
    );
    const after = await get("stays");
    expect(after.status?.containerStatuses?.[0]?.containerID).toBe(before.status?.containerStatuses?.[0]?.containerID);
    expect(after.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await remove("stays");
  });

  it("says in events what it did", async () => {
    await create("told", { containers: [container()] });
    await waitFor("told", isReady);
    const { items } = await until(
      () => client.list(events, { namespace: "default", fieldSelector: "involvedObject.name=told" }),
      (list) => list.items.length >= 3,
    );
    expect(items.map(({ reason: why, message }) => `${why}: ${message}`).sort()).toEqual([
      "Created: Container created",
      `Pulled: Container image "${IMAGE}" already present on machine and can be accessed by the pod`,
      "Started: Container started",
    ]);
    await remove("told");
  });
});
