// The table as nft sees it: what the claims of all services add up to, and the shortest transaction from what is there to what is
// wanted (https://wiki.nftables.org/wiki-nftables/index.php/Main_Page).
//
// Invariants: several services may claim one thing, the first by name decides what it is; a transaction touches only what differs;
// after a transaction failed, the next one replaces the whole table.
import { type Claims, MASQUERADE_MARK, type MapName } from "./plan.ts";

export const TABLE = "kubets-proxy";

const MAPS: Readonly<Record<MapName, string>> = {
  "service-ips": "map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }",
  "node-ports": "map node-ports { type inet_proto . inet_service : verdict; }",
  "cluster-ips": "set cluster-ips { type ipv4_addr; }",
  "refused-ips": "set refused-ips { type ipv4_addr . inet_proto . inet_service; }",
  "refused-node-ports": "set refused-node-ports { type inet_proto . inet_service; }",
  hairpin: "set hairpin { type ipv4_addr . ipv4_addr; }",
};

/**
 * The fixed part. Translation happens before routing and on output; what is still addressed to a service afterwards has nobody
 * to answer it and is refused. Node ports answer on every address of the node but loopback.
 */
const FRAME = `table ip ${TABLE} {
${Object.values(MAPS)
  .map((map) => `  ${map}`)
  .join("\n")}
  chain services {
    meta l4proto != { tcp, udp, sctp } return
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @node-ports
  }
  chain refuse {
    meta l4proto != { tcp, udp, sctp } return
    ip daddr . meta l4proto . th dport @refused-ips reject
    ip daddr @cluster-ips reject
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
    ip saddr . ip daddr @hairpin ct status dnat masquerade
    meta mark and ${MASQUERADE_MARK} == 0 return
    meta mark set mark xor ${MASQUERADE_MARK}
    masquerade fully-random
  }
  chain filter-input {
    type filter hook input priority filter; policy accept;
    ct state new jump refuse
    ct state new ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport @refused-node-ports reject
  }
  chain filter-forward {
    type filter hook forward priority filter; policy accept;
    ct state new jump refuse
  }
  chain filter-output {
    type filter hook output priority filter; policy accept;
    ct state new jump refuse
    ct state new ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport @refused-node-ports reject
  }
}
`;

/** Takes the table away; nothing happens when there is none. */
export const REMOVAL = `add table ip ${TABLE}\ndelete table ip ${TABLE}\n`;

export class Ruleset {
  /** Of each thing: what each owner says of it. */
  readonly #claims = new Map<string, Map<string, string>>();
  readonly #claimsOf = new Map<string, Claims>();
  /** What the kernel has. Undefined: not known, the table must be replaced. */
  #applied: Map<string, string> | undefined;
  readonly #dirty = new Set<string>();

  /** Replaces the claims of an owner; an empty map takes them back. */
  set(owner: string, claims: Claims): void {
    const before = this.#claimsOf.get(owner);
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
    const script = (whole ? `${REMOVAL}${FRAME}` : "") + render(changes);
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

  #wanted(name: string): string | undefined {
    let first: string | undefined;
    let value: string | undefined;
    for (const [owner, claimed] of this.#claims.get(name) ?? []) {
      if (first !== undefined && first < owner) continue;
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
function render(changes: readonly Change[]): string {
  const lines: string[] = [];
  const of = (kind: string) =>
    changes.filter(({ name }) => name.startsWith(`${kind} `)).map((change) => ({ ...change, name: change.name.slice(kind.length + 1) }));
  const chains = of("chain");
  const maps = of("map");
  const elements = of("element");
  const gone = chains.filter(({ after }) => after === undefined);
  for (const { name } of [...gone, ...chains.filter(({ before, after }) => before !== undefined && after !== undefined)])
    lines.push(`flush chain ip ${TABLE} ${name}`);
  lines.push(
    ...elementLines(
      "delete",
      elements.filter(({ before }) => before !== undefined),
      false,
    ),
  );
  for (const { name } of gone) lines.push(`delete chain ip ${TABLE} ${name}`);
  for (const { name, before, after } of maps) {
    // The same name always means the same declaration.
    if (after === undefined) lines.push(`delete ${kindOf(before)} ip ${TABLE} ${name}`);
    else lines.push(`add ${kindOf(after)} ip ${TABLE} ${name} ${after.slice(kindOf(after).length + 1)}`);
  }
  for (const { name, before, after } of chains) if (before === undefined && after !== undefined) lines.push(`add chain ip ${TABLE} ${name}`);
  for (const { name, after } of chains) for (const rule of after?.split("\n") ?? []) lines.push(`add rule ip ${TABLE} ${name} ${rule}`);
  lines.push(
    ...elementLines(
      "add",
      elements.filter(({ after }) => after !== undefined),
      true,
    ),
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** `map` or `set`. */
function kindOf(declaration = ""): string {
  return declaration.slice(0, declaration.indexOf(" "));
}

/** One line per map: a transaction with thousands of single lines is slow. */
function elementLines(verb: "add" | "delete", changes: readonly Change[], withValue: boolean): string[] {
  const byMap = new Map<string, string[]>();
  for (const { name, after } of changes) {
    const space = name.indexOf(" ");
    const map = name.slice(0, space);
    const value = withValue && after !== undefined && after !== "" ? ` : ${after}` : "";
    const items = byMap.get(map) ?? [];
    items.push(`${name.slice(space + 1)}${value}`);
    byMap.set(map, items);
  }
  return [...byMap].map(([map, items]) => `${verb} element ip ${TABLE} ${map} { ${items.join(", ")} }`);
}
