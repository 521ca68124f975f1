// Notices nodes that fall silent, marks them and their pods, and keeps the taints that follow from node conditions
// (https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller). Evicting pods is taint-eviction.ts' work.
//
// Invariants: silence is measured by our own clock from the moment a heartbeat was seen; a node is looked at when it changes
// and when its silence may have lasted too long, never in between.
import { type Lease, leases, type Node, type NodeCondition, nodeConditions, nodes, type Pod, pods } from "../api/index.ts";
import { type Clock, formatTime } from "../base/index.ts";
import { type Action, note, type Plan, patch, update, updateStatus } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { indexPodsByNode, podsOnNode } from "./node-pods.ts";
import { awaitsEviction, readyStatus, wantedTaints } from "./node-taints.ts";
import { EvictionBudget, type EvictionOptions, zoneHealth, zoneOf } from "./node-zones.ts";

export interface NodeLifecycleOptions extends EvictionOptions {
  /** A node silent for so long is not ready. */
  readonly nodeMonitorGracePeriodMs?: number;
  /** The same for a node that never reported. */
  readonly nodeStartupGracePeriodMs?: number;
}

const DEFAULT_GRACE_MS = 50_000;
const DEFAULT_STARTUP_GRACE_MS = 60_000;
const LEASE_NAMESPACE = "kube-node-lease";
/** Conditions that only the kubelet can know. */
const KUBELET_CONDITIONS = [nodeConditions.ready, nodeConditions.memoryPressure, nodeConditions.diskPressure, nodeConditions.pidPressure];

export interface ObservedNode {
  readonly node: Node;
  readonly pods: readonly Pod[];
  readonly silentForMs: number;
  readonly graceMs: number;
  readonly allDisrupted: boolean;
  /** Until the node's pods may be driven away; 0: now. */
  readonly evictionWaitMs: number;
}

export function planNode(observed: ObservedNode, nowMs: number): Plan {
  const { node, silentForMs, graceMs } = observed;
  const silent = silentForMs >= graceMs;
  const conditions = silent ? unknownConditions(node, nowMs) : undefined;
  // What follows from the new conditions comes with the node's next state.
  if (conditions !== undefined) return { actions: [updateStatus(nodes, { ...node, status: { ...node.status, conditions } }), ...leftBehind(observed, nowMs)] };
  const actions: Action[] = [];
  const taints = wantedTaints({ ...observed, mayEvict: observed.evictionWaitMs === 0, nowMs });
  if (taints !== (node.spec.taints ?? []) && (taints.length > 0 || node.spec.taints !== undefined)) {
    const { taints: _, ...spec } = node.spec;
    actions.push(update(nodes, { ...node, spec: taints.length === 0 ? spec : { ...spec, taints } }));
  }
  const ready = readyStatus(node);
  if (ready !== undefined && ready !== "True") actions.push(...leftBehind(observed, nowMs));
  const waits = [...(silent ? [] : [graceMs - silentForMs]), ...(observed.evictionWaitMs > 0 ? [observed.evictionWaitMs] : [])].filter(Number.isFinite);
  return { actions, ...(waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) }) };
}

/** The conditions of a silent node; undefined when they say so already. */
function unknownConditions(node: Node, nowMs: number): NodeCondition[] | undefined {
  const current = node.status?.conditions ?? [];
  const now = formatTime(nowMs);
  if (KUBELET_CONDITIONS.every((type) => current.find((condition) => condition.type === type)?.status === "Unknown")) return undefined;
  const changed = current.map((condition) =>
    (KUBELET_CONDITIONS as readonly string[]).includes(condition.type) && condition.status !== "Unknown"
      ? { ...condition, status: "Unknown", reason: "NodeStatusUnknown", message: "Kubelet stopped posting node status.", lastTransitionTime: now }
      : condition,
  );
  const missing = KUBELET_CONDITIONS.filter((type) => !current.some((condition) => condition.type === type)).map((type) => ({
    type,
    status: "Unknown",
    reason: "NodeStatusNeverUpdated",
    message: "Kubelet never posted node status.",
    lastHeartbeatTime: node.metadata.creationTimestamp,
    lastTransitionTime: now,
  }));
  return [...changed, ...missing];
}

/** Pods on a node that is not ready are not ready. */
function leftBehind({ pods: onNode }: ObservedNode, nowMs: number): Action[] {
  return onNode.flatMap((pod) => {
    const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status !== "True") return [];
    const condition = { type: "Ready", status: "False", lastTransitionTime: formatTime(nowMs) };
    const body = { metadata: { uid: pod.metadata.uid ?? "" }, status: { conditions: [condition] } };
    return [patch(pods, pod, { type: "strategic", body }, "status"), note(pod, "Warning", "NodeNotReady", "Node is not ready")];
  });
}

