// `npm run bench -- scale`: how fast nodes and their pods are registered (each node an object, its status and its lease; each pod an object
// on its node and its status, as a kubelet reports it), and what the API server and its store hold then.
import { type Bench, cpuOf } from "../harness/run.ts";
import type { Side } from "../harness/sides.ts";
import { progress, Table } from "../harness/table.ts";
import { peakMegabytes, residentMegabytes } from "../harness/usage.ts";
import type { RequestName } from "../load/requests.ts";

interface Size {
  readonly nodes: number;
  readonly pods: number;
}

const SIZES: readonly Size[] = [
  { nodes: 1000, pods: 30_000 },
  { nodes: 5000, pods: 150_000 },
];
const QUICK: readonly Size[] = [{ nodes: 200, pods: 2000 }];
const CLIENTS = 32;

export async function run(bench: Bench): Promise<string> {
  const table = new Table("scale: nodes and pods registered, and what they take");
  for (const [round, size] of (bench.options.quick ? QUICK : SIZES).entries()) {
    progress(`scale: ${size.nodes} nodes, ${size.pods} pods`);
    for (const name of bench.sides(round)) await bench.withSide(name, (side) => measure(bench, side, size, table));
  }
  table.note(`${CLIENTS} clients. A node is registered with three requests, a pod with two. One run each; the server is a new one each time.`);
  table.note("CPU and memory are those of the API server and its store together.");
  return table.markdown();
}

async function measure({ load }: Bench, side: Side, { nodes, pods }: Size, table: Table): Promise<void> {
  await load.operate({ requests: "create service account", clients: 1, from: 0, to: 1 });
  const register = async (what: string, count: number, steps: readonly RequestName[]): Promise<void> => {
    const { result, cpu } = await cpuOf(side, async () => {
      let seconds = 0;
      for (const requests of steps) seconds += (await load.operate({ requests, clients: CLIENTS, from: 0, to: count, options: { nodes } })).seconds;
      return seconds;
    });
    table.add(
      side.name,
      { what: `${count.toLocaleString("en-US")} ${what}`, unit: "/s", better: "higher" },
      { value: count / result, cpuMicros: (cpu / count) * 1e6 },
    );
  };
  await register("nodes", nodes, ["create nodes", "patch node statuses", "create leases"]);
  await register("pods", pods, ["create pods", "patch pod statuses"]);
  const what = `${nodes.toLocaleString("en-US")} nodes, ${pods.toLocaleString("en-US")} pods`;
  table.add(side.name, { what: `memory with ${what}`, unit: "MB", better: "lower" }, { value: residentMegabytes(side.pids) });
  table.add(side.name, { what: `memory at its peak on the way to ${what}`, unit: "MB", better: "lower" }, { value: peakMegabytes(side.pids) });
}
