// Kernel settings that the pod network needs, and the way back to how the machine had them.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { ClusterPaths } from "./data-folder.ts";

const run = promisify(execFile);

/** By address family of the pods. */
const WANTED = {
  IPv4: {
    // Pods reach other nodes and the world through this machine.
    "net/ipv4/ip_forward": "1",
    // Service rules see traffic between pods of one bridge.
    "net/bridge/bridge-nf-call-iptables": "1",
  },
  IPv6: { "net/ipv6/conf/all/forwarding": "1", "net/bridge/bridge-nf-call-ip6tables": "1" },
} as const;
const INTERFACES = "/proc/sys/net/ipv6/conf";

/** Sets what differs and remembers what was, once: a second start must not take our own settings for the machine's. */
export async function applySysctls(paths: ClusterPaths, families: readonly ("IPv4" | "IPv6")[]): Promise<void> {
  if (!existsSync(file("net/bridge/bridge-nf-call-iptables"))) await run("modprobe", ["br_netfilter"]).catch(() => undefined);
  const before: Record<string, string> = existsSync(paths.sysctls) ? (JSON.parse(await readFile(paths.sysctls, "utf8")) as Record<string, string>) : {};
  const wanted: Record<string, string> = Object.assign(
    {},
    ...families.map((family) => WANTED[family]),
    families.includes("IPv6") ? await routerAdvertisements() : {},
  );
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

/** A machine that forwards stops listening to its router, and so loses its way out, unless it is told to go on. */
async function routerAdvertisements(): Promise<Record<string, string>> {
  if (!existsSync(INTERFACES)) return {};
  const settings: Record<string, string> = {};
  for (const name of await readdir(INTERFACES)) {
    const setting = `net/ipv6/conf/${name}/accept_ra`;
    if (name === "all" || name === "default" || !existsSync(file(setting))) continue;
    if ((await readFile(file(setting), "utf8")).trim() === "1") settings[setting] = "2";
  }
  return settings;
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
