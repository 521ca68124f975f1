// Applies the service rules on Linux with the commands `nft` and, for UDP flows, `conntrack`.
import { execFile, spawn } from "node:child_process";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { type Flow, parseFlows } from "./conntrack.ts";
import type { ProxyApplier } from "./proxy.ts";
import { REMOVAL } from "./ruleset.ts";

const run = promisify(execFile);
const LISTING_LIMIT_BYTES = 64 * 1024 * 1024;

export interface NftOptions {
  /** Path of the node's network namespace; absent: this process's own. */
  readonly networkNamespace?: string;
}

export function createNftApplier(options: NftOptions = {}): ProxyApplier {
  return {
    apply: (script) => nft(script, options),
    udpFlows: async () => {
      try {
        const [file, args] = inNamespace(options, "conntrack", ["-L", "-p", "udp"]);
        const { stdout } = await run(file, args, { maxBuffer: LISTING_LIMIT_BYTES });
        return parseFlows(stdout);
      } catch (error) {
        const { code } = error as { readonly code?: string | number };
        // nsenter ends with 127 when the command is not there, as shells do.
        if (code === "ENOENT" || code === 127) return undefined;
        throw error;
      }
    },
    endFlow: async (flow) => {
      // Fails when the flow has ended meanwhile: that is what was wanted.
      await run(...inNamespace(options, "conntrack", ["-D", ...selection(flow)])).catch(() => undefined);
    },
    isLocalAddress: (ip) => Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === ip)),
  };
}

/** Takes all service rules away; nothing happens when there are none. */
export async function removeServiceRules(options: NftOptions = {}): Promise<void> {
  await nft(REMOVAL, options);
}

function inNamespace({ networkNamespace }: NftOptions, file: string, args: readonly string[]): [string, string[]] {
  return networkNamespace === undefined ? [file, [...args]] : ["nsenter", [`--net=${networkNamespace}`, file, ...args]];
}

function selection(flow: Flow): string[] {
  return ["-p", "udp", "-s", flow.source, "--sport", flow.sourcePort, "-d", flow.destination, "--dport", flow.destinationPort];
}

function nft(script: string, options: NftOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(...inNamespace(options, "nft", ["-f", "-"]), { stdio: ["pipe", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`nft ended with ${code}: ${errors.slice(0, 2000)}`))));
    // A write to a process that ended already fails; its exit says why.
    child.stdin.on("error", () => undefined);
    child.stdin.end(script);
  });
}
