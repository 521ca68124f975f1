// What this machine can run.
import { existsSync, readFileSync } from "node:fs";

/** Tells why container and network tests cannot run here; `reason` is undefined when they can. */
export function containerTests(): { readonly reason: string | undefined } {
  if (process.platform !== "linux") return { reason: `they need Linux, this is ${process.platform}` };
  if (process.getuid?.() !== 0) return { reason: "they need root" };
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  if (!/^ID(?:_LIKE)?=.*(?:debian|ubuntu)/m.test(release)) return { reason: "they need Debian or Ubuntu, whose packages kubets installs" };
  return { reason: undefined };
}
