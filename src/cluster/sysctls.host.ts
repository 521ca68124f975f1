// Kernel settings that the pod network needs, and the way back to how the machine had them.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { ClusterPaths } from "./data-folder.ts";

const run = promisify(execFile);

const wanted: Readonly<Record<string, string>> = {
  // Pods reach other nodes and the world through this machine.
  "net/ipv4/ip_forward": "1",
  // Service rules see traffic between pods of one bridge.
  "net/bridge/bridge-nf-call-iptables": "1",
};

/** Sets what differs and remembers what was, once: a second start must not take our own settings for the machine's. */
export async function applySysctls(paths: ClusterPaths): Promise<void> {
  if (!existsSync(file("net/bridge/bridge-nf-call-iptables"))) await run("modprobe", ["br_netfilter"]).catch(() => undefined);
  const before: Record<string, string> = existsSync(paths.sysctls) ? (JSON.parse(await readFile(paths.sysctls, "utf8")) as Record<string, string>) : {};
  const changes: [string, string][] = [];
  for (const [name, value] of Object.entries(wanted)) {
    // A kernel without the bridge filter hands bridged packets to nobody: nothing to set.
    if (!existsSync(file(name))) continue;
    const current = (await readFile(file(name), "utf8")).trim();
    if (current !== value) changes.push([name, current]);
  }
  if (changes.length === 0) return;
  await writeFile(paths.sysctls, JSON.stringify({ ...Object.fromEntries(changes), ...before }));
  for (const [name] of changes) await writeFile(file(name), wanted[name] ?? "");
}

export async function restoreSysctls(paths: ClusterPaths): Promise<void> {
  if (!existsSync(paths.sysctls)) return;
  const before = JSON.parse(await readFile(paths.sysctls, "utf8")) as Record<string, string>;
  for (const [name, value] of Object.entries(before)) if (existsSync(file(name))) await writeFile(file(name), value);
  await rm(paths.sysctls, { force: true });
}

function file(name: string): string {
  return `/proc/sys/${name}`;
}
