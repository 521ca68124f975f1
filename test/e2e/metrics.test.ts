// Metrics and autoscaling on real containers, through an unmodified kubectl.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestImages } from "../images/build.host.ts";
import { containerTests } from "../machine.host.ts";
import { eventually, type TestCluster, testCluster } from "./cluster.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";

const { reason } = containerTests();
/** Busy for a while after it starts, as far as its limit lets it. */
const BUSY = "end=$(($(date +%s) + 12)); while [ $(date +%s) -lt $end ]; do :; done; sleep 100000";

const DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "burner" },
  spec: {
    selector: { matchLabels: { app: "burner" } },
    template: {
      metadata: { labels: { app: "burner" } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: "busy", image: "busybox:local", command: ["sh", "-c", BUSY], resources: { requests: { cpu: "50m" }, limits: { cpu: "100m" } } },
          { name: "idle", image: "busybox:local", command: ["sleep", "100000"], resources: { requests: { cpu: "10m", memory: "8Mi" } } },
        ],
      },
    },
  },
};

describe.skipIf(reason !== undefined)("metrics of real containers", () => {
  let cluster: TestCluster;
  let before: MachineState;
  let folder: string;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-metrics-"));
    cluster = testCluster();
    await cluster.start();
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
    await cluster.kubectl.run(["apply", "-f", "-"], { input: JSON.stringify(DEPLOYMENT) });
    await kubectl("rollout", "status", "deployment/burner", "--timeout=60s");
  });

  afterAll(async () => {
    await cluster?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl.run(args);
  const replicas = (): Promise<string> => kubectl("get", "deployment", "burner", "-o", "jsonpath={.spec.replicas}");

  it("shows what nodes, pods and containers use", async () => {
    expect(await kubectl("top", "node")).toMatch(/^NAME +CPU\(cores\) +CPU\(?%\)? +MEMORY\(bytes\) +MEMORY\(?%\)? *\n\S+ +\d+m +\d+% +\d+Mi +\d+%/);
    // A container that started this second is told at the next question.
    const containers = await eventually(
      () => cluster.kubectl.try(["top", "pod", "--containers", "-l", "app=burner"]),
      ({ code, stdout }) => code === 0 && /busy +[1-9]/.test(stdout),
      20_000,
    );
    const cpu = Number(/^burner-\S+ +busy +(\d+)m +\d+Mi *$/m.exec(containers.stdout)?.[1]);
    expect(cpu).toBeGreaterThan(60);
    expect(cpu).toBeLessThan(140);
    expect(containers.stdout).toMatch(/^burner-\S+ +idle +[0-2]m +\d+Mi *$/m);
    expect(await kubectl("top", "pod", "-A", "--sum")).toMatch(/\n +_+ +_+ *\n +\d+m +\d+Mi/);
    expect((await cluster.kubectl.try(["top", "pod", "nobody"])).stderr).toContain('pods "nobody" not found');
  });

  it("scales a deployment up while it is busy, and down when it is not", async () => {
    await kubectl("autoscale", "deployment", "burner", "--min=1", "--max=2", "--cpu-percent=60");
    const behavior = { scaleDown: { stabilizationWindowSeconds: 0 } };
    await kubectl("patch", "hpa", "burner", "--type=merge", "-p", JSON.stringify({ spec: { behavior } }));
    await eventually(replicas, (count) => count === "2", 40_000);
    await eventually(replicas, (count) => count === "1", 60_000);
    const described = await kubectl("describe", "hpa", "burner");
    expect(described).toMatch(/SuccessfulRescale.*New size: 2; reason: cpu resource utilization \(percentage of request\) above target/);
    expect(described).toMatch(/SuccessfulRescale.*New size: 1; reason: All metrics below target/);
    expect(described).toMatch(/ScalingActive +True +ValidMetricFound/);
    expect(await kubectl("get", "hpa", "burner", "--no-headers")).toMatch(/^burner +Deployment\/burner +cpu: \d+%\/60% +1 +2 +\d/);
  });

  it("hands out the kubelet's and the server's own metrics", async () => {
    const node = await kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
    const raw = (path: string): Promise<string> => kubectl("get", "--raw", path);
    expect(await raw(`/api/v1/nodes/${node}/proxy/metrics/resource`)).toMatch(
      /^container_memory_working_set_bytes\{container="idle",namespace="default",pod="burner-/m,
    );
    const own = await raw("/metrics");
    expect(own).toMatch(/^apiserver_request_total\{.*verb="LIST"/m);
    expect(own).toMatch(/^scheduler_schedule_attempts_total\{profile="default-scheduler",result="scheduled"\} \d+$/m);
    expect(own).toMatch(/^workqueue_adds_total\{name="deployment"\} \d+$/m);
    expect(await raw(`/api/v1/nodes/${node}/proxy/metrics`)).toMatch(/^kubelet_runtime_operations_total\{operation_type="run_podsandbox"\} \d+$/m);
    expect(await raw(`/api/v1/nodes/${node}/proxy/metrics/cadvisor`)).toMatch(/^container_cpu_cfs_throttled_periods_total\{container="busy",.*\} \d+ /m);
    expect(await raw(`/api/v1/nodes/${node}/proxy/stats/summary`)).toContain('"podRef"');
  });
});
