// Where the time goes: the CPU profiles that node wrote (--cpu-prof) as a table of functions, by their own share and with what they called.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const ROWS = 30;
const NOT_WORK = new Set(["(idle)", "(program)", "(root)"]);

/** Text for a reader; idle time is left out. */
export function profileTable(folder: string): string {
  const own = new Map<string, number>();
  const whole = new Map<string, number>();
  let total = 0;
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"))) {
    const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile;
    const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
    const micros = new Map<number, number>();
    for (const [index, sample] of profile.samples.entries()) micros.set(sample, (micros.get(sample) ?? 0) + (profile.timeDeltas[index] ?? 0));
    /** Adds up below a node; a function counts once however deep it calls itself. */
    const visit = (node: ProfileNode, above: readonly string[]): number => {
      const name = placeOf(node.callFrame);
      const self = NOT_WORK.has(name) ? 0 : (micros.get(node.id) ?? 0);
      total += self;
      own.set(name, (own.get(name) ?? 0) + self);
      const inner = [...above, name];
      let sum = self;
      for (const child of node.children ?? []) {
        const called = nodes.get(child);
        if (called !== undefined) sum += visit(called, inner);
      }
      if (!above.includes(name)) whole.set(name, (whole.get(name) ?? 0) + sum);
      return sum;
    };
    const [root] = profile.nodes;
    if (root !== undefined) visit(root, []);
  }
  const list = (times: ReadonlyMap<string, number>): string[] =>
    [...times]
      .filter(([name]) => !NOT_WORK.has(name))
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, ROWS)
      .map(([name, micros]) => `${((micros / total) * 100).toFixed(1).padStart(6)} %  ${name}`);
  return [`${(total / 1e6).toFixed(1)} s of JavaScript; by its own:`, ...list(own), "with what it calls:", ...list(whole)].join("\n");
}

function placeOf({ functionName, url, lineNumber }: ProfileNode["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  return url === "" ? name : `${name} ${sourceOf(url, lineNumber)}`;
}

const bundles = new Map<string, readonly string[]>();

/** The source file of a line in a bundle: the comment above says it. */
function sourceOf(url: string, lineNumber: number): string {
  const file = url.startsWith("file:") ? fileURLToPath(url) : url;
  if (!file.endsWith(".mjs") || !existsSync(file)) return `${basename(file)}:${lineNumber + 1}`;
  const lines = bundles.get(file) ?? readFileSync(file, "utf8").split("\n");
  bundles.set(file, lines);
  for (let line = lineNumber; line >= 0; line--) {
    const source = /^\/\/ (\S+\.ts)$/.exec(lines[line] ?? "")?.[1];
    if (source !== undefined) return `${source} +${lineNumber - line}`;
  }
  return `${basename(file)}:${lineNumber + 1}`;
}
