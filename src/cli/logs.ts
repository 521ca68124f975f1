// `kubets logs`: the cluster's own log, not a pod's.
import { createReadStream, existsSync, statSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { nodePaths } from "../cluster/nodes/node-record.ts";
import { existingPlace, type PlaceFlags } from "./place.ts";
import { UserError } from "./progress.ts";

export interface LogsFlags extends PlaceFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  /** Whose log; absent: the cluster's, which is the first node's too. */
  readonly node?: string;
}

export async function logs(flags: LogsFlags): Promise<void> {
  if (flags.tail !== undefined && (!Number.isInteger(flags.tail) || flags.tail < 0)) throw new UserError("--tail must be a whole number of lines");
  const log = await logFile(flags);
  const text = await readFile(log, "utf8");
  const lines = text.split("\n");
  process.stdout.write(flags.tail === undefined ? text : lines.slice(Math.max(0, lines.length - 1 - flags.tail)).join("\n"));
  if (flags.follow === true) follow(log, Buffer.byteLength(text));
}

async function logFile({ node, ...flags }: LogsFlags): Promise<string> {
  const paths = existingPlace(flags);
  if (node === undefined) return paths.log;
  const { log } = nodePaths(paths, node);
  if (!existsSync(log))
    throw new UserError(`there is no log of a node ${node}; "kubets node list" says which nodes there are, and the first one's log is the cluster's`);
  return log;
}

function follow(file: string, from: number): void {
  let position = from;
  let reading = false;
  const more = (): void => {
    const { size } = statSync(file);
    if (reading || size <= position) return;
    reading = true;
    createReadStream(file, { start: position, end: size - 1 })
      .on("end", () => {
        position = size;
        reading = false;
        more();
      })
      .pipe(process.stdout, { end: false });
  };
  watch(file, more);
}
