// Pods and nodes for the scheduler's tests.
import type { Node, NodeSpec, Pod, PodSpec } from "../api/index.ts";
import { createSeededRandom } from "../base/index.ts";
import { ClusterState, type Listers } from "./cluster-state.ts";
import { defaultProfile } from "./config/profiles.ts";
import { fitMessage } from "./diagnosis.ts";
import { createNodeFinder } from "./find-node.ts";
import { type Plugin, SKIP_SCORE } from "./plugin.ts";
import { podInfo } from "./pod-info.ts";
import type { Profile } from "./profile.ts";

export function testNode(
  name: string,
  more: { readonly spec?: NodeSpec; readonly labels?: Record<string, string>; readonly allocatable?: Record<string, string> } = {},
): Node {
  const { spec = {}, labels = {}, allocatable = {} } = more;
  const amounts = { cpu: "2", memory: "4Gi", pods: "110", ...allocatable };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
    spec,
    status: { allocatable: amounts, capacity: amounts },
  };
}

export function testPod(name: string, spec: Partial<PodSpec> = {}, requests: Record<string, string> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `uid-${name}` },
    spec: { schedulerName: "default-scheduler", containers: [{ name: "main", image: "app", resources: { requests } }], ...spec },
    status: { phase: "Pending" },
  };
}

/** The state of a cluster with pods on nodes. */
export function testCluster(nodes: readonly Node[], placed: readonly (readonly [Pod, string])[] = [], listers: Partial<Listers> = {}): ClusterState {
  const cluster = new ClusterState(listers);
  for (const node of nodes) cluster.setNode(node);
  for (const [pod, name] of placed) cluster.setPod(podInfo(pod), name);
  return cluster;
}

/** The name of the node, or what the user is told. */
export function decide(cluster: ClusterState, pod: Pod, profile: Profile = defaultProfile, seed = "test"): string {
  const decision = createNodeFinder(cluster, { random: createSeededRandom(seed) }).find(podInfo(pod), profile);
  return decision.node === undefined ? fitMessage(decision.diagnosis) : decision.node.name;
}

/** The node that preemption clears and whom it ends there, as `node: victim victim`; or its message. */
export function preempt(cluster: ClusterState, pod: Pod, profile: Profile = defaultProfile): string {
  const decision = createNodeFinder(cluster, { random: createSeededRandom("test") }).find(podInfo(pod), profile);
  if (decision.node !== undefined) return `fits on ${decision.node.name}`;
  const preemption = profile.plugins.find(({ name }) => name === "DefaultPreemption");
  const result = preemption?.postFilter?.({ pod: podInfo(pod), cluster, profile, diagnosis: decision.diagnosis, draw: () => 0 });
  if (result?.helps !== true) return result?.message ?? "";
  return `${result.nodeName}: ${result.victims.map(({ pod: victim }) => victim.metadata.name).join(" ")}`;
}

/** A plugin's score of each node, normalized where the plugin does that; all 0 when it has no preference. */
export function scoresOf(plugin: Plugin, cluster: ClusterState, pod: Pod): readonly number[] {
  const info = podInfo(pod);
  const nodes = cluster.list();
  const state = plugin.preScore?.(info, cluster, nodes);
  if (state === SKIP_SCORE) return nodes.map(() => 0);
  const raw = nodes.map((node) => plugin.score?.(info, node, state) ?? Number.NaN);
  return plugin.normalize?.(raw) ?? raw;
}
