// `kubets status`, `kubets ip`, `kubets kubeconfig`
import { readFile } from "node:fs/promises";
import { humanDuration } from "../base/index.ts";
import { daemonState } from "../cluster/daemon.host.ts";
import { nodeStates } from "./node.ts";
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
  const first = { name: state.nodeName, addresses: [state.nodeIp], state: "running", ready: false } as const;
  const nodes = state.phase === "running" ? await nodeStates(paths) : [first];
  const nodeReady = nodes[0]?.ready === true;
  if (flags.output === "json") {
    console.log(JSON.stringify({ ...state, nodeReady, nodes, dataDir: paths.data }));
    return;
  }
  console.log(`The cluster is ${state.phase}, for ${humanDuration(Date.now() - state.startedAtMs)}.`);
  for (const { name, addresses, state: power, ready } of nodes)
    console.log(`  node      ${name} (${addresses.join(", ")}), ${power === "stopped" ? "stopped" : ready ? "Ready" : "not Ready"}`);
  console.log(`  API       https://127.0.0.1:${state.apiPort}`);
  console.log(`  process   ${state.pid}`);
  console.log(`  data      ${paths.data}`);
  console.log(`  log       ${paths.log}`);
}

export async function ip(flags: PlaceFlags): Promise<void> {
  console.log((await runningPlace(flags)).state.nodeIp);
}

export async function kubeconfig(flags: PlaceFlags): Promise<void> {
  process.stdout.write(await readFile(existingPlace(flags).adminKubeconfig, "utf8"));
}
