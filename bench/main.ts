// `npm run bench -- AREA`: measures an area and prints its table. Results go into docs/benchmarks.md, dated, with machine and command.

const AREAS: Readonly<Record<string, () => Promise<unknown>>> = {
  "first-pod": () => import("./first-pod.ts"),
  store: () => import("./store.ts"),
};

const run = AREAS[process.argv[2] ?? ""];
if (run === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(AREAS).join("|")}`);
  process.exit(2);
}
await run();
