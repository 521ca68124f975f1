// Prometheus' text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure.
import type { Labels } from "./env.ts";

export const METRIC_TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
}

/** Collects samples and writes them family by family, in the order in which families were first named. */
export class MetricText {
  readonly #families = new Map<string, string[]>();

  /** `atMs`: when it was so, for samples that are not of now. */
  add({ name, type, help }: MetricFamily, value: number, labels?: Labels, atMs?: number): void {
    const lines = this.#families.get(name) ?? [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
    lines.push(`${name}${labelText(labels)} ${value}${atMs === undefined ? "" : ` ${Math.floor(atMs)}`}`);
    this.#families.set(name, lines);
  }

  toString(): string {
    return [...this.#families.values()].map((lines) => `${lines.join("\n")}\n`).join("");
  }
}

/** `{a="1",b="2"}` by name; nothing without labels. */
export function labelText(labels: Labels = {}): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((key) => `${key}="${(labels[key] ?? "").replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
