// `npm run bench -- scheduler`: pods a second through the scheduler, in the shapes of upstream's scheduler_perf
// (https://github.com/kubernetes/kubernetes/tree/v1.36.0/test/integration/scheduler_perf) and by the size of the cluster. Nodes are objects
// without kubelets. The measured pods wait in the API before the scheduler starts; what counts is the time from the first binding to the
// last one, as somebody who watches the pods sees them.
//
// Three ways: all of ours in one process, as `kubets start` has it; upstream's kube-scheduler on upstream's API server and etcd; and our
// scheduler as a process of its own on upstream's API server, to compare the schedulers alone.
import { attemptBuckets, quantile } from "../harness/histogram.ts";
import { sleep } from "../harness/processes.ts";
import type { Bench } from "../harness/run.ts";
import { fetchText, KUBETS_METRICS_PORT, type Side, startScheduler, startSide, UPSTREAM_SCHEDULER_PORT } from "../harness/sides.ts";
import { progress, type SideName, Table } from "../harness/table.ts";
import { cpuSeconds } from "../harness/usage.ts";
import type { RequestName, RequestOptions } from "../load/requests.ts";

const NODE_COUNTS = [100, 1000, 5000];
const CREATORS = 16;
const ZONE = "topology.kubernetes.io/zone";
const HOST = "kubernetes.io/hostname";
const LIMIT_MS = 180_000;
const CHURN_PERIOD_MS = 250;
/** Numbers of the nodes that come and go. */
const CHURN_NODES = 100_000;

interface Shape {
  readonly name: string;
  /** Pods that have their nodes before the scheduler starts. */
  readonly placed?: (nodes: number) => { readonly count: number; readonly pods: RequestOptions };
  readonly measured: RequestOptions;
  /** More than this makes no sense on so many nodes. */
  readonly most?: (nodes: number) => number;
  /** Nodes, pods that fit nowhere and their like come and go meanwhile. */
  readonly churn?: boolean;
}

const term = (labels: Record<string, string>, topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: labels } });
const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term({ color: "blue" }, ZONE)] } };
const antiAffinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term({ color: "green" }, HOST)] } };
const spread = { maxSkew: 5, topologyKey: ZONE, whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { color: "blue" } } };
const asks = (cpu: string, memory: string) => ({ containers: [{ name: "main", image: "registry.example/app:1", resources: { requests: { cpu, memory } } }] });

const SHAPES: readonly Shape[] = [
  { name: "basic", measured: {} },
  {
    name: "affinity, to pods of a zone",
    placed: (nodes) => ({ count: nodes / 5, pods: { labels: { color: "blue" }, spec: { affinity } } }),
    measured: { labels: { color: "blue" }, spec: { affinity } },
  },
  {
    name: "anti-affinity, to pods of a node",
    placed: (nodes) => ({ count: nodes / 5, pods: { labels: { color: "green" }, spec: { affinity: antiAffinity } } }),
    measured: { labels: { color: "green" }, spec: { affinity: antiAffinity } },
    most: (nodes) => nodes - nodes / 5,
  },
  {
    name: "spread over zones",
    placed: (nodes) => ({ count: nodes, pods: { labels: { color: "red" } } }),
    measured: { labels: { color: "blue" }, spec: { topologySpreadConstraints: [spread] } },
  },
  {
    name: "preemption",
    // Two pods fill a node; one that matters more takes the place of both.
    placed: (nodes) => ({ count: nodes * 2, pods: { spec: asks("15900m", "500Mi") } }),
    measured: { spec: { ...asks("20", "500Mi"), priorityClassName: "priority-1000" } },
    most: (nodes) => Math.min(nodes, 500),
  },
  { name: "churn", measured: {}, churn: true },
];

interface Stack {
  readonly title: string;
  readonly side: SideName;
  /** Starts the API server; its CPU does not count, but where the scheduler is in it. */
  readonly apiServer: SideName;
  readonly isOneProcess?: boolean;
}

const STACKS: readonly Stack[] = [
  { title: "whole", side: "kubets", apiServer: "kubets", isOneProcess: true },
  { title: "whole", side: "upstream", apiServer: "upstream" },
  { title: "same API server", side: "kubets", apiServer: "upstream" },
];

