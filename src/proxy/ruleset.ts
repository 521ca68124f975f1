// The table as nft sees it: what the claims of all services add up to, and the shortest transaction from what is there to what is
// wanted (https://wiki.nftables.org/wiki-nftables/index.php/Main_Page).
//
// Invariants: several services may claim one thing, the first by name decides what it is; a transaction touches only what differs;
// after a transaction failed, the next one replaces the whole table.
import type { Family } from "./family.ts";
import { type Claims, MASQUERADE_MARK, type MapName } from "./plan.ts";

export const TABLE = "kubets-proxy";

/** Declarations; ADDRESS stands for the family's type of addresses. */
const MAPS: Readonly<Record<MapName, string>> = {
  "service-ips": "map service-ips { type ADDRESS . inet_proto . inet_service : verdict; }",
  "node-ports": "map node-ports { type inet_proto . inet_service : verdict; }",
  "balancer-ports": "map balancer-ports { type inet_proto . inet_service : verdict; }",
  "host-ports": "map host-ports { type ADDRESS . inet_proto . inet_service : ADDRESS . inet_service; }",
  "any-host-ports": "map any-host-ports { type inet_proto . inet_service : ADDRESS . inet_service; }",
  "cluster-ips": "set cluster-ips { type ADDRESS; }",
  "refused-ips": "set refused-ips { type ADDRESS . inet_proto . inet_service; }",
  "refused-node-ports": "set refused-node-ports { type inet_proto . inet_service; }",
  "refused-balancer-ports": "set refused-balancer-ports { type inet_proto . inet_service; }",
  hairpin: "set hairpin { type ADDRESS . ADDRESS; }",
};

/**
 * The fixed part. Translation happens before routing and on output; what is still addressed to a service afterwards has nobody
 * to answer it and is refused: TCP by a reset, for an ICMPv6 error is sometimes believed only a second later. Of the node's own
 * addresses, a pod's host port comes first, then load balancers, then node ports; only the last do not answer on loopback, as
 * upstream's do not. Whatever leaves with a loopback address as its source must get another one. Packets from outside to
 * loopback are dropped before they can be taken for the node's own: host ports need `route_localnet` on the pods' bridge, which
 * would let them in. IPv6 has no such switch: on `::1` nothing answers, and clients that try it first go on to 127.0.0.1.
 */
function frameOf({ header, addressType, loopback }: Family): string {
  const toLocal = "fib daddr type local";
  const frontend = `${header} daddr . meta l4proto . th dport`;
  return `table ${header} ${TABLE} {
${Object.values(MAPS)
  .map((map) => `  ${map.replaceAll("ADDRESS", addressType)}`)
  .join("\n")}
  chain services {
    meta l4proto != { tcp, udp, sctp } return
    ${frontend} vmap @service-ips
    fib daddr type != local return
${header === "ip6" ? `    ip6 daddr ${loopback} return\n` : ""}    dnat ${header} to ${frontend} map @host-ports
    dnat ${header} to meta l4proto . th dport map @any-host-ports
    meta l4proto . th dport vmap @balancer-ports
    ${header} daddr != ${loopback} meta l4proto . th dport vmap @node-ports
  }
  chain deny {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain refuse {
    meta l4proto != { tcp, udp, sctp } return
    ${frontend} @refused-ips goto deny
    ${header} daddr @cluster-ips goto deny
  }
  chain refuse-local {
    meta l4proto != { tcp, udp, sctp } return
    ${toLocal} meta l4proto . th dport @refused-balancer-ports goto deny
    ${header} daddr != ${loopback} ${toLocal} meta l4proto . th dport @refused-node-ports goto deny
  }
  chain guard-loopback {
    type filter hook prerouting priority raw; policy accept;
    iifname != "lo" ${header} daddr ${loopback} drop
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump services
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump services
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${header} saddr . ${header} daddr @hairpin ct status dnat masquerade
    oifname != "lo" ${header} saddr ${loopback} ct status dnat masquerade
    meta mark and ${MASQUERADE_MARK} == 0 return
    meta mark set mark xor ${MASQUERADE_MARK}
    masquerade fully-random
  }
  chain filter-input {
    type filter hook input priority filter; policy accept;
    ct state new jump refuse
    ct state new jump refuse-local
  }
  chain filter-forward {
    type filter hook forward priority filter; policy accept;
    ct state new jump refuse
  }
  chain filter-output {
    type filter hook output priority filter; policy accept;
    ct state new jump refuse
    ct state new jump refuse-local
  }
}
`;
}

