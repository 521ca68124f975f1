import { afterEach, describe, expect, it, vi } from "vitest";
import { configMaps, type Pod, pods, secrets, services } from "../src/api/index.ts";
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

const isRunning = (pod: Pod): boolean => pod.status?.phase === "Running";
const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const main = (more: object = {}): Pod["spec"]["containers"][number] => ({ name: "main", image: "app:1", imagePullPolicy: "IfNotPresent", ...more });
const conditionOf = (pod: Pod, type: string) => pod.status?.conditions?.find((condition) => condition.type === type);
const statusOf = (pod: Pod, name = "main") =>
  [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find((status) => status.name === name);

describe("a pod on a node", () => {
  it("becomes running and ready, with addresses, a container ID and events", async () => {
    const { createPod, waitForPod, eventsOf } = await start();
    await createPod("web", {});
    const pod = await waitForPod("web", isRunning);
    const { status } = pod;
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
    expect(statusOf(pod)).toMatchObject({ name: "main", ready: true, started: true, restartCount: 0, image: "app:1" });
    expect(statusOf(pod)?.containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/);
    expect(await eventsOf("web")).toEqual([
      'Pulling: Pulling image "app:1"',
      'Pulled: Successfully pulled image "app:1" in 0s (0s including waiting). Image size: 1000000 bytes.',
      "Created: Container created",
      "Started: Container started",
    ]);
  });

  it("costs few writes to start and none while nothing happens", async () => {
    const { createPod, waitForPod, patches, clock, client } = await start();
    await createPod("web", {});
    await waitForPod("web", isReady);
    await clock.settle();
    const writes = (): number => patches.filter((text) => text === "pods/status web").length;
    expect(writes()).toBeLessThanOrEqual(3);
    const before = writes();
    await client.patch(pods, { namespace: "default", name: "web" }, { type: "merge", body: { metadata: { labels: { a: "b" } } } });
    await clock.advance(10 * 60_000);
    expect(writes()).toBe(before);
  });

  it("is looked at in the runtime before the kubelet acts and after, not once more for what the kubelet did", async () => {
    const { createPod, waitForPod, runtime, clock, client } = await start();
    await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "default" }, data: { a: "1" } });
    const looks = vi.spyOn(runtime, "listContainers");
    await createPod("web", {
      volumes: [{ name: "settings", configMap: { name: "settings" } }],
      containers: [main({ volumeMounts: [{ name: "settings", mountPath: "/settings" }] })],
    });
    await waitForPod("web", isReady);
    await clock.settle();
    expect(looks.mock.calls.filter(([filter]) => filter?.podUid !== undefined)).toHaveLength(2);
  });

  it("succeeds when its containers do and the policy is Never or OnFailure", async () => {
    const { createPod, waitForPod } = await start();
    await createPod("job", { restartPolicy: "Never", containers: [main({ command: ["sh", "-c", "sleep 3; exit 0"] })] });
    const pod = await waitForPod("job", ({ status }) => status?.phase === "Succeeded");
    expect(statusOf(pod)?.state?.terminated).toMatchObject({ exitCode: 0, reason: "Completed" });
    expect(conditionOf(pod, "Ready")).toMatchObject({ status: "False", reason: "PodCompleted" });
  });

  it("fails when a container does and the policy is Never, with the termination message", async () => {
    const behaviour = (): object => ({ exitAfterMs: 100, exitCode: 3, terminationMessage: "no luck" });
    const { createPod, waitForPod } = await start({ runtime: { behaviour } });
    await createPod("job", { restartPolicy: "Never" });
    const pod = await waitForPod("job", ({ status }) => status?.phase === "Failed");
    expect(statusOf(pod)?.state?.terminated).toMatchObject({ exitCode: 3, reason: "Error", message: "no luck" });
  });

  it("shows the end of the log as message with FallbackToLogsOnError", async () => {
    const behaviour = (): object => ({ exitAfterMs: 100, exitCode: 1, output: ["starting", "cannot open the door"] });
    const { createPod, waitForPod } = await start({ runtime: { behaviour } });
    await createPod("job", { restartPolicy: "Never", containers: [main({ terminationMessagePolicy: "FallbackToLogsOnError" })] });
    const pod = await waitForPod("job", ({ status }) => status?.phase === "Failed");
    expect(statusOf(pod)?.state?.terminated?.message).toBe("starting\ncannot open the door\n");
  });

  it("is started again with growing pauses while its container keeps failing", async () => {
    const starts: number[] = [];
    const behaviour = (): object => {
      starts.push(node?.clock.now() ?? 0);
      return { exitAfterMs: 0, exitCode: 1 };
    };
    const { createPod, waitForPod, eventsOf, pod: get } = await start({ runtime: { behaviour } });
    const { metadata } = await createPod("crash", {});
    await waitForPod("crash", (pod) => statusOf(pod)?.restartCount === 5, 20 * 60_000);
    const pauses = starts.slice(1).map((at, index) => Math.round((at - (starts[index] ?? 0)) / 1000));
    expect(pauses).toEqual([0, 10, 20, 40, 80]);
    const pod = await waitForPod("crash", (seen) => statusOf(seen)?.state?.waiting !== undefined);
    expect(statusOf(pod)?.state?.waiting).toEqual({
      reason: "CrashLoopBackOff",
      message: `back-off 2m40s restarting failed container=main pod=crash_default(${metadata.uid})`,
    });
    expect(statusOf(pod)?.lastState?.terminated).toMatchObject({ exitCode: 1, reason: "Error" });
    expect(pod.status?.phase).toBe("Running");
    expect(await eventsOf("crash")).toContain(`BackOff: Back-off restarting failed container main in pod crash_default(${metadata.uid})`);
    expect((await get("crash")).status?.conditions?.find(({ type }) => type === "Ready")).toMatchObject({
      status: "False",
      reason: "ContainersNotReady",
      message: "containers with unready status: [main]",
    });
  });

  it("waits with ErrImagePull and ImagePullBackOff while its image cannot be pulled, and starts when it can", async () => {
    let isThere = false;
    const { createPod, waitForPod, eventsOf } = await start({ runtime: { pullable: () => isThere } });
    await createPod("web", {});
    const first = await waitForPod("web", (pod) => statusOf(pod)?.state?.waiting?.reason === "ErrImagePull");
    expect(first.status?.phase).toBe("Pending");
    const backedOff = await waitForPod("web", (pod) => statusOf(pod)?.state?.waiting?.reason === "ImagePullBackOff");
    expect(statusOf(backedOff)?.state?.waiting?.message).toMatch(/^Back-off pulling image "app:1": ErrImagePull: /);
    expect(await eventsOf("web")).toEqual(expect.arrayContaining(["Failed: Error: ErrImagePull", 'BackOff: Back-off pulling image "app:1"']));
    isThere = true;
    await waitForPod("web", isReady);
  });

  it("runs init containers one after the other, then the others", async () => {
    const order: string[] = [];
    const behaviour = ({ name }: SimulatedContainer): object => {
      order.push(name);
      return name === "main" ? {} : { exitAfterMs: 1000 };
    };
    const { createPod, waitForPod } = await start({ runtime: { behaviour } });
    await createPod("web", { initContainers: [main({ name: "one" }), main({ name: "two" })] });
    const early = await waitForPod("web", (pod) => statusOf(pod, "one")?.state?.running !== undefined);
    expect(conditionOf(early, "Initialized")).toMatchObject({
      status: "False",
      reason: "ContainersNotInitialized",
      message: "containers with incomplete status: [one two]",
    });
    expect(statusOf(early)?.state?.waiting?.reason).toBe("PodInitializing");
    const pod = await waitForPod("web", isReady);
    expect(order).toEqual(["one", "two", "main"]);
    expect(statusOf(pod, "one")).toMatchObject({ ready: true, state: { terminated: { reason: "Completed" } } });
  });

  it("fails when an init container fails and the policy is Never", async () => {
    const behaviour = ({ name }: SimulatedContainer): object => (name === "one" ? { exitAfterMs: 10, exitCode: 1 } : {});
    const { createPod, waitForPod } = await start({ runtime: { behaviour } });
    await createPod("web", { restartPolicy: "Never", initContainers: [main({ name: "one" })] });
    const pod = await waitForPod("web", ({ status }) => status?.phase === "Failed");
    expect(statusOf(pod, "one")?.state?.terminated?.exitCode).toBe(1);
  });

  it("keeps a sidecar beside the others, and ends it after them", async () => {
    const ends: string[] = [];
    const behaviour = ({ name }: SimulatedContainer): object => (name === "main" ? { exitAfterMs: 5000 } : {});
    const { createPod, waitForPod, runtime } = await start({ runtime: { behaviour } });
    const { metadata } = await createPod("web", { restartPolicy: "Never", initContainers: [main({ name: "proxy", restartPolicy: "Always" })] });
    runtime.watchEvents(async (event) => {
      if (event.type !== "containerStopped") return;
      for (const { labels, state } of await runtime.listContainers({ podUid: metadata.uid ?? "" })) {
        const name = labels["io.kubernetes.container.name"] ?? "";
        if (state === "exited" && !ends.includes(name)) ends.push(name);
      }
    });
    const running = await waitForPod("web", isReady);
    expect(statusOf(running, "proxy")).toMatchObject({ ready: true, started: true });
    await waitForPod("web", ({ status }) => status?.phase === "Succeeded");
    expect(ends).toEqual(["main", "proxy"]);
  });

  it("ends gracefully: the container gets its time, then the pod goes away with everything it had", async () => {
    const { createPod, waitForPod, client, waitUntilGone, runtime, host, clock, eventsOf } = await start({
      runtime: { behaviour: () => ({ stopAfterMs: 7000 }) },
    });
    const { metadata } = await createPod("web", {});
    await waitForPod("web", isReady);
    const beganMs = clock.now();
    await client.delete(pods, { namespace: "default", name: "web" });
    await waitUntilGone("web");
    expect(clock.now() - beganMs).toBe(7000);
    await clock.advance(1000);
    expect(await runtime.listPodSandboxes()).toEqual([]);
    expect(await host.files.list(`${host.rootDirectory}/pods`)).toEqual([]);
    expect([...host.groups.keys()].filter((path) => path.includes(metadata.uid ?? ""))).toEqual([]);
    expect(await eventsOf("web")).toContain("Killing: Stopping container main");
  });

  it("is killed when the grace period is over, and sooner when the period is shortened", async () => {
    const { createPod, waitForPod, client, waitUntilGone, clock } = await start({ runtime: { behaviour: () => ({ stopAfterMs: Infinity }) } });
    await createPod("slow", { terminationGracePeriodSeconds: 600 });
    await waitForPod("slow", isReady);
    const beganMs = clock.now();
    await client.delete(pods, { namespace: "default", name: "slow" });
    await clock.advance(5000);
    await client.delete(pods, { namespace: "default", name: "slow" }, { gracePeriodSeconds: 10 });
    await waitUntilGone("slow");
    expect(clock.now() - beganMs).toBeLessThan(20_000);
  });

  it("runs its preStop hook before it is stopped", async () => {
    const commands: string[] = [];
    const exec = (_container: SimulatedContainer, command: readonly string[]): { exitCode: number } => {
      commands.push(command.join(" "));
      return { exitCode: 0 };
    };
    const { createPod, waitForPod, client, waitUntilGone } = await start({ runtime: { exec } });
    await createPod("web", {
      containers: [main({ lifecycle: { preStop: { exec: { command: ["drain", "now"] } }, postStart: { exec: { command: ["warm"] } } } })],
    });
    await waitForPod("web", isReady);
    expect(commands).toEqual(["warm"]);
    await client.delete(pods, { namespace: "default", name: "web" });
    await waitUntilGone("web");
    expect(commands).toEqual(["warm", "drain now"]);
  });

  it("fails after its active deadline", async () => {
    const { createPod, waitForPod } = await start();
    await createPod("web", { activeDeadlineSeconds: 30 });
    await waitForPod("web", isReady);
    const pod = await waitForPod("web", ({ status }) => status?.phase === "Failed");
    expect(pod.status).toMatchObject({ reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline" });
  });

  it("gets a new sandbox and its containers again when the sandbox is lost", async () => {
    const { createPod, waitForPod, runtime, eventsOf } = await start();
    const { metadata } = await createPod("web", {});
    await waitForPod("web", isReady);
    const [sandbox] = await runtime.listPodSandboxes({ podUid: metadata.uid ?? "" });
    runtime.failSandbox(sandbox?.id ?? "");
    const pod = await waitForPod("web", (seen) => isReady(seen) && statusOf(seen)?.restartCount === 1);
    expect(pod.status?.podIP).toBe("10.244.0.3");
    expect(await eventsOf("web")).toContain("SandboxChanged: Pod sandbox changed, it will be killed and re-created.");
  });

  it("is refused when the node has no room for it", async () => {
    const { createPod, waitForPod, eventsOf } = await start({ host: { facts: { cpuCount: 2 } } });
    await createPod("big", { containers: [main({ resources: { requests: { cpu: "3" } } })] });
    const pod = await waitForPod("big", ({ status }) => status?.phase === "Failed");
    expect(pod.status?.reason).toBe("OutOfcpu");
    expect(pod.status?.message).toBe("Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000");
    expect((await eventsOf("big")).some((text) => text.startsWith("OutOfcpu: "))).toBe(true);
  });

  it("does not wait for room that a pod deleted by force still uses", async () => {
    const half = { resources: { requests: { cpu: "1500m" } } };
    const { createPod, waitForPod, client } = await start({
      host: { facts: { cpuCount: 2 } },
      runtime: { behaviour: () => ({ stopAfterMs: 60_000 }) },
    });
    await createPod("first", { containers: [main(half)] });
    await waitForPod("first", isReady);
    await client.delete(pods, { namespace: "default", name: "first" }, { gracePeriodSeconds: 0 });
    await createPod("second", { containers: [main(half)] });
    await waitForPod("second", isReady);
  });

  it("waits while its sandbox cannot be made, and says why", async () => {
    let error: string | undefined = "no network today";
    const { createPod, waitForPod, eventsOf, clock } = await start({ runtime: { sandboxError: () => error } });
    await createPod("web", {});
    await clock.advance(5000);
    expect(await eventsOf("web")).toContain("FailedCreatePodSandBox: Failed to create pod sandbox: no network today");
    error = undefined;
    await waitForPod("web", isReady);
  });
});