export async function run(bench: Bench): Promise<string> {
  const { quick, only } = bench.options;
  const podCount = quick ? 300 : 1000;
  const whole = new Table("scheduler: each scheduler with its own API server (kubets: one process)");
  const same = new Table("scheduler: both as processes of their own on upstream's API server");
  for (const nodes of quick ? NODE_COUNTS.slice(0, 2) : NODE_COUNTS) {
    for (const stack of STACKS) {
      if (only !== undefined && only !== stack.side) continue;
      progress(`scheduler: ${nodes} nodes, ${stack.side}, ${stack.title}`);
      const tables = [
        ...(stack.title === "whole" ? [{ table: whole, ofScheduler: false }] : []),
        // Upstream's whole stack is also what the other table compares with.
        ...(stack.apiServer === "upstream" ? [{ table: same, ofScheduler: true }] : []),
      ];
      await measureStack(bench, stack, nodes, podCount, tables);
    }
  }
  whole.note(`${podCount} pods (fewer where fewer fit), from the first binding to the last. CPU of the API server, its store and the scheduler for each pod.`);
  same.note("CPU of the scheduler's process alone, for each pod.");
  same.note("p99 is that of scheduler_scheduling_attempt_duration_seconds, which both schedulers count, with the binding; interpolated within its bucket.");
  return `${whole.markdown()}\n${same.markdown()}`;
}

/** All shapes on one API server with one set of nodes; each shape has a scheduler of its own. */
async function measureStack(bench: Bench, stack: Stack, nodes: number, podCount: number, tables: readonly Destination[]): Promise<void> {
  const { load, credentials } = bench;
  const place = bench.place(`${stack.side}-${nodes}-nodes`);
  const server = await startSide(stack.apiServer, place);
  try {
    await load.connect(credentials.target());
    await createCluster(bench, nodes);
    for (const [index, shape] of SHAPES.entries()) {
      const cell: Cell = { stack, shape, nodes, server, prefix: `shape-${index}`, count: Math.min(podCount, shape.most?.(nodes) ?? podCount), tables };
      try {
        await measureShape(bench, cell);
      } catch (error) {
        const why = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
        progress(`  ${stack.side} ${shape.name}, ${nodes} nodes: not measured: ${why}`);
        for (const { table } of tables) table.note(`${shape.name}, ${nodes} nodes, ${stack.side}: not measured: ${why}`);
        server.check();
      }
    }
  } finally {
    await server.stop();
  }
  if (stack.isOneProcess === true) bench.showProfile(`kubets with ${nodes} nodes`, place);
}

interface Cell {
  readonly stack: Stack;
  readonly shape: Shape;
  readonly nodes: number;
  readonly server: Side;
  /** Of the names of the shape's pods. */
  readonly prefix: string;
  readonly count: number;
  readonly tables: readonly Destination[];
}

/** A table, and whose CPU it shows. */
interface Destination {
  readonly table: Table;
  readonly ofScheduler: boolean;
}

async function createCluster({ load }: Bench, nodes: number): Promise<void> {
  await load.operate({ requests: "create service account", clients: 1, from: 0, to: 1 });
  await load.operate({ requests: "create priority class", clients: 1, from: 1000, to: 1001 });
  for (const requests of ["create nodes", "patch node statuses", "untaint nodes"] as const)
    await load.operate({ requests, clients: CREATORS, from: 0, to: nodes });
}

async function measureShape(bench: Bench, cell: Cell): Promise<void> {
  const { load } = bench;
  const { shape, nodes, prefix, count } = cell;
  const placed = shape.placed?.(nodes);
  const placedOptions = { ...placed?.pods, prefix: `${prefix}-placed`, nodes };
  const measuredOptions = { ...shape.measured, labels: { ...shape.measured.labels, measured: prefix }, prefix };
  await load.operate({ requests: "create small pods", clients: CREATORS, from: 0, to: placed?.count ?? 0, options: placedOptions });
  await load.operate({ requests: "create small pods", clients: CREATORS, from: 0, to: count, options: measuredOptions });
  try {
    await measureScheduling(bench, cell);
  } finally {
    await load.operate({ requests: "delete pods", clients: CREATORS, from: 0, to: count, options: { prefix } });
    const left = shape.name === "preemption" ? 0 : (placed?.count ?? 0);
    await load.operate({ requests: "delete pods", clients: CREATORS, from: 0, to: left, options: { prefix: `${prefix}-placed` } });
  }
}

