// `npm run bench -- api`: the API server over its durable store, ours and upstream's over etcd, under the same requests: pods are created,
// read, listed, patched and deleted by 1, 16 and 128 clients at a time (a connection each, HTTP/2 over TLS, JSON, the administrator's
// certificate); one change is told to a thousand watchers.
import { type Bench, cpuOf } from "../harness/run.ts";
import type { Side } from "../harness/sides.ts";
import { type Measure, progress, Table } from "../harness/table.ts";
import { peakMegabytes, residentMegabytes } from "../harness/usage.ts";
import type { RequestName, RequestOptions } from "../load/requests.ts";

interface Sizes {
  readonly rounds: number;
  /** Objects that each number of clients makes; together they are what is listed. */
  readonly pods: readonly (readonly [clients: number, count: number])[];
  readonly lists: number;
  readonly watchers: number;
  readonly changes: number;
}

const WHOLE: Sizes = {
  rounds: 3,
  pods: [
    [1, 1000],
    [16, 4000],
    [128, 5000],
  ],
  lists: 5,
  watchers: 1000,
  changes: 100,
};
const QUICK: Sizes = {
  rounds: 1,
  pods: [
    [1, 300],
    [16, 700],
    [128, 1000],
  ],
  lists: 3,
  watchers: 1000,
  changes: 20,
};

const PODS = "/api/v1/namespaces/default/pods";
const PAGE = 500;
/** Requests that a server gets before it is measured: compilers and caches of both sides warm up on them. */
const WARM_UP = 500;

export async function run(bench: Bench): Promise<string> {
  const sizes = bench.options.quick ? QUICK : WHOLE;
  const table = new Table("api: requests to the API server");
  for (let round = 0; round < sizes.rounds; round++) {
    progress(`api: round ${round + 1} of ${sizes.rounds}`);
    for (const name of bench.sides(round)) await bench.withSide(name, (side) => measure(bench, side, sizes, table));
  }
  table.note(`Values are medians of ${sizes.rounds} rounds, each on a server that was just started with an empty store, after ${WARM_UP} requests to warm up.`);
  table.note("CPU is that of the API server and its store together (kube-apiserver and etcd; one process with kubets), for one request or event.");
  return table.markdown();
}

async function measure({ load }: Bench, side: Side, sizes: Sizes, table: Table): Promise<void> {
  await load.operate({ requests: "create service account", clients: 1, from: 0, to: 1 });
  await warmUp({ load });
  const operate = async (verb: string, requests: RequestName, options: RequestOptions = {}): Promise<void> => {
    let from = 0;
    for (const [clients, count] of sizes.pods) {
      const to = from + count;
      const { result, cpu } = await cpuOf(side, () => load.operate({ requests, clients, from, to, options }));
      const what = `${verb}, ${clients} client${clients === 1 ? "" : "s"}`;
      table.add(side.name, { what, unit: "/s", better: "higher" }, { value: count / result.seconds, cpuMicros: (cpu / count) * 1e6 });
      table.add(side.name, { what: `${what}, slowest of a hundred`, unit: "ms", better: "lower" }, { value: result.p99Ms });
      from = to;
    }
  };
  await operate("create a pod", "create pods");
  await operate("get a pod", "get pods");
  await lists({ load }, side, sizes, table);
  await operate("patch a pod", "patch pods");
  await fanOut({ load }, side, sizes, table);
  const total = sizes.pods.reduce((sum, [, count]) => sum + count, 0);
  table.add(side.name, megabytes(`memory with ${total.toLocaleString("en-US")} pods, after all of this`), { value: residentMegabytes(side.pids) });
  await operate("delete a pod", "delete pods");
  table.add(side.name, megabytes("memory at its peak"), { value: peakMegabytes(side.pids) });
}

async function warmUp({ load }: Pick<Bench, "load">): Promise<void> {
  const options = { prefix: "warm-up" };
  for (const requests of ["create pods", "get pods", "patch pods", "delete pods"] as const)
    await load.operate({ requests, clients: 16, from: 0, to: WARM_UP / 4, options });
}

async function lists({ load }: Pick<Bench, "load">, side: Side, { pods, lists: count }: Sizes, table: Table): Promise<void> {
  const total = pods.reduce((sum, [, some]) => sum + some, 0).toLocaleString("en-US");
  const list = async (what: string, clients: number, options: RequestOptions): Promise<void> => {
    const times = count * clients;
    const { result, cpu } = await cpuOf(side, () => load.operate({ requests: "get path", clients, from: 0, to: times, options }));
    table.add(side.name, milliseconds(what), { value: result.p50Ms, cpuMicros: (cpu / times) * 1e6 });
  };
  await list(`list ${total} pods whole`, 1, { path: PODS });
  await list(`list ${total} pods whole, from the cache (resourceVersion=0)`, 1, { path: `${PODS}?resourceVersion=0` });
  await list(`list ${total} pods whole, compressed`, 1, { path: PODS, acceptsGzip: true });
  await list(`list ${total} pods whole, 16 clients`, 16, { path: PODS });
  await list(`list one app's pods of ${total} by label`, 1, { path: `${PODS}?labelSelector=app%3Dapp-7` });
  const { result, cpu } = await cpuOf(side, async () => {
    const seconds: number[] = [];
    for (let time = 0; time < count; time++) seconds.push((await load.walk(`${PODS}?limit=${PAGE}`)).seconds);
    return seconds;
  });
  const mean = result.reduce((sum, seconds) => sum + seconds, 0) / count;
  table.add(side.name, milliseconds(`list ${total} pods in pages of ${PAGE}, all pages`), { value: mean * 1000, cpuMicros: (cpu / count) * 1e6 });
}

async function fanOut({ load }: Pick<Bench, "load">, side: Side, { watchers, changes }: Sizes, table: Table): Promise<void> {
  const { resourceVersion } = JSON.parse(await load.getText(`${PODS}?limit=1`)).metadata as { resourceVersion: string };
  await load.watch("everybody", `${PODS}?watch=true&resourceVersion=${resourceVersion}`, { count: watchers });
  const events = watchers * changes;
  const { result, cpu } = await cpuOf(side, async () => {
    const beganMs = performance.now();
    const all = load.events("everybody", events);
    await load.operate({ requests: "patch pods", clients: 1, from: 0, to: changes, options: {} });
    await all;
    return performance.now() - beganMs;
  });
  await load.unwatch("everybody");
  const what = `${changes} changes told to ${watchers.toLocaleString("en-US")} watchers`;
  table.add(side.name, { what, unit: "events/s", better: "higher" }, { value: (events / result) * 1000, cpuMicros: (cpu / events) * 1e6 });
}

const milliseconds = (what: string): Measure => ({ what, unit: "ms", better: "lower" });
const megabytes = (what: string): Measure => ({ what, unit: "MB", better: "lower" });
