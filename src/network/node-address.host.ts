// The address of this machine that others reach it by.
import { execFile } from "node:child_process";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { POD_BRIDGE } from "./cni.ts";

const run = promisify(execFile);
const OPTIONS = { IPv4: "-4", IPv6: "-6" } as const;

/** That of the interface with the family's default route, else any that is neither loopback nor of this link alone; undefined: none. */
export async function findNodeAddress(family: "IPv4" | "IPv6"): Promise<string | undefined> {
  const { stdout } = await run("ip", ["-json", OPTIONS[family], "route", "show", "default"]);
  const [route] = JSON.parse(stdout || "[]") as { dev?: string; prefsrc?: string }[];
  if (route?.prefsrc !== undefined) return route.prefsrc;
  const all = networkInterfaces();
  const ofInterface = (name: string | undefined): string | undefined =>
    name === undefined
      ? undefined
      : all[name]?.find((address) => address.family === family && !address.internal && !address.address.startsWith("fe80:"))?.address;
  return (
    ofInterface(route?.dev) ??
    Object.keys(all)
      .filter((name) => name !== POD_BRIDGE)
      .map(ofInterface)
      .find((address) => address !== undefined)
  );
}
