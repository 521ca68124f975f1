// What a kubelet tells about use: a pod whose control groups are known, and one whose are not.
import { describe, expect, it } from "vitest";
import type { Pod } from "../../api/index.ts";
import { createVirtualEnv } from "../../base/index.ts";
import { CONTAINER_NAME_LABEL, POD_UID_LABEL } from "../containers/labels.ts";
import type { CgroupUsage } from "../host.ts";
import type { ContainerStatus } from "../runtime/runtime.ts";
import { createSimulatedRuntime } from "../runtime/simulated.ts";
import { createSimulatedKubeletHost } from "../simulated-host.ts";
import { createStatsCollector } from "./collector.ts";

function pod(name: string): Pod {
  const resources = { requests: { cpu: "100m" }, limits: { cpu: "500m", memory: "64Mi" } };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `u-${name}` },
    spec: { containers: [{ name: "main", image: "app:1", resources }] },
  };
}

function container(name: string): ContainerStatus {
  return {
    ...{
      id: `c-${name}`,
      sandboxId: "s",
      metadata: { name: "main", attempt: 0 },
      state: "running",
      createdAtMs: 0,
      startedAtMs: 1500,
      finishedAtMs: 0,
      exitCode: 0,
    },
    ...{
      image: "app:1",
      imageRef: "",
      reason: "",
      message: "",
      annotations: {},
      logPath: "",
      labels: { [POD_UID_LABEL]: `u-${name}`, [CONTAINER_NAME_LABEL]: "main" },
    },
  } as ContainerStatus;
}

function group(seconds: number): CgroupUsage {
  return {
    ...{
      memoryBytes: 3000,
      memoryWorkingSetBytes: 2000,
      memoryRssBytes: 1000,
      memoryCacheBytes: 500,
      memorySwapBytes: 0,
      pageFaults: 5,
      majorPageFaults: 1,
      processes: 2,
    },
    ...{ cpuNanoseconds: seconds * 1e9, cpuUserNanoseconds: 0, cpuSystemNanoseconds: 0, cpuPeriods: 10, cpuThrottledPeriods: 4, cpuThrottledNanoseconds: 2e9 },
  };
}

const KUBEPODS = "/kubets/kubepods";
const KNOWN = `${KUBEPODS}/burstable/podu-known`;
const ETH0 = { name: "eth0", rxBytes: 100, rxPackets: 10, rxErrors: 1, rxDropped: 2, txBytes: 200, txPackets: 20, txErrors: 3, txDropped: 4 };

function collector() {
  const { env, clock } = createVirtualEnv();
  const state = { seconds: 1 };
  const host = createSimulatedKubeletHost(env);
  const cgroups = {
    ...host.cgroups,
    usage: async (path: string) => (path.startsWith(KNOWN) || path === KUBEPODS ? group(state.seconds) : undefined),
    interfaces: async (path: string) => (path === KNOWN ? [ETH0] : []),
  };
  const runtime = {
    ...createSimulatedRuntime(env),
    listContainers: async () => [container("known"), container("plain")],
    usage: async () =>
      ["known", "plain"].map((name) => ({ id: `c-${name}`, cpuNanoseconds: state.seconds * 1e9, memoryWorkingSetBytes: 1024, filesystemBytes: 77 })),
  };
  const stats = createStatsCollector(env, {
    host: { ...host, cgroups },
    runtime: runtime as never,
    nodeName: "node-1",
    kubepods: KUBEPODS,
    pods: () => [pod("known"), pod("plain"), pod("ended")],
  });
  return { stats, clock, state };
}

describe("a kubelet's statistics", () => {
  it("sum up node, pods and containers, with rates from the second question on", async () => {
    const { stats, clock, state } = collector();
    expect((await stats.summary()).pods.map(({ podRef, cpu }) => [podRef.name, cpu?.usageNanoCores])).toEqual([
      ["known", undefined],
      ["plain", undefined],
    ]);
    await clock.advance(10_000);
    state.seconds = 2;
    const { node, pods } = await stats.summary();
    expect(pods.map(({ cpu, containers }) => [cpu?.usageNanoCores, containers[0]?.cpu?.usageNanoCores])).toEqual([
      [1e8, 1e8],
      [1e8, 1e8],
    ]);
    expect(pods[0]).toMatchObject({
      memory: { usageBytes: 3000, workingSetBytes: 2000, rssBytes: 1000, pageFaults: 5 },
      network: { name: "eth0", rxBytes: 100, txBytes: 200, interfaces: [{ name: "eth0" }] },
      process_stats: { process_count: 2 },
      containers: [{ name: "main", rootfs: { usedBytes: 77 } }],
    });
    expect(pods[1]?.memory).toMatchObject({ usageBytes: 1024, workingSetBytes: 1024 });
    expect(pods[1]?.network).toBeUndefined();
    expect(node.systemContainers.map(({ name, memory }) => [name, memory?.workingSetBytes])).toEqual([
      ["kubelet", 0],
      ["pods", 2000],
    ]);
  });

  it("come as the resource metrics that metrics-server reads", async () => {
    const lines = (await collector().stats.resourceMetrics()).split("\n");
    const time = /\d+$/.exec(lines.find((line) => line.startsWith("node_cpu")) ?? "")?.[0];
    expect(lines).toContain(`container_cpu_usage_seconds_total{container="main",namespace="default",pod="known"} 1 ${time}`);
    expect(lines).toContain('container_start_time_seconds{container="main",namespace="default",pod="plain"} 1.5');
    expect(lines).toContain(`pod_memory_working_set_bytes{namespace="default",pod="known"} 2000 ${time}`);
    expect(lines).toContain("resource_scrape_error 0");
  });

  it("come under cAdvisor's names, for what has a control group", async () => {
    const text = await collector().stats.cadvisorMetrics();
    const value = (metric: string, pattern: string): string | undefined => new RegExp(`^${metric}\\{.*${pattern}.*\\} (\\S+)`, "m").exec(text)?.[1];
    expect(value("container_cpu_cfs_throttled_periods_total", 'container="main".*pod="known"')).toBe("4");
    expect(value("container_cpu_usage_seconds_total", 'container="main",cpu="total"')).toBe("1");
    expect(value("container_network_receive_bytes_total", 'container="".*interface="eth0".*pod="known"')).toBe("100");
    expect(value("container_spec_cpu_quota", 'container="main"')).toBe("50000");
    expect(value("container_spec_memory_limit_bytes", 'container="main"')).toBe(String(64 * 2 ** 20));
    expect(value("machine_cpu_cores", "machine_id")).toBe("8");
    expect(text).not.toContain('pod="plain"');
    expect(text.split("\n").filter((line) => line.startsWith("# TYPE container_memory_rss"))).toHaveLength(1);
  });
});