describe("probes", () => {
  it("keep a pod unready until its readiness probe succeeds", async () => {
    let healthy = false;
    const http = async (): Promise<{ ok: true; status: number; body: string }> => ({ ok: true, status: healthy ? 200 : 503, body: "" });
    const { createPod, waitForPod, clock, pod: get, eventsOf } = await start({ host: { dialer: { http } } });
    await createPod("web", { containers: [main({ readinessProbe: { httpGet: { port: 8080, path: "/ready" }, periodSeconds: 5 } })] });
    await waitForPod("web", isRunning);
    await clock.advance(20_000);
    expect(isReady(await get("web"))).toBe(false);
    expect(await eventsOf("web")).toContain("Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503");
    healthy = true;
    await clock.advance(6000);
    expect(isReady(await get("web"))).toBe(true);
  });

  it("restart a container whose liveness probe fails as often as the threshold says", async () => {
    let healthy = true;
    const exec = (): { exitCode: number; stderr: string } => ({ exitCode: healthy ? 0 : 1, stderr: "sick" });
    const { createPod, waitForPod, eventsOf } = await start({ runtime: { exec } });
    const livenessProbe = { exec: { command: ["check"] }, periodSeconds: 5, failureThreshold: 2 };
    await createPod("web", { terminationGracePeriodSeconds: 1, containers: [main({ livenessProbe })] });
    await waitForPod("web", isReady);
    healthy = false;
    await waitForPod("web", (pod) => statusOf(pod)?.restartCount === 1);
    expect(await eventsOf("web")).toEqual(
      expect.arrayContaining(["Unhealthy: Liveness probe failed: sick", "Killing: Container main failed liveness probe, will be restarted"]),
    );
  });

  it("hold readiness and liveness back until startup has succeeded", async () => {
    let started = false;
    const tcp = async () => (started ? ({ ok: true } as const) : ({ ok: false, reason: "refused", stage: "connect", message: "" } as const));
    const { createPod, clock, pod: get, eventsOf } = await start({ host: { dialer: { tcp } } });
    const startupProbe = { tcpSocket: { port: 80 }, periodSeconds: 2, failureThreshold: 30 };
    await createPod("web", { containers: [main({ startupProbe })] });
    await clock.advance(10_000);
    expect(statusOf(await get("web"))).toMatchObject({ started: false, ready: false });
    expect(await eventsOf("web")).toContain("Unhealthy: Startup probe failed: dial tcp 10.244.0.2:80: connect: connection refused");
    started = true;
    await clock.advance(3000);
    expect(statusOf(await get("web"))).toMatchObject({ started: true, ready: true, restartCount: 0 });
  });
});

