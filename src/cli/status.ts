// `kubets status`, `kubets ip`, `kubets kubeconfig`
import { readFile } from "node:fs/promises";
import { nodes } from "../api/index.ts";
import { humanDuration } from "../base/index.ts";
import { daemonState } from "../cluster/daemon.host.ts";
import { adminClient } from "./admin-client.ts";
import { existingPlace, type PlaceFlags, runningPlace } from "./place.ts";

const NOT_RUNNING = 3;

export async function status(flags: PlaceFlags & { output: "text" | "json" }): Promise<void> {
  const paths = existingPlace(flags);
  const state = await daemonState(paths);
  if (state === undefined) {
    console.log(
      flags.output === "json"
        ? JSON.stringify({ phase: "stopped", dataDir: paths.data })
        : `The cluster in ${paths.data} is stopped. Start it with: kubets start`,
    );
    process.exitCode = NOT_RUNNING;
    return;
  }
  const nodeReady = state.phase === "running" ? await isNodeReady(paths, state.nodeName) : false;
  if (flags.output === "json") {
    console.log(JSON.stringify({ ...state, nodeReady, dataDir: paths.data }));
    return;
  }
  console.log(`The cluster is ${state.phase}, for ${humanDuration(Date.now() - state.startedAtMs)}.`);
  console.log(`  node      ${state.nodeName} (${state.nodeIp}), ${nodeReady ? "Ready" : "not Ready"}`);
  console.log(`  API       https://127.0.0.1:${state.apiPort}`);
  console.log(`  process   ${state.pid}`);
  console.log(`  data      ${paths.data}`);
  console.log(`  log       ${paths.log}`);
}

async function isNodeReady(paths: Parameters<typeof adminClient>[0], name: string): Promise<boolean> {
  const { client, close } = await adminClient(paths);
  try {
    const node = await client.get(nodes, { name });
    return node.status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
  } finally {
    close();
  }
}

export async function ip(flags: PlaceFlags): Promise<void> {
  console.log((await runningPlace(flags)).state.nodeIp);
}

export async function kubeconfig(flags: PlaceFlags): Promise<void> {
  process.stdout.write(await readFile(existingPlace(flags).adminKubeconfig, "utf8"));
}
