// One run of benchmarks: what the areas share, and what is said of the machine.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { type Credentials, makeCredentials } from "./credentials.ts";
import { Load } from "./load.ts";
import { profileTable } from "./profile.ts";
import { type Side, type SideOptions, startSide } from "./sides.ts";
import { progress, type SideName } from "./table.ts";
import { cpuSeconds } from "./usage.ts";

export interface BenchOptions {
  /** Smaller sizes and fewer rounds: for those who change something. */
  readonly quick: boolean;
  /** Prints where our processes spend their time. */
  readonly profile: boolean;
  /** One side alone; both without. */
  readonly only?: SideName;
}

const API_PORT = 16_443;

export interface Bench {
  readonly options: BenchOptions;
  readonly credentials: Credentials;
  readonly load: Load;
  /** Both, in turn; who comes first changes with the round. */
  sides(round: number): readonly SideName[];
  /** What a process is started with, in a folder of its own. */
  place(name: string): SideOptions;
  /** Starts a side's API server, lets `work` measure it, and ends it. */
  withSide(name: SideName, work: (side: Side) => Promise<void>): Promise<void>;
  /** Ends the processes, then tells where their time went, if that was asked for. */
  showProfile(what: string, place: SideOptions): void;
}

export async function withBench(options: BenchOptions, work: (bench: Bench) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "kubets-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const credentials = await makeCredentials(join(folder, "credentials"), API_PORT);
  const load = await Load.start(folder);
  let places = 0;
  const both: readonly SideName[] = ["kubets", "upstream"];
  const bench: Bench = {
    options,
    credentials,
    load,
    sides: (round) => (round % 2 === 0 ? both : both.toReversed()).filter((name) => options.only === undefined || name === options.only),
    place: (name) => {
      const own = join(folder, `${places++}-${name}`);
      const profile = options.profile ? join(own, "profile") : undefined;
      if (profile !== undefined) mkdirSync(profile, { recursive: true });
      return { credentials, folder: own, ...(profile === undefined ? {} : { profile }) };
    },
    withSide: async (name, measure) => {
      const place = bench.place(name);
      const side = await startSide(name, place);
      try {
        await load.connect(credentials.target());
        await measure(side);
        side.check();
      } finally {
        await side.stop();
      }
      bench.showProfile(name, place);
      rmSync(place.folder, { recursive: true, force: true });
    },
    showProfile: (what, { profile }) => {
      if (profile !== undefined && what.startsWith("kubets")) progress(`\nwhere ${what} spends its time:\n${profileTable(profile)}\n`);
    },
  };
  try {
    await work(bench);
  } finally {
    await load.stop();
  }
}

/** CPU seconds that the processes spend during `work`. */
export async function cpuOf<T>(side: Pick<Side, "pids">, work: () => Promise<T>): Promise<{ result: T; cpu: number }> {
  const before = cpuSeconds(side.pids);
  const result = await work();
  return { result, cpu: cpuSeconds(side.pids) - before };
}

export function machineLine(): string {
  const date = new Date().toISOString().slice(0, 10);
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${date}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${memory} GiB, Linux ${release()}, Node ${process.version}`;
}
