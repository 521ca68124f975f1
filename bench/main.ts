// `npm run bench -- AREA`: measures an area and prints its table. Results go into docs/benchmarks.md, dated, with machine and command.

const AREAS: Readonly<Record<string, () => Promise<unknown>>> = {
  "first-pod": () => import("./first-pod.ts"),
  "pod-start": () => import("./pod-start.ts"),
  services: () => import("./services.ts"),
  scheduler: () => import("./scheduler.ts"),
  store: () => import("./store.ts"),
};

async function main(area: string): Promise<void> {
  const run = AREAS[area];
  if (run === undefined) {
    console.error(`usage: npm run bench -- ${Object.keys(AREAS).join("|")}`);
    process.exitCode = 2;
  } else await run();
}

void main(process.argv[2] ?? "");
