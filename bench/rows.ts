// The table of a benchmark, as docs/benchmarks.md has it: medians and spread.
import { cpus, totalmem } from "node:os";

export interface Row {
  readonly what: string;
  readonly unit: "ms" | "MB" | "% of a core" | "pods/s";
  readonly values: readonly number[];
}

/** Prints the machine, then a table in Markdown. */
export function printRows(rows: readonly Row[]): void {
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}\n`,
  );
  console.log("| what | unit | median | min | max | runs |\n|---|---|---|---|---|---|");
  for (const { what, unit, values } of rows) {
    const sorted = [...values].sort((a, b) => a - b);
    const figure = (value: number | undefined): string => (value === undefined ? "" : unit === "ms" ? value.toFixed(0) : value.toFixed(1));
    console.log(
      `| ${what} | ${unit} | ${figure(sorted[Math.floor(sorted.length / 2)])} | ${figure(sorted[0])} | ${figure(sorted.at(-1))} | ${sorted.length} |`,
    );
  }
}
