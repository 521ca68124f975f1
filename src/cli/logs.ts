// `kubets logs`: the cluster's own log, not a pod's.
import { createReadStream, statSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { existingPlace, type PlaceFlags } from "./place.ts";
import { UserError } from "./progress.ts";

export interface LogsFlags extends PlaceFlags {
  readonly follow?: boolean;
  readonly tail?: number;
}

export async function logs(flags: LogsFlags): Promise<void> {
  if (flags.tail !== undefined && (!Number.isInteger(flags.tail) || flags.tail < 0)) throw new UserError("--tail must be a whole number of lines");
  const { log } = existingPlace(flags);
  const text = await readFile(log, "utf8");
  const lines = text.split("\n");
  process.stdout.write(flags.tail === undefined ? text : lines.slice(Math.max(0, lines.length - 1 - flags.tail)).join("\n"));
  if (flags.follow === true) follow(log, Buffer.byteLength(text));
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
