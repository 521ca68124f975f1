// Applies the service rules on Linux with the commands `nft` and, for UDP flows, `conntrack`; looks at what the kernel has.
import { execFile, spawn } from "node:child_process";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { type Flow, parseFlows } from "./conntrack.ts";
import { IPV4, IPV6 } from "./family.ts";
import type { ProxyApplier } from "./family-rules.ts";
import { removal, TABLE } from "./ruleset.ts";

const run = promisify(execFile);
const LISTING_LIMIT_BYTES = 64 * 1024 * 1024;

export interface NftOptions {
  /** Path of the node's network namespace; absent: this process's own. */
  readonly networkNamespace?: string;
}

export function createNftApplier(options: NftOptions = {}): ProxyApplier {
  return {
    apply: (script) => nft(script, options),
    wouldApply: (script) => succeeds(nft(script, options, ["--check"])),
    chainNames: async ({ header }) => {
      const [file, args] = inNamespace(options, "nft", ["--json", "list", "chains", header]);
      const { stdout } = await run(file, args, { maxBuffer: LISTING_LIMIT_BYTES });
      const { nftables } = JSON.parse(stdout) as { readonly nftables: readonly { readonly chain?: { readonly table: string; readonly name: string } }[] };
      return new Set(nftables.flatMap(({ chain }) => (chain?.table === TABLE ? [chain.name] : [])));
    },
    chains: async ({ header }) => {
      const [file, args] = inNamespace(options, "nft", ["--json", "--terse", "list", "table", header, TABLE]);
      return run(file, args, { maxBuffer: LISTING_LIMIT_BYTES }).then(
        ({ stdout }) => chainsOf(stdout),
        // Whatever keeps it from being listed: putting it back is the way to find out.
        () => undefined,
      );
    },
    finds: (script) => succeeds(nft(script, options)),
    udpFlows: async ({ name }) => {
      try {
        const [file, args] = inNamespace(options, "conntrack", ["-L", "-p", "udp", "-f", name.toLowerCase()]);
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
  for (const family of [IPV4, IPV6]) {
    const [file, args] = inNamespace(options, "nft", ["--json", "list", "chains", family.header]);
    // A machine without the family, or without nft, has no rules either.
    const listing = await run(file, args, { maxBuffer: LISTING_LIMIT_BYTES }).catch(() => ({ stdout: "" }));
    if (listing.stdout.includes(`"${TABLE}"`)) await nft(removal(family), options);
  }
}

function chainsOf(listing: string): ReadonlyMap<string, number> {
  const { nftables } = JSON.parse(listing) as {
    readonly nftables: readonly { readonly chain?: { readonly name: string }; readonly rule?: { readonly chain: string } }[];
  };
  const chains = new Map<string, number>();
  for (const { chain, rule } of nftables) {
    const name = chain?.name ?? rule?.chain;
    if (name !== undefined) chains.set(name, (chains.get(name) ?? 0) + (rule === undefined ? 0 : 1));
  }
  return chains;
}

function inNamespace({ networkNamespace }: NftOptions, file: string, args: readonly string[]): [string, string[]] {
  return networkNamespace === undefined ? [file, [...args]] : ["nsenter", [`--net=${networkNamespace}`, file, ...args]];
}

function selection(flow: Flow): string[] {
  return [
    "-f",
    flow.source.includes(":") ? "ipv6" : "ipv4",
    "-p",
    "udp",
    "-s",
    flow.source,
    "--sport",
    flow.sourcePort,
    "-d",
    flow.destination,
    "--dport",
    flow.destinationPort,
  ];
}

function succeeds(work: Promise<void>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

function nft(script: string, options: NftOptions, flags: readonly string[] = []): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(...inNamespace(options, "nft", [...flags, "-f", "-"]), { stdio: ["pipe", "ignore", "pipe"] });
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