/** When each node was last heard of, by our clock. */
export class Heartbeats {
  private readonly lastMs = new Map<string, number>();
  private readonly lastSeen = new Map<string, string>();

  constructor(private readonly clock: Clock) {}

  /** `sign` differs from the last one when the node did something. */
  heard(nodeName: string, source: "lease" | "node", sign: string): void {
    const key = `${source}/${nodeName}`;
    if (this.lastSeen.get(key) === sign) return;
    this.lastSeen.set(key, sign);
    this.lastMs.set(nodeName, this.clock.monotonic());
  }

  silentForMs(nodeName: string): number {
    const nowMs = this.clock.monotonic();
    const lastMs = this.lastMs.get(nodeName) ?? nowMs;
    this.lastMs.set(nodeName, lastMs);
    return nowMs - lastMs;
  }

  forget(nodeName: string): void {
    this.lastMs.delete(nodeName);
    this.lastSeen.delete(`lease/${nodeName}`);
    this.lastSeen.delete(`node/${nodeName}`);
  }
}

function statusSign(node: Node): string {
  // What this controller writes itself is no sign of life.
  return (node.status?.conditions ?? []).map(({ lastHeartbeatTime = "", reason = "" }) => (reason.startsWith("NodeStatus") ? "" : lastHeartbeatTime)).join();
}

export function nodeLifecycleController(options: NodeLifecycleOptions = {}): Controller {
  const { nodeMonitorGracePeriodMs = DEFAULT_GRACE_MS, nodeStartupGracePeriodMs = DEFAULT_STARTUP_GRACE_MS } = options;
  return {
    name: "node-lifecycle",
    start: async (context) => {
      const heartbeats = new Heartbeats(context.env.clock);
      const budget = new EvictionBudget(context.env.clock);
      const about = (node: Node) => ({ kind: "Node", apiVersion: "v1", name: node.metadata.name, uid: node.metadata.uid });
      const tell = (node: Node, reason: string, message: string): void => context.recorder.event(about(node), "Normal", reason, message);
      const heardLease = ({ metadata, spec }: Lease): void => {
        if (metadata.namespace === LEASE_NAMESPACE) heartbeats.heard(metadata.name, "lease", spec.renewTime ?? "");
      };
      const removers = [
        context.informers.informer(leases).addHandler({ added: heardLease, updated: heardLease }),
        context.informers.informer(nodes).addHandler({
          added: (node) => {
            const { name } = node.metadata;
            heartbeats.heard(name, "node", statusSign(node));
            tell(node, "RegisteredNode", `Node ${name} event: Registered Node ${name} in Controller`);
          },
          updated: (node, old) => {
            heartbeats.heard(node.metadata.name, "node", statusSign(node));
            if (readyStatus(old) === "True" && readyStatus(node) !== "True")
              tell(node, "NodeNotReady", `Node ${node.metadata.name} status is now: NodeNotReady`);
          },
          deleted: (node) => {
            const { name } = node.metadata;
            heartbeats.forget(name);
            tell(node, "RemovingNode", `Node ${name} event: Removing Node ${name} from Controller`);
          },
        }),
      ];
      const inner = controller<Node, ObservedNode>("node-lifecycle", {
        for: nodes,
        relevant: (node, old) => node.spec !== old.spec || conditionsDiffer(node, old),
        // How many nodes are down concerns each of them.
        wakes: [
          wake(
            nodes,
            (_node, caches) =>
              caches
                .of(nodes)
                .list()
                .map(({ metadata }) => metadata.name),
            (node, old) => readyStatus(node) !== readyStatus(old),
          ),
        ],
        reads: [pods, leases],
        index: indexPodsByNode,
        observe: (key, caches) => {
          const node = caches.of(nodes).get(key);
          if (node === undefined) return undefined;
          const health = zoneHealth(caches.of(nodes).list(), options);
          const zone = zoneOf(node);
          return {
            node,
            pods: podsOnNode(caches, key),
            silentForMs: heartbeats.silentForMs(key),
            graceMs: readyStatus(node) === undefined ? nodeStartupGracePeriodMs : nodeMonitorGracePeriodMs,
            allDisrupted: health.allDown,
            evictionWaitMs: !health.allDown && awaitsEviction(node) ? budget.take(zone, health.rateOf(zone)) : 0,
          };
        },
        plan: planNode,
      });
      const running = await inner.start(context);
      return {
        stop: async () => {
          for (const remove of removers) remove();
          await running.stop();
        },
      };
    },
  };
}

function conditionsDiffer(node: Node, old: Node): boolean {
  const text = ({ status }: Node): string => (status?.conditions ?? []).map((condition) => `${condition.type}=${condition.status}`).join();
  return text(node) !== text(old);
}