describe("what a container finds", () => {
  it("is its environment from every source", async () => {
    let seen: Readonly<Record<string, string>> = {};
    const { createPod, waitForPod, client } = await start({
      runtime: {
        behaviour: ({ env }) => {
          seen = env;
          return {};
        },
      },
    });
    await client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "c", namespace: "default" },
      data: { key: "from-map", more: "m" },
    });
    await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default" }, data: { key: btoa("hidden") } });
    await client.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "my-db", namespace: "default" },
      spec: { ports: [{ port: 5432, protocol: "TCP", targetPort: 5432 }], clusterIP: "10.96.7.7", clusterIPs: ["10.96.7.7"] },
    });
    await createPod("web", {
      containers: [
        main({
          resources: { limits: { cpu: "1500m", memory: "64Mi" } },
          envFrom: [{ prefix: "P_", configMapRef: { name: "c" } }, { configMapRef: { name: "absent", optional: true } }],
          env: [
            { name: "PLAIN", value: "a" },
            { name: "JOINED", value: "$(PLAIN)-$(P_more)-$$(PLAIN)-$(UNKNOWN)" },
            { name: "MAP", valueFrom: { configMapKeyRef: { name: "c", key: "key" } } },
            { name: "SECRET", valueFrom: { secretKeyRef: { name: "s", key: "key" } } },
            { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
            { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
            { name: "CPUS", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
          ],
        }),
      ],
    });
    await waitForPod("web", isReady);
    expect(seen).toMatchObject({
      PLAIN: "a",
      JOINED: "a-m-$(PLAIN)-$(UNKNOWN)",
      MAP: "from-map",
      SECRET: "hidden",
      POD: "web",
      IP: "10.244.0.2",
      CPU: "1500",
      CPUS: "2",
      MY_DB_SERVICE_HOST: "10.96.7.7",
      MY_DB_SERVICE_PORT: "5432",
      MY_DB_PORT_5432_TCP_ADDR: "10.96.7.7",
    });
  });

  it("is nothing while a ConfigMap is missing: CreateContainerConfigError, until it is there", async () => {
    const { createPod, waitForPod, client, eventsOf } = await start();
    await createPod("web", { containers: [main({ env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "later", key: "a" } } }] })] });
    const pod = await waitForPod("web", (seen) => statusOf(seen)?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(statusOf(pod)?.state?.waiting?.message).toBe('configmap "later" not found');
    expect(await eventsOf("web")).toContain('Failed: Error: configmap "later" not found');
    await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "later", namespace: "default" }, data: { a: "1" } });
    await waitForPod("web", isReady, 5000);
  });

  it("are the files of a ConfigMap, kept current", async () => {
    const { createPod, waitForPod, client, host, clock } = await start();
    const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" }, data: { "app.conf": "one" } };
    await client.create(configMaps, configMap);
    const { metadata } = await createPod("web", {
      volumes: [{ name: "conf", configMap: { name: "c" } }],
      containers: [main({ volumeMounts: [{ name: "conf", mountPath: "/etc/app" }] })],
    });
    await waitForPod("web", isReady);
    const file = `${host.rootDirectory}/pods/${metadata.uid}/volumes/kubernetes.io~configmap/conf/app.conf`;
    const read = async (): Promise<string> => new TextDecoder().decode(await host.files.read(file));
    expect(await read()).toBe("one");
    expect((await host.files.stat(file))?.mode).toBe(0o644);
    await client.update(configMaps, { ...configMap, data: { "app.conf": "two" } });
    await clock.settle();
    await clock.settle();
    expect(await read()).toBe("two");
  });

  it("keeps a pod waiting with FailedMount while a volume's source is missing", async () => {
    const { createPod, waitForPod, client, eventsOf, clock } = await start();
    await createPod("web", {
      volumes: [{ name: "s", secret: { secretName: "later" } }],
      containers: [main({ volumeMounts: [{ name: "s", mountPath: "/s" }] })],
    });
    await clock.advance(3000);
    expect(await eventsOf("web")).toContain('FailedMount: MountVolume.SetUp failed for volume "s" : secret "later" not found');
    await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name: "later", namespace: "default" }, data: { a: btoa("1") } });
    await waitForPod("web", isReady, 5000);
  });

  it("gets a token of its service account, and the hosts file of its pod", async () => {
    const { createPod, waitForPod, host, client } = await start();
    await client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "kube-root-ca.crt", namespace: "default" },
      data: { "ca.crt": "CA" },
    });
    const { metadata } = await createPod("web", { automountServiceAccountToken: true, hostAliases: [{ ip: "10.1.1.1", hostnames: ["db", "db.local"] }] });
    const { spec } = await waitForPod("web", isReady);
    const directory = `${host.rootDirectory}/pods/${metadata.uid}`;
    const token = `${host.rootDirectory}/memory/${metadata.uid}/kubernetes.io~projected/${spec.volumes?.[0]?.name}/token`;
    expect(new TextDecoder().decode(await host.files.read(token))).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+$/);
    const hosts = new TextDecoder().decode(await host.files.read(`${directory}/etc-hosts`));
    expect(hosts).toContain("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n");
    expect(hosts).toContain("10.244.0.2\tweb\n\n# Entries added by HostAliases.\n10.1.1.1\tdb\tdb.local\n");
  });
});

