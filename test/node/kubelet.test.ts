// The kubelet on real containers: the API server over a memory store, the Linux host, and a containerd of its own.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configMaps, events, pods } from "../../src/api/index.ts";
import { containerTests } from "../machine.host.ts";
import { CGROUP_ROOT, container, IMAGE, isReady, type RealKubelet, startRealKubelet } from "./real-kubelet.host.ts";

const { reason } = containerTests();

describe.skipIf(reason !== undefined)("the kubelet on real containers", () => {
  let node: RealKubelet;
  beforeAll(async () => {
    node = await startRealKubelet();
  }, 120_000);
  afterAll(async () => {
    await node?.dispose();
  }, 60_000);

  it("gives a container its files, environment, limits, names and resolver", async () => {
    await node.client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "conf", namespace: "default" },
      data: { "app.conf": "one" },
    });
    const { metadata } = await node.create("web", {
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
    const pod = await node.waitFor("web", isReady);
    expect(await node.run("web", "cat", "/conf/app.conf", "/one-file", "/me/name")).toBe("oneoneweb");
    expect((await node.run("web", "sh", "-c", "echo $POD_IP; hostname; id -G")).split("\n")).toEqual([
      pod.status?.podIP,
      "web",
      expect.stringContaining("2000"),
      "",
    ]);
    expect(await node.run("web", "sh", "-c", "touch /scratch/x /deep/y /memory/z && ls -ln /scratch/x | tr -s ' ' | cut -d' ' -f3,4")).toBe("1000 2000\n");
    expect(await node.run("web", "ls", "/scratch/a/b")).toBe("y\n");
    expect(await node.run("web", "sh", "-c", "grep -c ' /memory tmpfs' /proc/mounts")).toBe("1\n");
    expect(await node.run("web", "cat", "/etc/resolv.conf")).toContain("search default.svc.cluster.local svc.cluster.local cluster.local");
    expect(await node.run("web", "cat", "/etc/hosts")).toContain(`${pod.status?.podIP}\tweb`);
    expect(await node.run("web", "cut", "-c1-2", "/var/run/secrets/kubernetes.io/serviceaccount/token")).toBe("ey\n");
    const limit = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].join(" ");
    expect((await node.run("web", "sh", "-c", `cat ${limit} 2>/dev/null; true`)).trim()).toBe(String(64 << 20));
    // Live update: the directory follows, the bound file stays until the container starts anew.
    await node.client.patch(configMaps, { namespace: "default", name: "conf" }, { type: "merge", body: { data: { "app.conf": "two" } } });
    await node.until(
      () => node.run("web", "cat", "/conf/app.conf"),
      (text) => text === "two",
    );
    expect(await node.run("web", "cat", "/one-file")).toBe("one");
    await node.remove("web");
    await node.until(
      async () => readdirSync(join(node.host.rootDirectory, "pods")),
      (names) => !names.includes(metadata.uid ?? ""),
    );
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(metadata.uid);
    expect(
      readdirSync("/sys/fs/cgroup").some((hierarchy) => existsSync(`/sys/fs/cgroup/${hierarchy}${CGROUP_ROOT}/kubepods/burstable/pod${metadata.uid}`)),
    ).toBe(false);
  });

  it("shows how containers end, with message, log and previous log", async () => {
    await node.create("ends", { containers: [container({ command: ["sh", "-c", "echo said; echo last words > /dev/termination-log; exit 3"] })] });
    const pod = await node.waitFor("ends", ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff");
    expect(pod.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: "Error", message: "last words\n" });
    expect([await node.logs("ends"), await node.logs("ends", { previous: true })]).toEqual(["said\n", "said\n"]);
    await node.remove("ends");
  });

  it("kills a container that takes more memory than it may", async () => {
    const greedy = container({ command: ["sh", "-c", "x=a; while true; do x=$x$x; done"], resources: { limits: { memory: "16Mi" } } });
    await node.create("greedy", { restartPolicy: "Never", containers: [greedy] });
    const pod = await node.waitFor("greedy", ({ status }) => status?.phase === "Failed");
    expect(pod.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
    await node.remove("greedy");
  });

  it("probes containers, and restarts those that fail", async () => {
    // A busy machine takes its time for a command: only what the probe says is to count.
    const livenessProbe = { exec: { command: ["test", "!", "-e", "/tmp/sick"] }, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 20 };
    const readinessProbe = { exec: { command: ["test", "-e", "/tmp/ready"] }, periodSeconds: 1, timeoutSeconds: 20 };
    await node.create("probed", { containers: [container({ command: ["sh", "-c", "sleep 2; touch /tmp/ready; sleep 1000"], livenessProbe, readinessProbe })] });
    const early = await node.waitFor("probed", ({ status }) => status?.phase === "Running");
    expect(isReady(early)).toBe(false);
    await node.waitFor("probed", isReady);
    await node.run("probed", "touch", "/tmp/sick");
    await node.waitFor("probed", ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1);
    await node.remove("probed");
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
    const volumes = [{ name: "shared", emptyDir: {} }];
    await node.create("ordered", { restartPolicy: "Never", initContainers, containers: [main], volumes });
    await node.waitFor("ordered", ({ status }) => status?.phase === "Succeeded");
    expect(await node.logs("ordered")).toBe("first\nmain\n");
    await node.remove("ordered");
  });

  it("leaves running containers alone when it starts anew, and ends those whose pods are gone", async () => {
    await node.create("stays", { containers: [container()] });
    await node.create("goes", { containers: [container()] });
    const before = await node.waitFor("stays", isReady);
    const gone = await node.waitFor("goes", isReady);
    await node.kubelet().stop();
    await node.client.delete(pods, { namespace: "default", name: "goes" }, { gracePeriodSeconds: 0 });
    await node.startKubelet();
    await node.until(
      () => node.machine.runtime.listPodSandboxes({ podUid: gone.metadata.uid ?? "" }),
      (sandboxes) => sandboxes.length === 0,
    );
    const after = await node.get("stays");
    expect(after.status?.containerStatuses?.[0]?.containerID).toBe(before.status?.containerStatuses?.[0]?.containerID);
    expect(after.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await node.remove("stays");
  });

  it("says in events what it did", async () => {
    await node.create("told", { containers: [container()] });
    await node.waitFor("told", isReady);
    const { items } = await node.until(
      () => node.client.list(events, { namespace: "default", fieldSelector: "involvedObject.name=told" }),
      (list) => list.items.length >= 3,
    );
    expect(items.map(({ reason: why, message }) => `${why}: ${message}`).sort()).toEqual([
      "Created: Container created",
      `Pulled: Container image "${IMAGE}" already present on machine and can be accessed by the pod`,
      "Started: Container started",
    ]);
    await node.remove("told");
  });
});
