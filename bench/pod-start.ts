// `npm run bench -- pod-start`: what it takes to start a pod through the API, beside the bare calls to containerd for the same
// pod, one by one and ten at once, and a node full of pods. The bare calls are the floor: kubets makes the same ones.
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Pod, pods } from "../src/api/index.ts";
import { createSystemEnv } from "../src/base/index.host.ts";
import { adminClient } from "../src/cli/admin-client.ts";
import type { Client } from "../src/client/index.host.ts";
import { clusterPaths } from "../src/cluster/data-folder.ts";
import { type CriRuntime, createCriRuntime } from "../src/kubelet/index.host.ts";
import type { ContainerConfig, PodSandboxConfig } from "../src/kubelet/index.ts";
import { testCluster } from "../test/e2e/cluster.host.ts";
import { buildTestImages } from "../test/images/build.host.ts";
import { printRows, type Row } from "./rows.ts";

const ONE_BY_ONE = 20;
const AT_ONCE = 10;
const ROUNDS = 5;
const NODE_FULL = 110;
const IMAGE = "docker.io/library/busybox:local";
const COMMAND = ["sleep", "1000"];

const rows: Row[] = [];
const cluster = testCluster();
const folder = mkdtempSync(join(tmpdir(), "kubets-bench-"));
try {
  const paths = clusterPaths(cluster.dataDirectory);
  await cluster.start();
  for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
  // containerd goes on without kubets, and nobody clears away pods that the API does not know.
  process.kill(await clusterPid(), "SIGKILL");
  await measureRuntime(paths.containerdSocket, paths.cgroup);
  await cluster.start();
  const admin = await adminClient(paths);
  try {
    await measureApi(admin.client);
  } finally {
    admin.close();
  }
} finally {
  await cluster.dispose();
  rmSync(folder, { recursive: true, force: true });
}
printRows(rows);

async function clusterPid(): Promise<number> {
  const { pid } = JSON.parse(await cluster.kubets("status", "-o", "json")) as { pid: number };
  return pid;
}

async function measureRuntime(socket: string, cgroup: string): Promise<void> {
  const runtime = createCriRuntime(createSystemEnv({ logLevel: "error" }), { socket });
  const start = async (): Promise<string> => {
    const sandbox = sandboxConfig(cgroup);
    const id = await runtime.runPodSandbox(sandbox, "");
    await runtime.startContainer(await runtime.createContainer(id, containerConfig(), sandbox));
    return id;
  };
  try {
    const single: number[] = [];
    for (let run = 0; run < ONE_BY_ONE; run++) {
      const began = performance.now();
      const id = await start();
      single.push(performance.now() - began);
      await endSandbox(runtime, id);
    }
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now();
      const ids = await Promise.all(Array.from({ length: AT_ONCE }, start));
      rates.push((AT_ONCE / (performance.now() - began)) * 1000);
      for (const id of ids) await endSandbox(runtime, id);
    }
    rows.push({ what: "bare calls: sandbox, container, start", unit: "ms", values: single });
    rows.push({ what: `bare calls, ${AT_ONCE} pods at once`, unit: "pods/s", values: rates });
  } finally {
    runtime.close();
  }
}

async function endSandbox(runtime: CriRuntime, id: string): Promise<void> {
  await runtime.stopPodSandbox(id);
  await runtime.removePodSandbox(id);
}

async function measureApi(client: Client): Promise<void> {
  const single: number[] = [];
  for (let run = 0; run < ONE_BY_ONE; run++) {
    single.push(await startPods(client, 1));
    await removePods(client);
  }
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rates.push((AT_ONCE / (await startPods(client, AT_ONCE))) * 1000);
    await removePods(client);
  }
  const fullMs = await startPods(client, NODE_FULL);
  const megabytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${await clusterPid()}/status`, "utf8"))?.[1] ?? 0) / 1024;
  await removePods(client);
  rows.push({ what: "create to Running through the API", unit: "ms", values: single });
  rows.push({ what: `create to Running, ${AT_ONCE} pods at once`, unit: "pods/s", values: rates });
  rows.push({ what: `${NODE_FULL} pods at once on the node, until all run`, unit: "pods/s", values: [(NODE_FULL / fullMs) * 1000] });
  rows.push({ what: `memory of the kubets process with ${NODE_FULL} pods`, unit: "MB", values: [megabytes] });
}

/** Milliseconds from the first create to the event that shows the last of them Running. */
async function startPods(client: Client, count: number): Promise<number> {
  const names = Array.from({ length: count }, () => `bench-${randomUUID()}`);
  const waiting = new Set(names);
  const { resourceVersion } = await client.list(pods, { namespace: "default" });
  const began = performance.now();
  const running = new Promise<void>((resolve, reject) => {
    const watch = client.watch(
      pods,
      { namespace: "default", resourceVersion },
      {
        event: (event) => {
          if (event.type !== "MODIFIED" || event.object.status?.phase !== "Running") return;
          waiting.delete(event.object.metadata.name);
          if (waiting.size > 0) return;
          watch.stop();
          resolve();
        },
        ended: (error) => {
          if (error !== undefined) reject(error);
        },
      },
    );
  });
  await Promise.all(names.map((name) => client.create(pods, podNamed(name))));
  await running;
  return performance.now() - began;
}

/** A pod that is deleted by force is gone from the API before it has ended: with one second of grace, nothing of one run is left in the next. */
async function removePods(client: Client): Promise<void> {
  await client.deleteCollection(pods, { namespace: "default" }, { gracePeriodSeconds: 1 });
  while ((await client.list(pods, { namespace: "default" })).items.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
}

function podNamed(name: string): Pod {
  const containers = [{ name: "main", image: IMAGE, command: [...COMMAND] }];
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec: { containers } };
}

function sandboxConfig(cgroup: string): PodSandboxConfig {
  const uid = randomUUID();
  return {
    metadata: { name: `bench-${uid}`, uid, namespace: "default", attempt: 0 },
    hostname: "bench",
    logDirectory: join(folder, uid),
    portMappings: [],
    labels: {},
    annotations: {},
    linux: { cgroupParent: `${cgroup}/besteffort/pod${uid}`, sysctls: {}, securityContext: securityContext() },
  };
}

function containerConfig(): ContainerConfig {
  return {
    metadata: { name: "main", attempt: 0 },
    image: IMAGE,
    userImage: IMAGE,
    command: COMMAND,
    args: [],
    workingDir: "",
    envs: [],
    mounts: [],
    labels: {},
    annotations: {},
    logPath: "main.log",
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: { cpuPeriod: 100_000, cpuQuota: 0, cpuShares: 2, memoryLimitBytes: 0, oomScoreAdj: 1000 },
    securityContext: {
      ...securityContext(),
      capabilities: { add: [], drop: [] },
      noNewPrivs: false,
      maskedPaths: [],
      readonlyPaths: [],
    },
  };
}

function securityContext() {
  const namespaces = { network: "pod", pid: "container", ipc: "pod" } as const;
  return { namespaces, supplementalGroups: [], readonlyRootfs: false, privileged: false, seccomp: { type: "Unconfined" } } as const;
}
