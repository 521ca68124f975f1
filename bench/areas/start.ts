// `npm run bench -- start`: from starting the processes on an empty folder until they are ready, and until the controllers have done the
// first thing that a user needs. What `kubets start` takes with a node and real containers, the area first-pod measures.
import { rmSync } from "node:fs";
import { startControlPlane } from "../harness/control-plane.ts";
import { until } from "../harness/processes.ts";
import type { Bench } from "../harness/run.ts";
import { type Side, startSide } from "../harness/sides.ts";
import { type Measure, progress, type SideName, Table } from "../harness/table.ts";
import { cpuSeconds, residentMegabytes } from "../harness/usage.ts";

const FIRST_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default";

export async function run(bench: Bench): Promise<string> {
  const rounds = bench.options.quick ? 2 : 5;
  const table = new Table("start: from nothing to ready");
  progress("start: once before it counts, so that programs are bundled and in memory");
  for (const name of bench.sides(0)) await (await startControlPlane(bench, name)).stop();
  for (let round = 0; round < rounds; round++) {
    progress(`start: round ${round + 1} of ${rounds}`);
    for (const name of bench.sides(round)) await measureServer(bench, name, table);
    for (const name of bench.sides(round)) await measureControlPlane(bench, name, table);
  }
  table.note("The processes run natively on both sides, with certificates that are there already; upstream's controller manager and scheduler");
  table.note("are started once its API server is ready. CPU is that of all processes of the side, for one start.");
  return table.markdown();
}

async function measureServer(bench: Bench, name: SideName, table: Table): Promise<void> {
  const place = bench.place(`${name}-start`);
  for (const what of ["API server and store, empty, to /readyz", "API server and store, again with what is stored, to /readyz"]) {
    const beganMs = performance.now();
    const side = await startSide(name, place);
    add(table, side, { what, unit: "ms", better: "lower" }, performance.now() - beganMs);
    await side.stop();
  }
  rmSync(place.folder, { recursive: true, force: true });
}

async function measureControlPlane(bench: Bench, name: SideName, table: Table): Promise<void> {
  const beganMs = performance.now();
  const side = await startControlPlane(bench, name);
  try {
    await bench.load.connect(bench.credentials.target());
    await until("the first service account", async () => (await bench.load.getText(FIRST_ACCOUNT)).includes('"kind":"ServiceAccount"'), {
      check: side.check,
      pollMs: 10,
    });
    const what = "control plane, empty, to the first service account";
    add(table, side, { what, unit: "ms", better: "lower" }, performance.now() - beganMs);
    table.add(name, { what: `${what}: memory`, unit: "MB", better: "lower" }, { value: residentMegabytes(side.pids) });
  } finally {
    await side.stop();
  }
}

function add(table: Table, side: Side, measure: Measure, value: number): void {
  table.add(side.name, measure, { value, cpuMicros: cpuSeconds(side.pids) * 1e6 });
}
