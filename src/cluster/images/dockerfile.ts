// The part of the Dockerfile language that needs no running container (https://docs.docker.com/reference/dockerfile/):
// FROM scratch, COPY, ENV, WORKDIR, USER, EXPOSE, LABEL, VOLUME, STOPSIGNAL, ENTRYPOINT, CMD. Pure.
//
// Invariant: an instruction or option that is not carried out is an error, never skipped.
import type { ImageRunConfig } from "./archive.host.ts";
import { ImageError } from "./image-error.ts";

export interface CopyInstruction {
  /** Relative to the folder that is built. */
  readonly sources: readonly string[];
  /** Absolute in the image; a trailing slash makes it a folder. */
  readonly destination: string;
  readonly mode?: number;
  readonly uid: number;
  readonly gid: number;
}

export interface ImagePlan {
  readonly copies: readonly CopyInstruction[];
  readonly config: ImageRunConfig;
}

class DockerfileError extends ImageError {
  constructor(line: number, message: string) {
    super(`Dockerfile line ${line}: ${message}`);
  }
}

interface Instruction {
  readonly line: number;
  readonly name: string;
  readonly text: string;
}

interface Draft {
  from: boolean;
  environment: Map<string, string>;
  copies: CopyInstruction[];
  config: { -readonly [Key in keyof ImageRunConfig]: ImageRunConfig[Key] };
}

const withoutContainer = "kubets builds images without running containers";

/** Throws an `ImageError` that names the line. */
export function parseDockerfile(text: string): ImagePlan {
  const draft: Draft = { from: false, environment: new Map(), copies: [], config: {} };
  for (const instruction of instructionsOf(text)) {
    if (!draft.from && instruction.name !== "FROM") throw new DockerfileError(instruction.line, "the first instruction must be FROM scratch");
    const carryOut = instructions[instruction.name];
    if (carryOut === undefined) throw new DockerfileError(instruction.line, `${instruction.name} is not supported: ${withoutContainer}`);
    carryOut(draft, { ...instruction, text: substituted(instruction, draft.environment) });
  }
  if (!draft.from) throw new DockerfileError(1, "there is no FROM scratch");
  const environment = [...draft.environment].map(([name, value]) => `${name}=${value}`);
  return { copies: draft.copies, config: environment.length > 0 ? { ...draft.config, Env: environment } : draft.config };
}

function instructionsOf(text: string): Instruction[] {
  const found: Instruction[] = [];
  let pending = "";
  let begun = 1;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    if (/^\s*#/.test(raw) || (pending === "" && raw.trim() === "")) continue;
    if (pending === "") begun = index + 1;
    if (/\\\s*$/.test(raw)) {
      pending += `${raw.replace(/\\\s*$/, "")} `;
      continue;
    }
    const [, name = "", rest = ""] = /^\s*(\S+)\s*(.*?)\s*$/.exec(pending + raw) ?? [];
    if (name !== "") found.push({ line: begun, name: name.toUpperCase(), text: rest });
    pending = "";
  }
  return found;
}

/** `$NAME` and `${NAME}` of ENV values, as Docker does it everywhere but in ENTRYPOINT and CMD. */
function substituted({ name, text }: Instruction, environment: ReadonlyMap<string, string>): string {
  if (name === "ENTRYPOINT" || name === "CMD") return text;
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_whole, braced: string | undefined, bare: string | undefined) => environment.get(braced ?? bare ?? "") ?? "");
}

const instructions: Readonly<Record<string, (draft: Draft, instruction: Instruction) => void>> = {
  FROM(draft, { line, text }) {
    if (text !== "scratch") throw new DockerfileError(line, `FROM ${text} is not supported: only FROM scratch, and only one stage`);
    if (draft.from) throw new DockerfileError(line, "only one stage is supported");
    draft.from = true;
  },
  COPY(draft, instruction) {
    draft.copies.push(copyOf(instruction, draft.config.WorkingDir ?? "/"));
  },
  ENV(draft, { line, text }) {
    const pairs = words(text);
    // The old form: one name, the rest is its value.
    if (!(pairs[0] ?? "").includes("=")) {
      const [, name = "", value = ""] = /^(\S+)\s+(.*)$/.exec(text) ?? [];
      if (name === "") throw new DockerfileError(line, "ENV needs NAME=VALUE");
      draft.environment.set(name, value);
      return;
    }
    for (const pair of pairs) draft.environment.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
  },
  LABEL(draft, { text }) {
    const labels = words(text).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
    draft.config.Labels = { ...draft.config.Labels, ...Object.fromEntries(labels) };
  },
  WORKDIR(draft, { text }) {
    draft.config.WorkingDir = absolute(text, draft.config.WorkingDir ?? "/");
  },
  USER(draft, { text }) {
    draft.config.User = text;
  },
  EXPOSE(draft, { text }) {
    draft.config.ExposedPorts = { ...draft.config.ExposedPorts, ...setOf(words(text).map((port) => (port.includes("/") ? port : `${port}/tcp`))) };
  },
  VOLUME(draft, { text }) {
    draft.config.Volumes = { ...draft.config.Volumes, ...setOf(listOrWords(text)) };
  },
  STOPSIGNAL(draft, { text }) {
    draft.config.StopSignal = text;
  },
  ENTRYPOINT(draft, { text }) {
    draft.config.Entrypoint = commandOf(text);
  },
  CMD(draft, { text }) {
    draft.config.Cmd = commandOf(text);
  },
};

function copyOf({ line, text }: Instruction, workingDirectory: string): CopyInstruction {
  const all = listOrWords(text);
  const options = all.filter((word) => word.startsWith("--"));
  const paths = all.filter((word) => !word.startsWith("--"));
  const destination = paths.at(-1);
  if (destination === undefined || paths.length < 2) throw new DockerfileError(line, "COPY needs a source and a destination");
  let mode: number | undefined;
  let owner = [0, 0];
  for (const option of options) {
    const [name, value = ""] = option.split("=", 2);
    if (name === "--chmod" && /^[0-7]{3,4}$/.test(value)) mode = Number.parseInt(value, 8);
    else if (name === "--chown" && /^\d+(:\d+)?$/.test(value)) owner = value.split(":").map(Number);
    else throw new DockerfileError(line, `COPY ${option} is not supported: only --chmod=<octal> and --chown=<number>[:<number>]`);
  }
  const [uid = 0, gid = uid] = owner;
  return { sources: paths.slice(0, -1), destination: absolute(destination, workingDirectory), mode, uid, gid };
}

function absolute(path: string, base: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${base}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  const joined = `/${parts.join("/")}`;
  return path.endsWith("/") && joined !== "/" ? `${joined}/` : joined;
}

/** The shell form is given to a shell of the image. */
function commandOf(text: string): readonly string[] {
  return jsonList(text) ?? ["/bin/sh", "-c", text];
}

function listOrWords(text: string): readonly string[] {
  return jsonList(text) ?? words(text);
}

function jsonList(text: string): readonly string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Words split at blanks, quotes removed. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|\\.|[^\s"'])+/g)].map((match) =>
    match[0].replace(
      /"((?:[^"\\]|\\.)*)"|'([^']*)'/g,
      (_whole, double: string | undefined, single: string | undefined) => double?.replace(/\\(.)/g, "$1") ?? single ?? "",
    ),
  );
}

function setOf(names: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
