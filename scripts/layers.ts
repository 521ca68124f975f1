// The layer table of docs/architecture.md as a check: which room may import which, that rooms are entered by their index, and
// that what touches the machine stays in `.host.ts` files.
import { dirname, join, normalize } from "node:path";

const BELOW_CLIENT = ["base", "api"];
const AT_THE_API = ["base", "api", "client"];
/** Room → rooms it may import, beside itself. */
export const LAYERS: Readonly<Record<string, readonly string[] | "everything">> = {
  base: [],
  api: ["base"],
  store: ["base"],
  cel: ["base", "api"],
  client: BELOW_CLIENT,
  apiserver: ["base", "api", "store", "cel", "client"],
  scheduler: AT_THE_API,
  controllers: AT_THE_API,
  kubelet: AT_THE_API,
  proxy: AT_THE_API,
  network: AT_THE_API,
  dns: AT_THE_API,
  kubectl: AT_THE_API,
  kubeadm: AT_THE_API,
  cluster: "everything",
  simulation: "everything",
  cli: "everything",
};

/** Rooms that compose the others on a real machine. */
const MACHINE_ROOMS = ["cluster", "cli"];
/** Packages that open sockets, files or native code. */
const HOST_PACKAGES = /^(?:lmdb|@grpc\/|ws$|tar-stream$|commander$)/;
/** The command line is the face of cluster/ and opens each of its files only when a command needs it. */
const ENTERED_ANYWHERE: Readonly<Record<string, readonly string[]>> = { cli: ["cluster"] };
/** What a pure file must take from `env` instead. The look-behind lets `clock.setTimeout(` pass, the look-ahead a declaration. */
const MACHINE_GLOBALS: readonly [RegExp, string][] = [
  [/(?<![.\w])Date\.now\b/, "Date.now (take env.clock)"],
  [/\bnew Date\(\s*\)/, "new Date() (take env.clock)"],
  [/(?<![.\w])Math\.random\b/, "Math.random (take env.random)"],
  [/(?<![.\w])(?:setTimeout|setInterval|setImmediate)\s*\((?!\w+:)/, "a timer (take env.clock)"],
  [/\brandomUUID\b/, "randomUUID (take randomUuid(env.random))"],
  [/(?<![.\w])fetch\s*\(/, "fetch"],
  [/(?<![.\w])process\./, "process"],
  [/(?<![.\w])Buffer\b/, "Buffer"],
  [/(?<![.\w])performance\.now\b/, "performance.now (take env.clock)"],
];

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Checks source files given by path below `src/`. Test files may import anything. */
export function findViolations(files: ReadonlyMap<string, string>): Violation[] {
  const violations: Violation[] = [];
  for (const [file, source] of files) {
    if (/\.test\.ts$|(?:^|\/)(?:testing|contract)(?:\.host)?\.ts$/.test(file)) continue;
    const code = withoutComments(source);
    violations.push(...importViolations(file, code));
    if (!mayTouchMachine(file)) violations.push(...globalViolations(file, code));
  }
  return violations;
}

function roomOf(file: string): string {
  return file.split("/")[0] ?? "";
}

function mayTouchMachine(file: string): boolean {
  return file.endsWith(".host.ts") || MACHINE_ROOMS.includes(roomOf(file));
}

function importViolations(file: string, code: string): Violation[] {
  const violations: Violation[] = [];
  for (const match of code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*(["'])([^"']+)\1/g)) {
    const specifier = match[2] ?? "";
    const line = code.slice(0, match.index).split("\n").length;
    const problem = specifier.startsWith(".") ? roomViolation(file, normalize(join(dirname(file), specifier))) : packageViolation(file, specifier);
    if (problem !== undefined) violations.push({ file, line, text: problem });
  }
  return violations;
}

function roomViolation(file: string, target: string): string | undefined {
  const [from, to] = [roomOf(file), roomOf(target)];
  if (target.endsWith(".host.ts") && !mayTouchMachine(file)) return `imports ${target}: only .host.ts files, cluster/ and cli/ may import .host.ts files`;
  if (from === to) return undefined;
  const allowed = LAYERS[from];
  if (allowed === undefined) return `room ${from}/ is not in the layer table (scripts/layers.ts)`;
  if (allowed !== "everything" && !allowed.includes(to)) return `${from}/ may not import ${to}/`;
  if (ENTERED_ANYWHERE[from]?.includes(to) === true) return undefined;
  if (target !== `${to}/index.ts` && target !== `${to}/index.host.ts`) return `imports ${target}: a room is entered by its index.ts (or index.host.ts)`;
  return undefined;
}

function packageViolation(file: string, specifier: string): string | undefined {
  if (mayTouchMachine(file)) return undefined;
  return specifier.startsWith("node:") || HOST_PACKAGES.test(specifier) ? `imports ${specifier}: only .host.ts files touch the machine` : undefined;
}

function globalViolations(file: string, code: string): Violation[] {
  return code.split("\n").flatMap((text, index) =>
    MACHINE_GLOBALS.filter(([pattern]) => pattern.test(withoutStrings(text))).map(([, name]) => ({
      file,
      line: index + 1,
      text: `uses ${name} outside a .host.ts file`,
    })),
  );
}

/** Blanks comments, keeping the lines. */
function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " ")).replace(/(^|[^:"'`\\])\/\/.*$/gm, "$1");
}

function withoutStrings(line: string): string {
  return line.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
}
