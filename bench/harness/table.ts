// The table of an area, side by side: what was measured of kubets and of upstream's components, the medians, how far the runs lie apart,
// and how often better kubets is. Each measurement is told at once; the table, in Markdown for docs/benchmarks.md, comes at the end.

export type SideName = "kubets" | "upstream";

export interface Measure {
  readonly what: string;
  readonly unit: string;
  /** Which of two figures is the better one. */
  readonly better: "higher" | "lower";
}

export interface Measurement {
  readonly value: number;
  /** What the side's processes spent on it, in microseconds of CPU time an operation. */
  readonly cpuMicros?: number;
}

interface Row extends Measure {
  readonly runs: Record<SideName, Measurement[]>;
}

const LABEL = { kubets: "kubets  ", upstream: "upstream" } as const;

export class Table {
  readonly #rows = new Map<string, Row>();
  readonly #notes: string[] = [];

  constructor(
    readonly title: string,
    /** How the second column of figures is called. */
    private readonly other = "upstream",
  ) {}

  add(side: SideName, measure: Measure, measurement: Measurement): void {
    const key = `${measure.what}\n${measure.unit}`;
    const row = this.#rows.get(key) ?? { ...measure, runs: { kubets: [], upstream: [] } };
    this.#rows.set(key, row);
    row.runs[side].push(measurement);
    const cpu = measurement.cpuMicros === undefined ? "" : `, CPU ${figure(measurement.cpuMicros)} µs each`;
    progress(`  ${LABEL[side]} ${measure.what}: ${figure(measurement.value)} ${measure.unit}${cpu}`);
  }

  /** A line under the table. */
  note(text: string): void {
    this.#notes.push(text);
  }

  markdown(): string {
    const rows = [...this.#rows.values()];
    const hasCpu = rows.some(({ runs }) => [...runs.kubets, ...runs.upstream].some(({ cpuMicros }) => cpuMicros !== undefined));
    const head = ["what", "unit", "kubets", this.other, "ratio", ...(hasCpu ? [`CPU µs each: kubets`, this.other, "ratio"] : [])];
    const lines = [head, head.map(() => "---"), ...rows.map((row) => cells(row, hasCpu))].map((line) => `| ${line.join(" | ")} |`);
    return `### ${this.title}\n\n${lines.join("\n")}\n${this.#notes.map((note) => `\n- ${note}`).join("")}\n`;
  }
}

export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function cells({ what, unit, better, runs }: Row, hasCpu: boolean): string[] {
  const values = (side: SideName): number[] => runs[side].map(({ value }) => value);
  const cpu = (side: SideName): number[] => runs[side].flatMap(({ cpuMicros }) => (cpuMicros === undefined ? [] : [cpuMicros]));
  return [
    what,
    unit,
    spread(values("kubets")),
    spread(values("upstream")),
    verdict(values("kubets"), values("upstream"), better),
    ...(hasCpu ? [spread(cpu("kubets")), spread(cpu("upstream")), verdict(cpu("kubets"), cpu("upstream"), "lower")] : []),
  ];
}

/** The median, and the smallest and largest of several. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (least === undefined || most === undefined) return "";
  return sorted.length === 1 ? figure(least) : `${figure(median(sorted))} (${figure(least)}–${figure(most)})`;
}

/** How many times better kubets is; below 1 the row is lost. */
function verdict(ours: readonly number[], theirs: readonly number[], better: Measure["better"]): string {
  if (ours.length === 0 || theirs.length === 0) return "";
  const [mine, other] = [median(ours), median(theirs)];
  const ratio = better === "higher" ? mine / other : other / mine;
  if (!Number.isFinite(ratio)) return "";
  return ratio >= 1 ? `${ratio.toFixed(ratio < 10 ? 2 : 0)}×` : `**${ratio.toFixed(2)}× lost**`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Three digits that matter. */
function figure(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return Number(value.toFixed(digits)).toLocaleString("en-US", { maximumFractionDigits: digits });
}
