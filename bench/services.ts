// `npm run bench -- proxy`: service rules in the kernel, of a network namespace of the benchmark's own: the whole table, one change, the
// check that nobody else changed it, and putting it back. Each service has three endpoints. Needs root and nft.
import { execFileSync } from "node:child_process";
import { IPV4 } from "../src/proxy/family.ts";
import { FamilyRules } from "../src/proxy/family-rules.ts";
import { createNftApplier } from "../src/proxy/index.host.ts";
import { planService } from "../src/proxy/plan.ts";
import { servicePort, testService, testSlice } from "../src/proxy/testing.ts";
import { printRows, type Row } from "./rows.ts";

const COUNTS = [1000, 10_000];
const CHANGES = 20;
const NAMESPACE = `kubets-bench-${process.pid}`;
const ports = [servicePort("TCP", 80)];

/** The address of that number in 10.`second`.0.0/16. */
function address(second: number, number: number): string {
  return `10.${second}.${number >> 8}.${number & 255}`;
}

async function measure(count: number): Promise<Row[]> {
  const applier = createNftApplier({ networkNamespace: `/run/netns/${NAMESPACE}` });
  const rules = new FamilyRules(IPV4, applier);
  const plan = (number: number, third: number): void => {
    const slice = testSlice(
      `s${number}`,
      ports,
      [1, 2, third].map((endpoint) => ({ ip: address(128 + endpoint, number) })),
    );
    const service = testService(`s${number}`, { clusterIP: address(96, number), ports });
    rules.set(`default/s${number}`, planService(service, [slice], { family: IPV4, nodeName: "node", clusterCidr: "10.128.0.0/9" }));
  };
  const apply = async (): Promise<void> => {
    const transaction = rules.ruleset.transaction();
    await applier.apply(transaction?.script ?? "");
    transaction?.settled(true);
  };
  const timed = async (work: () => unknown): Promise<number> => {
    const startMs = performance.now();
    await work();
    return performance.now() - startMs;
  };
  const planned = await timed(() => {
    for (let number = 1; number <= count; number++) plan(number, 3);
  });
  const whole = await timed(apply);
  const changes: number[] = [];
  for (let change = 0; change < CHANGES; change++)
    changes.push(
      await timed(() => {
        plan(500, 4 + (change % 2));
        return apply();
      }),
    );
  const checked = await timed(() => rules.isIntact());
  rules.ruleset.distrust();
  const replaced = await timed(apply);
  const row = (what: string, values: readonly number[]): Row => ({ what: `${count} services: ${what}`, unit: "ms", values });
  return [
    row("plan all", [planned]),
    row("set the whole table", [whole]),
    row("one endpoint changes", changes),
    row("check that the table is whole", [checked]),
    row("put the table back", [replaced]),
  ];
}

execFileSync("ip", ["netns", "add", NAMESPACE]);
try {
  const rows: Row[] = [];
  for (const count of COUNTS) rows.push(...(await measure(count)));
  printRows(rows);
} finally {
  execFileSync("ip", ["netns", "del", NAMESPACE]);
}
