// A whole control plane of either side: one process of kubets; kube-apiserver, etcd, kube-controller-manager and kube-scheduler of upstream.
import type { Bench } from "./run.ts";
import { type Side, startControllerManager, startKubets, startScheduler, startSide } from "./sides.ts";
import type { SideName } from "./table.ts";

/** Resolves when all its components say that they are well. */
export async function startControlPlane(bench: Bench, name: SideName): Promise<Side> {
  const place = bench.place(`${name}-control-plane`);
  if (name === "kubets") return startKubets(place, true);
  const server = await startSide(name, place);
  const others = await Promise.all([startControllerManager(place), startScheduler({ ...place, name })]);
  const all = [server, ...others];
  return {
    name,
    pids: all.flatMap(({ pids }) => pids),
    check: () => {
      for (const side of all) side.check();
    },
    signal: (signal) => {
      for (const side of all) side.signal(signal);
    },
    stop: async () => {
      for (const side of all.toReversed()) await side.stop();
    },
  };
}
