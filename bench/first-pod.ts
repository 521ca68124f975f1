// `npm run bench -- first-pod`: the figures of a first pod, measured through the command line that users type.
//
// Rows: command to API ready, command to node Ready, in-process start to the first answer, memory and CPU at idle,
// `kubectl run` to Running. Medians over several runs; needs root on Debian and a kubectl on the PATH.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testCluster } from "../test/e2e/cluster.host.ts";
import { buildTestImages } from "../test/images/build.host.ts";
import { printRows, type Row } from "./rows.ts";

const RUNS = 5;
const IDLE_SECONDS = 60;
const API_PORT = 6443;

const rows: Row[] = [];
const startMs: { api: number[]; ready: number[]; again: number[] } = { api: [], ready: [], again: [] };
for (let run = 0; run < RUNS; run++) {
  const cluster = testCluster();
  try {
    const began = performance.now();
    const started = cluster.start().then(() => performance.now() - began);
    startMs.api.push(await untilApiReady(began));
    startMs.ready.push(await started);
    await cluster.kubets("stop");
    const beganAgain = performance.now();
    await cluster.start();
    startMs.again.push(performance.now() - beganAgain);
    if (run === RUNS - 1) await measureRunning(cluster);
  } finally {
    await cluster.dispose();
  }
}
rows.unshift(
  { what: "`kubets start` on an empty folder to `/readyz` ok", unit: "ms", values: startMs.api },
  { what: "`kubets start` on an empty folder to node Ready and DNS answering (the command's end)", unit: "ms", values: startMs.ready },
  { what: "`kubets start` after `kubets stop`, to its end", unit: "ms", values: startMs.again },
);
rows.push({ what: "`startCluster()` in a fresh Node process to the first list of namespaces", unit: "ms", values: inProcessStarts() });
printRows(rows);

async function measureRunning(cluster: ReturnType<typeof testCluster>): Promise<void> {
  const { pid } = JSON.parse(await cluster.kubets("status", "-o", "json")) as { pid: number };
  await sleep(10_000);
  rows.push({ what: `memory of the kubets process at idle, no pods`, unit: "MB", values: [residentMegabytes(pid)] });
  const cpuBefore = cpuSeconds(pid);
  await sleep(IDLE_SECONDS * 1000);
  rows.push({
    what: `CPU of the kubets process at idle over ${IDLE_SECONDS} s`,
    unit: "% of a core",
    values: [((cpuSeconds(pid) - cpuBefore) / IDLE_SECONDS) * 100],
  });
  const folder = mkdtempSync(join(tmpdir(), "kubets-bench-"));
  try {
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
    const running: number[] = [];
    for (let run = 0; run < RUNS * 2; run++) {
      const began = performance.now();
      await cluster.kubectl.run(["run", `bench-${run}`, "--image=busybox:local", "--restart=Never", "--", "sleep", "1000"]);
      await cluster.kubectl.run(["wait", "--for=jsonpath={.status.phase}=Running", `pod/bench-${run}`, "--timeout=60s"]);
      running.push(performance.now() - began);
    }
    rows.push({ what: "`kubectl run` and `kubectl wait` for Running, both commands' own time included", unit: "ms", values: running });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function untilApiReady(beganMs: number): Promise<number> {
  for (;;) {
    if (await answersReady()) return performance.now() - beganMs;
    await sleep(5);
  }
}

/** `/readyz` is open to everyone; the certificate is not what is measured. */
function answersReady(): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port: API_PORT, path: "/readyz", rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("error", () => resolve(false));
    asked.end();
  });
}

/** Wall time of the whole process, Node's own start included. */
function inProcessStarts(): number[] {
  const script = `import { namespaces, startCluster } from ${JSON.stringify(join(process.cwd(), "dist/index.js"))};
const began = performance.now(); const cluster = await startCluster(); await cluster.client().list(namespaces); console.log(performance.now() - began); await cluster.stop();`;
  return Array.from({ length: RUNS }, () => Number(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })));
}

function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

/** User and system time of the process so far; the kernel's tick is a hundredth of a second. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
