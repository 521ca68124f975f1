// Pod affinity and topology spreading, decided through the default profile.
import { describe, expect, it } from "vitest";
import type { Affinity, Pod, PodAffinityTerm, TopologySpreadConstraint } from "../../api/index.ts";
import type { ClusterState } from "../cluster-state.ts";
import { decide, preempt, testCluster, testNode, testPod } from "../testing.ts";

const ZONE = "topology.kubernetes.io/zone";
const HOST = "kubernetes.io/hostname";
/** a and b in zone one, c in zone two, d in none. */
const NODES = [
  testNode("a", { labels: { [ZONE]: "one" } }),
  testNode("b", { labels: { [ZONE]: "one" } }),
  testNode("c", { labels: { [ZONE]: "two" } }),
  testNode("d"),
];

function pod(name: string, labels: Record<string, string>, spec: Partial<Pod["spec"]> = {}, namespace = "default"): Pod {
  const base = testPod(name, spec);
  return { ...base, metadata: { ...base.metadata, namespace, labels } };
}
const term = (app: string, topologyKey: string, more: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
  ...more,
});
const near = (...terms: PodAffinityTerm[]): Affinity => ({ podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } });
const far = (...terms: PodAffinityTerm[]): Affinity => ({ podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } });

function clusterOf(placed: readonly [Pod, string][]): ClusterState {
  return testCluster(NODES, placed, { namespaceLabels: (name): Record<string, string> => (name === "team" ? { kind: "team" } : {}) });
}

/** The nodes that would do, or the reasons. */
function feasible(wanted: Pod, placed: readonly [Pod, string][]): string {
  const cluster = clusterOf(placed);
  const chosen = new Set(Array.from({ length: 30 }, (_, seed) => decide(cluster, wanted, undefined, String(seed))));
  return [...chosen].sort().join(" ");
}

describe("pod affinity", () => {
  const web: [Pod, string] = [pod("web", { app: "web" }), "a"];

  it("goes where its company is, by topology domain", () => {
    expect(feasible(pod("p", {}, { affinity: near(term("web", HOST)) }), [web])).toBe("a");
    expect(feasible(pod("p", {}, { affinity: near(term("web", ZONE)) }), [web])).toMatch(/^(a b|b)$/);
  });

  it("waits for company that is nowhere, unless it would be the first of its own kind", () => {
    expect(feasible(pod("p", {}, { affinity: near(term("db", ZONE)) }), [web])).toBe("0/4 nodes are available: 4 node(s) didn't match pod affinity rules.");
    expect(feasible(pod("p", { app: "db" }, { affinity: near(term("db", ZONE)) }), [])).not.toContain("d");
    expect(feasible(pod("p", { app: "db" }, { affinity: near(term("db", ZONE)) }), [])).not.toContain("0/4");
  });

  it("keeps away from whom it does not want, and from who does not want it", () => {
    expect(feasible(pod("p", {}, { affinity: far(term("web", ZONE)) }), [web])).toBe("c d");
    const loner: [Pod, string] = [pod("loner", {}, { affinity: far(term("web", ZONE)) }), "c"];
    expect(feasible(pod("p", { app: "web" }), [loner])).not.toContain("c");
    const everywhere = NODES.map(({ metadata }) => [pod(`w-${metadata.name}`, { app: "web" }), metadata.name] as [Pod, string]);
    expect(feasible(pod("p", {}, { affinity: far(term("web", HOST)) }), everywhere)).toBe(
      "0/4 nodes are available: 4 node(s) didn't match pod anti-affinity rules.",
    );
    const guards = NODES.map(({ metadata }) => [pod(`g-${metadata.name}`, {}, { affinity: far(term("web", HOST)) }), metadata.name] as [Pod, string]);
    expect(feasible(pod("p", { app: "web" }), guards)).toBe("0/4 nodes are available: 4 node(s) didn't satisfy existing pods anti-affinity rules.");
  });

  it("looks into its own namespace unless told otherwise", () => {
    const other: [Pod, string] = [pod("web", { app: "web" }, {}, "team"), "a"];
    expect(feasible(pod("p", {}, { affinity: near(term("web", HOST)) }), [other])).toContain("0/4");
    expect(feasible(pod("p", {}, { affinity: near(term("web", HOST, { namespaces: ["team"] })) }), [other])).toBe("a");
    expect(feasible(pod("p", {}, { affinity: near(term("web", HOST, { namespaceSelector: { matchLabels: { kind: "team" } } })) }), [other])).toBe("a");
  });

  it("prefers and avoids by weight", () => {
    const prefer = (which: "podAffinity" | "podAntiAffinity"): Affinity => ({
      [which]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term("web", HOST) }] },
    });
    expect(feasible(pod("p", {}, { affinity: prefer("podAffinity") }), [web])).toBe("a");
    expect(feasible(pod("p", {}, { affinity: prefer("podAntiAffinity") }), [web])).not.toContain("a");
  });

  it("is helped by preemption when the unwanted pod is of lower priority", () => {
    const placed = NODES.map(
      ({ metadata }) => [pod(`w-${metadata.name}`, { app: "web" }, { priority: metadata.name === "c" ? 1 : 1000 }), metadata.name] as [Pod, string],
    );
    expect(preempt(clusterOf(placed), pod("p", {}, { priority: 100, affinity: far(term("web", HOST)) }))).toBe("c: w-c");
  });
});

describe("topology spreading", () => {
  const spread = (more: Partial<TopologySpreadConstraint> = {}): Partial<Pod["spec"]> => ({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { app: "web" } }, ...more }],
  });
  const web = (name: string, node: string): [Pod, string] => [pod(name, { app: "web" }), node];

  it("lets no domain get more than maxSkew ahead", () => {
    expect(feasible(pod("p", { app: "web" }, spread()), [web("x", "a")])).toBe("c");
    expect(feasible(pod("p", { app: "web" }, spread({ maxSkew: 2 })), [web("x", "a")])).toMatch(/c/);
    expect(feasible(pod("p", { app: "web" }, { ...spread(), nodeSelector: { [HOST]: "a" } }), [web("x", "a"), web("y", "b")])).toMatch(/^a$/);
  });

  it("says what stands in the way", () => {
    const strict = { ...spread({ nodeAffinityPolicy: "Ignore" }), nodeSelector: { [HOST]: "a" } };
    expect(feasible(pod("p", { app: "web" }, strict), [web("x", "a")])).toBe(
      "0/4 nodes are available: 1 node(s) didn't match pod topology spread constraints, 3 node(s) didn't match Pod's node affinity/selector.",
    );
    expect(feasible(pod("p", { app: "web" }, { ...spread(), nodeSelector: { [HOST]: "d" } }), [])).toContain(
      "1 node(s) didn't match pod topology spread constraints (missing required label)",
    );
  });

  it("counts a domain that is missing as empty when there should be more", () => {
    expect(feasible(pod("p", { app: "web" }, spread({ minDomains: 3 })), [web("x", "a"), web("y", "c")])).toContain(
      "didn't match pod topology spread constraints",
    );
  });

  it("only prefers when it may be violated", () => {
    const soft = spread({ whenUnsatisfiable: "ScheduleAnyway" });
    expect(feasible(pod("p", { app: "web" }, soft), [web("x", "a"), web("y", "b")])).toBe("c");
  });
});
