// `npm run bench [-- AREA...] [--quick] [--profile] [--only=kubets|upstream]`: our components and upstream's side by side on this machine.
// Tables in Markdown go to standard output, for docs/benchmarks.md; how far it is goes to standard error.
import { machineLine, withBench } from "./harness/run.ts";
import { progress, type SideName } from "./harness/table.ts";
import { etcdVersion, upstreamVersion } from "./harness/upstream-programs.ts";

interface Area {
  run(bench: import("./harness/run.ts").Bench): Promise<string>;
}

/** Areas of kubets alone print their tables themselves. */
const alone =
  (measure: () => Promise<unknown>): (() => Promise<Area>) =>
  async () => ({
    run: async () => {
      await measure();
      return "";
    },
  });

const AREAS: Readonly<Record<string, () => Promise<Area>>> = {
  start: () => import("./areas/start.ts"),
  idle: () => import("./areas/idle.ts"),
  api: () => import("./areas/api.ts"),
  scheduler: () => import("./areas/scheduler.ts"),
  scale: () => import("./areas/scale.ts"),
  "first-pod": alone(() => import("./first-pod.ts")),
  "pod-start": alone(() => import("./pod-start.ts")),
  proxy: alone(() => import("./services.ts")),
  store: alone(() => import("./store.ts")),
};

async function main(args: readonly string[]): Promise<void> {
  const flags = args.filter((argument) => argument.startsWith("--"));
  const named = args.filter((argument) => !argument.startsWith("--"));
  const only = flags.find((flag) => flag.startsWith("--only="))?.slice("--only=".length) as SideName | undefined;
  const unknown = flags.filter((flag) => !["--quick", "--profile", "--only=kubets", "--only=upstream"].includes(flag));
  if (unknown.length > 0 || named.some((area) => AREAS[area] === undefined)) {
    console.error(`usage: npm run bench -- [${Object.keys(AREAS).join("|")}]... [--quick] [--profile] [--only=kubets|upstream]`);
    process.exitCode = 2;
    return;
  }
  const areas = named.length > 0 ? named : Object.keys(AREAS);
  const quick = flags.includes("--quick");
  await withBench({ quick, profile: flags.includes("--profile"), only }, async (bench) => {
    console.log(`${machineLine()}; upstream ${upstreamVersion()}, etcd ${etcdVersion()}\n`);
    for (const area of areas) {
      const beganMs = performance.now();
      const table = await (await AREAS[area]?.())?.run(bench);
      console.log(`${table}\n`);
      progress(`${area}: ${((performance.now() - beganMs) / 60_000).toFixed(1)} minutes`);
    }
  });
}

await main(process.argv.slice(2));
process.exit();
