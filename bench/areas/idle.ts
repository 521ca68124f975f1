// `npm run bench -- idle`: what a control plane costs when nobody wants anything of it, with a node without pods and with fifty, and what all
// of `kubets start` costs with a real node and real pods. Upstream's kubelet is not run: its side is the control plane alone.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testCluster } from "../../test/e2e/cluster.host.ts";
import { buildTestImages } from "../../test/images/build.host.ts";
import { startControlPlane } from "../harness/control-plane.ts";
import { sleep } from "../harness/processes.ts";
import type { Bench } from "../harness/run.ts";
import { progress, type SideName, Table } from "../harness/table.ts";
import { cpuSeconds, residentMegabytes } from "../harness/usage.ts";

const PODS = 50;
const NODE = { prefix: "idle", nodes: 1 };

export async function run(bench: Bench): Promise<string> {
  const { quick, only } = bench.options;
  const seconds = quick ? 10 : 60;
  const settleMs = quick ? 5_000 : 15_000;
  const table = new Table(`idle: over ${seconds} s in which nobody asks for anything`);
  for (const name of bench.sides(0)) {
    progress(`idle: the control plane of ${name}`);
    const side = await startControlPlane(bench, name);
    const rest = async (what: string): Promise<void> => {
      await sleep(settleMs);
      await measure(table, { name, pids: side.pids, what: `control plane, ${what}`, seconds });
      side.check();
    };
    try {
      await bench.load.connect(bench.credentials.target());
      for (const requests of ["create nodes", "patch node statuses", "create leases"] as const)
        await bench.load.operate({ requests, clients: 1, from: 0, to: 1 });
      await rest("one node (an object), no pods");
      for (const requests of ["create pods", "patch pod statuses"] as const)
        await bench.load.operate({ requests, clients: 1, from: 0, to: PODS, options: NODE });
      await rest(`one node (an object), ${PODS} pods`);
    } finally {
      await side.stop();
    }
  }
  if (only !== "upstream") await measureWhole(table, seconds, settleMs);
  table.note("Upstream's control plane: kube-apiserver, etcd, kube-controller-manager and kube-scheduler, without a kubelet. kubets: one process.");
  table.note(
    "`kubets start` is one process with kubelet, proxy and DNS too; containerd is not counted. It stands alone: upstream's kubelet does not run here.",
  );
  return table.markdown();
}

async function measureWhole(table: Table, seconds: number, settleMs: number): Promise<void> {
  progress("idle: kubets start");
  const cluster = testCluster();
  const folder = mkdtempSync(join(tmpdir(), "kubets-bench-"));
  try {
    await cluster.start();
    const { pid } = JSON.parse(await cluster.kubets("status", "-o", "json")) as { pid: number };
    const rest = async (what: string): Promise<void> => {
      await sleep(settleMs);
      await measure(table, { name: "kubets", pids: [pid], what: `kubets start, ${what}`, seconds });
    };
    await rest("one real node, no pods");
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
    await cluster.kubectl.run(["create", "deployment", "idle", "--image=busybox:local", `--replicas=${PODS}`, "--", "sleep", "100000"]);
    await cluster.kubectl.run(["rollout", "status", "deployment/idle", "--timeout=300s"]);
    await rest(`one real node, ${PODS} real pods`);
  } finally {
    await cluster.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Rest {
  readonly name: SideName;
  readonly pids: readonly number[];
  readonly what: string;
  readonly seconds: number;
}

async function measure(table: Table, { name, pids, what, seconds }: Rest): Promise<void> {
  const before = cpuSeconds(pids);
  await sleep(seconds * 1000);
  table.add(name, { what: `${what}: CPU`, unit: "% of a core", better: "lower" }, { value: ((cpuSeconds(pids) - before) / seconds) * 100 });
  table.add(name, { what: `${what}: memory`, unit: "MB", better: "lower" }, { value: residentMegabytes(pids) });
}