describe("a pod that is changed", () => {
  it("has its container replaced when the image is", async () => {
    const { createPod, waitForPod, client, eventsOf } = await start();
    await createPod("web", { terminationGracePeriodSeconds: 1 });
    await waitForPod("web", isReady);
    const body = { spec: { containers: [{ name: "main", image: "app:2" }] } };
    await client.patch(pods, { namespace: "default", name: "web" }, { type: "strategic", body });
    const pod = await waitForPod("web", (seen) => isReady(seen) && statusOf(seen)?.image === "app:2");
    expect(statusOf(pod)?.restartCount).toBe(1);
    expect(pod.status?.observedGeneration).toBe(2);
    expect(await eventsOf("web")).toContain("Killing: Container main definition changed, will be restarted");
  });

  it("gets an ephemeral container that starts beside the others and is never restarted", async () => {
    const behaviour = ({ name }: SimulatedContainer): object => (name === "debug" ? { exitAfterMs: 500, exitCode: 1 } : {});
    const { createPod, waitForPod, client, clock, pod: get } = await start({ runtime: { behaviour } });
    await createPod("web", {});
    await waitForPod("web", isReady);
    const ephemeralContainers = [{ name: "debug", image: "tools:1", imagePullPolicy: "IfNotPresent", targetContainerName: "main" }];
    const of = { namespace: "default", name: "web" };
    await client.patch(pods, of, { type: "strategic", body: { spec: { ephemeralContainers } } }, { subresource: "ephemeralcontainers" });
    const debug = (pod: Pod) => pod.status?.ephemeralContainerStatuses?.[0];
    await waitForPod("web", (pod) => debug(pod)?.state?.running !== undefined);
    await waitForPod("web", (pod) => debug(pod)?.state?.terminated?.exitCode === 1);
    await clock.advance(60_000);
    expect(debug(await get("web"))).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: 1 } } });
    expect(isReady(await get("web"))).toBe(true);
  });

  it("is ready only when its readiness gates are", async () => {
    const { createPod, waitForPod, client } = await start();
    await createPod("web", { readinessGates: [{ conditionType: "example.com/gate" }] });
    const waiting = await waitForPod("web", isRunning);
    expect(conditionOf(waiting, "ContainersReady")?.status).toBe("True");
    expect(conditionOf(waiting, "Ready")).toMatchObject({
      status: "False",
      reason: "ReadinessGatesNotReady",
      message: 'corresponding condition of pod readiness gate "example.com/gate" does not exist.',
    });
    const body = { status: { conditions: [{ type: "example.com/gate", status: "True" }] } };
    await client.patch(pods, { namespace: "default", name: "web" }, { type: "strategic", body }, { subresource: "status" });
    await waitForPod("web", isReady);
  });
});

describe("a kubelet that starts anew", () => {
  it("adopts its pods without restarting them", async () => {
    const { createPod, waitForPod, restartKubelet, clock, pod: get } = await start();
    await createPod("web", {});
    const before = await waitForPod("web", isReady);
    await clock.advance(60_000);
    await restartKubelet();
    await clock.advance(60_000);
    const after = await get("web");
    expect(statusOf(after)).toEqual(statusOf(before));
    expect(isReady(after)).toBe(true);
  });

  it("ends the pods that were deleted while it was away", async () => {
    const { createPod, waitForPod, restartKubelet, kubelet, clock, runtime, client } = await start();
    await createPod("web", {});
    await waitForPod("web", isReady);
    await kubelet.stop();
    await client.delete(pods, { namespace: "default", name: "web" }, { gracePeriodSeconds: 0 });
    await restartKubelet();
    await clock.advance(1000);
    expect(await runtime.listPodSandboxes()).toEqual([]);
  });
});