/** Takes a family's table away; nothing happens when there is none. */
export function removal({ header }: Family): string {
  return `add table ${header} ${TABLE}\ndelete table ${header} ${TABLE}\n`;
}

/** What the kernel should have, to compare with what it has. */
export interface Shape {
  /** Chain → number of its rules. */
  readonly chains: ReadonlyMap<string, number>;
  /** A script that fails when one of a few elements is missing; empty when there are none. */
  readonly probe: string;
}

export class Ruleset {
  /** Of each thing: what each owner says of it. */
  readonly #claims = new Map<string, Map<string, string>>();
  readonly #claimsOf = new Map<string, Claims>();
  /** What the kernel has. Undefined: not known, the table must be replaced. */
  #applied: Map<string, string> | undefined;
  readonly #dirty = new Set<string>();
  /** Owners whose claims the kernel does not take: left out until they change. */
  readonly #refused = new Set<string>();

  constructor(private readonly family: Family) {}

  /** Replaces the claims of an owner; an empty map takes them back. */
  set(owner: string, claims: Claims): void {
    const before = this.#claimsOf.get(owner);
    if (this.#refused.delete(owner)) for (const name of claims.keys()) this.#dirty.add(name);
    for (const name of before?.keys() ?? []) {
      if (claims.has(name)) continue;
      const others = this.#claims.get(name);
      others?.delete(owner);
      if (others?.size === 0) this.#claims.delete(name);
      this.#dirty.add(name);
    }
    for (const [name, value] of claims) {
      if (before?.get(name) === value) continue;
      const others = this.#claims.get(name);
      if (others === undefined) this.#claims.set(name, new Map([[owner, value]]));
      else others.set(owner, value);
      this.#dirty.add(name);
    }
    if (claims.size === 0) this.#claimsOf.delete(owner);
    else this.#claimsOf.set(owner, claims);
  }

  /** The next transaction; undefined when all is as wanted. Call `settled` with how it went before asking again. */
  transaction(): { readonly script: string; settled(succeeded: boolean): void } | undefined {
    const whole = this.#applied === undefined;
    const names = whole ? [...this.#claims.keys()] : [...this.#dirty];
    const applied = this.#applied ?? new Map<string, string>();
    const changes = names.flatMap((name) => {
      const change = { name, before: applied.get(name), after: this.#wanted(name) };
      return change.before === change.after ? [] : [change];
    });
    this.#dirty.clear();
    if (!whole && changes.length === 0) return undefined;
    const script = (whole ? `${removal(this.family)}${frameOf(this.family)}` : "") + render(changes, this.family);
    const settled = (succeeded: boolean): void => {
      if (!succeeded) {
        this.#applied = undefined;
        return;
      }
      for (const { name, after } of changes) {
        if (after === undefined) applied.delete(name);
        else applied.set(name, after);
      }
      this.#applied = applied;
    };
    return { script, settled };
  }

  /** A script that makes the whole table with the claims of these owners alone, to find out whether the kernel would take it. */
  scriptOf(owners: readonly string[]): string {
    const wanted = new Map<string, string>();
    for (const owner of [...owners].sort().reverse()) for (const [name, value] of this.#claimsOf.get(owner) ?? []) wanted.set(name, value);
    return `${removal(this.family)}${frameOf(this.family)}${render(
      [...wanted].map(([name, after]) => ({ name, before: undefined, after })),
      this.family,
    )}`;
  }

  get owners(): readonly string[] {
    return [...this.#claimsOf.keys()].filter((owner) => !this.#refused.has(owner));
  }

  /** Leaves the claims of an owner out until they change, so that the others' reach the kernel. */
  refuse(owner: string): void {
    this.#refused.add(owner);
    for (const name of this.#claimsOf.get(owner)?.keys() ?? []) this.#dirty.add(name);
  }

  /** How much the table holds: what it costs to read it. */
  get size(): number {
    return this.#applied?.size ?? 0;
  }

  /** Undefined while it is not known what the kernel has. */
  shape(): Shape | undefined {
    if (this.#applied === undefined) return undefined;
    const chains = frameChains(this.family);
    const elements = new Map<string, string>();
    for (const [name, value] of this.#applied) {
      if (name.startsWith("chain ")) chains.set(name.slice("chain ".length), value.split("\n").length);
      else if (name.startsWith("element ")) {
        const [map = "", ...key] = name.slice("element ".length).split(" ");
        if (!elements.has(map)) elements.set(map, key.join(" "));
      }
    }
    const probe = [...elements].map(([map, key]) => `get element ${this.family.header} ${TABLE} ${map} { ${key} }\n`).join("");
    return { chains, probe };
  }

  /** Somebody else changed the table: the next transaction replaces it. */
  distrust(): void {
    this.#applied = undefined;
  }

  #wanted(name: string): string | undefined {
    let first: string | undefined;
    let value: string | undefined;
    for (const [owner, claimed] of this.#claims.get(name) ?? []) {
      if (this.#refused.has(owner) || (first !== undefined && first < owner)) continue;
      first = owner;
      value = claimed;
    }
    return value;
  }
}

interface Change {
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/**
 * One atomic script. Maps and chains exist before anything refers to them, and go when nothing does any more: chains are
 * emptied before the first one is deleted, because they may refer to each other.
 */
function render(changes: readonly Change[], { header }: Family): string {
  const table = `${header} ${TABLE}`;
  const lines: string[] = [];
  const of = (kind: string) =>
    changes.filter(({ name }) => name.startsWith(`${kind} `)).map((change) => ({ ...change, name: change.name.slice(kind.length + 1) }));
  const chains = of("chain");
  const maps = of("map");
  const elements = of("element");
  const gone = chains.filter(({ after }) => after === undefined);
  for (const { name } of [...gone, ...chains.filter(({ before, after }) => before !== undefined && after !== undefined)])
    lines.push(`flush chain ${table} ${name}`);
  lines.push(
    ...elementLines(
      "delete",
      elements.filter(({ before }) => before !== undefined),
      table,
    ),
  );
  for (const { name } of gone) lines.push(`delete chain ${table} ${name}`);
  for (const { name, before, after } of maps) {
    // The same name always means the same declaration.
    if (after === undefined) lines.push(`delete ${kindOf(before)} ${table} ${name}`);
    else lines.push(`add ${kindOf(after)} ${table} ${name} ${after.slice(kindOf(after).length + 1)}`);
  }
  for (const { name, before, after } of chains) if (before === undefined && after !== undefined) lines.push(`add chain ${table} ${name}`);
  for (const { name, after } of chains) for (const rule of after?.split("\n") ?? []) lines.push(`add rule ${table} ${name} ${rule}`);
  lines.push(
    ...elementLines(
      "add",
      elements.filter(({ after }) => after !== undefined),
      table,
    ),
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** `map` or `set`. */
function kindOf(declaration = ""): string {
  return declaration.slice(0, declaration.indexOf(" "));
}

/** One line per map: a transaction with thousands of single lines is slow. */
function elementLines(verb: "add" | "delete", changes: readonly Change[], table: string): string[] {
  const byMap = new Map<string, string[]>();
  for (const { name, after } of changes) {
    const space = name.indexOf(" ");
    const map = name.slice(0, space);
    const value = verb === "add" && after !== undefined && after !== "" ? ` : ${after}` : "";
    const items = byMap.get(map) ?? [];
    items.push(`${name.slice(space + 1)}${value}`);
    byMap.set(map, items);
  }
  return [...byMap].map(([map, items]) => `${verb} element ${table} ${map} { ${items.join(", ")} }`);
}

/** The chains of the fixed part, with the number of their rules. */
function frameChains(family: Family): Map<string, number> {
  const chains = new Map<string, number>();
  for (const [, name = "", body = ""] of frameOf(family).matchAll(/chain (\S+) \{\n([^}]*(?:\{[^}]*\}[^}]*)*)\n {2}\}/g)) {
    chains.set(name, body.split("\n").filter((line) => !line.trim().startsWith("type ")).length);
  }
  return chains;
}
