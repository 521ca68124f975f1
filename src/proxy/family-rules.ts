// What the proxy keeps for one address family: the ruleset of its table, and the UDP frontends whose flows connection tracking
// may hold.
import { type Flow, staleFlows } from "./conntrack.ts";
import type { Family } from "./family.ts";
import type { ServicePlan, UdpFrontend } from "./plan.ts";
import { Ruleset } from "./ruleset.ts";

/** The machine's side. Every method may reject; the proxy tries again. */
export interface ProxyApplier {
  /** Runs one atomic nft script. */
  apply(script: string): Promise<void>;
  /** Whether the kernel would take the script. */
  wouldApply(script: string): Promise<boolean>;
  /** The names of the family's table's chains: cheap, however much is in the table. None when it is not there. */
  chainNames(family: Family): Promise<ReadonlySet<string>>;
  /** The chains with the number of their rules; undefined when the table is not there. Reads the whole table. */
  chains(family: Family): Promise<ReadonlyMap<string, number> | undefined>;
  /** Whether a script of look-ups finds everything. */
  finds(script: string): Promise<boolean>;
  /** The UDP flows that connection tracking knows; undefined when this machine cannot tell. */
  udpFlows(family: Family): Promise<readonly Flow[] | undefined>;
  endFlow(flow: Flow): Promise<void>;
  isLocalAddress(ip: string): boolean;
}

/** A table with no more than this is read as a whole at every check, a larger one at every tenth. */
const SMALL_TABLE = 1000;
const DEEP_CHECK_EVERY = 10;

export class FamilyRules {
  readonly ruleset: Ruleset;
  readonly #udp = new Map<string, readonly UdpFrontend[]>();
  /** Frontends whose flows must be looked at once the rules are in place. */
  #changedUdp = new Set<string>();
  #checks = 0;

  constructor(
    readonly family: Family,
    private readonly applier: ProxyApplier,
  ) {
    this.ruleset = new Ruleset(family);
  }

  /** Undefined: the owner is gone. */
  set(owner: string, plan: ServicePlan | undefined): void {
    this.ruleset.set(owner, plan?.claims ?? new Map());
    const before = this.#udp.get(owner) ?? [];
    const after = plan?.udp ?? [];
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    for (const frontend of [...before, ...after]) this.#changedUdp.add(frontend.key);
    if (after.length === 0) this.#udp.delete(owner);
    else this.#udp.set(owner, after);
  }

  /** False when this machine cannot tell its flows. When it fails, the next call looks at the same frontends again. */
  async endStaleFlows(): Promise<boolean> {
    if (this.#changedUdp.size === 0) return true;
    const changed = this.#changedUdp;
    this.#changedUdp = new Set();
    try {
      const flows = await this.applier.udpFlows(this.family);
      if (flows === undefined) return false;
      const frontends = [...this.#udp.values()].flat();
      const present = new Set(frontends.map(({ key }) => key));
      const gone = new Set([...changed].filter((key) => !present.has(key)));
      for (const flow of staleFlows(flows, frontends, gone, (ip) => this.applier.isLocalAddress(ip))) await this.applier.endFlow(flow);
      return true;
    } catch (error) {
      for (const key of changed) this.#changedUdp.add(key);
      throw error;
    }
  }

  /** Compares the kernel's table with what was put there: its chains, and now and then the number of their rules and an element of each map. */
  async isIntact(): Promise<boolean> {
    const shape = this.ruleset.shape();
    if (shape === undefined) return true;
    const isDeep = this.ruleset.size <= SMALL_TABLE || ++this.#checks % DEEP_CHECK_EVERY === 0;
    if (!isDeep) {
      const names = await this.applier.chainNames(this.family);
      return names.size === shape.chains.size && [...shape.chains.keys()].every((name) => names.has(name));
    }
    const chains = await this.applier.chains(this.family);
    if (chains === undefined || chains.size !== shape.chains.size) return false;
    for (const [name, rules] of shape.chains) if (chains.get(name) !== rules) return false;
    return shape.probe === "" || this.applier.finds(shape.probe);
  }

  /** After the kernel refused the table: finds whose claims it does not take, and leaves these out. Halves the owners until they are alone. */
  async refuseWhatDoesNotApply(): Promise<readonly string[]> {
    const refused: string[] = [];
    const examine = async (owners: readonly string[]): Promise<void> => {
      if (owners.length === 0 || (await this.applier.wouldApply(this.ruleset.scriptOf(owners)))) return;
      if (owners.length === 1) {
        refused.push(...owners);
        return;
      }
      const middle = owners.length >>> 1;
      await examine(owners.slice(0, middle));
      await examine(owners.slice(middle));
    };
    // When not even an empty table would do, no service is to blame.
    if (await this.applier.wouldApply(this.ruleset.scriptOf([]))) await examine(this.ruleset.owners);
    for (const owner of refused) this.ruleset.refuse(owner);
    return refused;
  }
}