async function measureScheduling(bench: Bench, cell: Cell): Promise<void> {
  const { load } = bench;
  const { stack, shape, nodes, server, prefix, count } = cell;
  const selected = `labelSelector=measured%3D${prefix}&fieldSelector=spec.nodeName!%3D`;
  await load.watch("bound", `/api/v1/namespaces/default/pods?watch=true&${selected}`, { additions: true });
  const metricsBefore = stack.isOneProcess === true ? await load.getText("/metrics") : "";
  const scheduler = await begin(bench, cell);
  const churn = shape.churn === true ? startChurn(bench, prefix) : undefined;
  try {
    await inTime(load.events("bound", 1, "open"));
    const before = [server, scheduler].map(({ pids }) => cpuSeconds(pids));
    const { firstMs, lastMs } = await inTime(load.events("bound", count, "open"));
    const [serverCpu = 0, schedulerCpu = 0] = [server, scheduler].map(({ pids }, index) => cpuSeconds(pids) - (before[index] ?? 0));
    const metrics = await metricsOf(bench, stack);
    const value = ((count - 1) / (lastMs - firstMs)) * 1000;
    const p99Ms = quantile(attemptBuckets(metrics), attemptBuckets(metricsBefore), 0.99) * 1000;
    const all = scheduler === server ? serverCpu : serverCpu + schedulerCpu;
    const what = `${shape.name}, ${nodes.toLocaleString("en-US")} nodes`;
    for (const { table, ofScheduler } of cell.tables) {
      const cpuMicros = ((ofScheduler ? schedulerCpu : all) / count) * 1e6;
      table.add(stack.side, { what, unit: "pods/s", better: "higher" }, { value, cpuMicros });
      table.add(stack.side, { what: `${what}, p99 of an attempt`, unit: "ms", better: "lower" }, { value: p99Ms });
    }
  } finally {
    await churn?.();
    await load.unwatch("bound");
    if (stack.isOneProcess === true) server.signal("SIGUSR2");
    else await scheduler.stop();
  }
}

/** Whose CPU the scheduler's is. */
async function begin(bench: Bench, { stack, server, prefix }: Cell): Promise<Side> {
  if (stack.isOneProcess !== true) {
    const place = bench.place(`${prefix}-scheduler`);
    return startScheduler({ ...place, name: stack.side });
  }
  server.signal("SIGUSR2");
  return server;
}

/** What comes and goes in a living cluster: a node, and a pod that no node has room for. Returns what ends it. */
function startChurn({ load }: Bench, prefix: string): () => Promise<void> {
  let isOver = false;
  const one = async (requests: RequestName, number: number, options: RequestOptions = {}): Promise<void> => {
    await load.operate({ requests, clients: 1, from: number, to: number + 1, options });
  };
  const pods: RequestOptions = { prefix: `${prefix}-churn`, spec: asks("1000", "1Gi") };
  const work = async (): Promise<void> => {
    for (let turn = 0; !isOver; turn++) {
      const node = CHURN_NODES + turn;
      await one("create small pods", turn, pods);
      for (const requests of ["create nodes", "patch node statuses", "untaint nodes"] as const) await one(requests, node);
      await sleep(CHURN_PERIOD_MS);
      await one("delete pods", turn, pods);
      await one("delete nodes", node);
    }
  };
  const working = work();
  working.catch(() => undefined);
  return async () => {
    isOver = true;
    await working;
  };
}

async function metricsOf({ load }: Bench, { isOneProcess, side }: Stack): Promise<string> {
  if (isOneProcess === true) return load.getText("/metrics");
  return fetchText(side === "kubets" ? `http://127.0.0.1:${KUBETS_METRICS_PORT}/metrics` : `https://127.0.0.1:${UPSTREAM_SCHEDULER_PORT}/metrics`);
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not all pods have a node after ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
