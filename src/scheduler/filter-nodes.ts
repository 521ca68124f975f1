// The filters of a profile, made ready for one pod: first a look at the pod alone, then node by node.
import type { ClusterState } from "./cluster-state.ts";
import type { NodeInfo } from "./node-info.ts";
import { type Plugin, PreFilterVerdict, type Rejection } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Profile } from "./profile.ts";

export interface Refusal {
  readonly plugin: string;
  readonly rejection: Rejection;
}

export interface Filter {
  /** Set when no node will do. */
  readonly verdict?: Refusal;
  /** The only nodes worth a look; absent: all. */
  readonly nodeNames?: ReadonlySet<string>;
  /** The plugins that narrowed the choice down to those, sorted. */
  readonly narrowedBy: readonly string[];
  /** Undefined for a node that will do. The node may be a trial copy. */
  check(node: NodeInfo): Refusal | undefined;
}

const NONE: Rejection = { reasons: [], resolvable: true };

interface Step {
  readonly filter: NonNullable<Plugin["filter"]>;
  readonly state: unknown;
  /** The last one given: most nodes are refused for the same reason. */
  refusal: Refusal;
}

export function createFilter(pod: PodInfo, cluster: ClusterState, profile: Profile): Filter {
  const preparation = prepare(pod, cluster, profile);
  const steps: Step[] = [];
  for (const { plugin } of profile.at.filter) {
    const { name, filter, applies } = plugin;
    if (filter === undefined || preparation.skipped.has(plugin) || applies?.(pod) === false) continue;
    steps.push({ filter, state: preparation.states.get(plugin), refusal: { plugin: name, rejection: NONE } });
  }
  return { ...preparation.outcome, check: createCheck(pod, cluster, steps) };
}

interface Preparation {
  readonly outcome: Omit<Filter, "check">;
  readonly states: ReadonlyMap<Plugin, unknown>;
  readonly skipped: ReadonlySet<Plugin>;
}

/** Every plugin has its look unless one finds that nothing can help; of several that only say no, the last is heard. */
function prepare(pod: PodInfo, cluster: ClusterState, profile: Profile): Preparation {
  const states = new Map<Plugin, unknown>();
  const skipped = new Set<Plugin>();
  let nodeNames: ReadonlySet<string> | undefined;
  const narrowedBy: string[] = [];
  let verdict: Refusal | undefined;
  for (const { plugin } of profile.at.preFilter) {
    if (plugin.applies?.(pod) === false) continue;
    const result = plugin.preFilter?.(pod, cluster);
    if (!(result instanceof PreFilterVerdict)) {
      states.set(plugin, result);
      continue;
    }
    if (result === PreFilterVerdict.skip) skipped.add(plugin);
    if (result.rejection !== undefined) {
      verdict = { plugin: plugin.name, rejection: result.rejection };
      if (!result.rejection.resolvable) break;
    }
    if (result.nodeNames === undefined) continue;
    states.set(plugin, result.state);
    const before = nodeNames;
    nodeNames = before === undefined ? result.nodeNames : new Set([...result.nodeNames].filter((name) => before.has(name)));
    narrowedBy.push(plugin.name);
    if (nodeNames.size > 0) continue;
    verdict = { plugin: plugin.name, rejection: { reasons: [nowhere(narrowedBy)], resolvable: false } };
    break;
  }
  narrowedBy.sort();
  return { outcome: { narrowedBy, ...(verdict && { verdict }), ...(nodeNames && { nodeNames }) }, states, skipped };
}

function nowhere(plugins: readonly string[]): string {
  const [first] = plugins;
  return plugins.length === 1 ? `node(s) didn't satisfy plugin ${first}` : `node(s) didn't satisfy plugin(s) [${[...plugins].sort().join(" ")}] simultaneously`;
}

/**
 * The first filter that rejects a node decides. A node will do only if it does both with and without the pods nominated to it that
 * the pod must give way to: they may come, or may not.
 */
function createCheck(pod: PodInfo, cluster: ClusterState, steps: readonly Step[]): Filter["check"] {
  const run = (node: NodeInfo): Refusal | undefined => {
    for (const step of steps) {
      const rejection = step.filter(pod, node, step.state);
      if (rejection === undefined) continue;
      if (rejection !== step.refusal.rejection) step.refusal = { plugin: step.refusal.plugin, rejection };
      return step.refusal;
    }
    return undefined;
  };
  return (node) => {
    if (cluster.nominations.isEmpty) return run(node);
    const expected = cluster.nominations.on(node.name).filter(({ uid, priority }) => uid !== pod.uid && priority >= pod.priority);
    if (expected.length === 0) return run(node);
    const crowded = node.clone();
    for (const other of expected) crowded.addPod(other);
    return run(crowded) ?? run(node);
  };
}
