// What is counted as pods and nodes come, change and go must be what a look at all of them would count.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pod } from "../api/index.ts";
import { ClusterState } from "./cluster-state.ts";
import { type PodInfo, podInfo } from "./pod-info.ts";
import { testNode, testPod } from "./testing.ts";

const ZONE = "zone";
const selection = { key: "web", namespace: "default", test: ({ labels }: PodInfo) => labels["app"] === "web" };

function webPod(name: string, app: string): Pod {
  const term = { topologyKey: ZONE, labelSelector: { matchLabels: { app: "web" } } };
  const pod = testPod(name, { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } });
  return { ...pod, metadata: { ...pod.metadata, labels: { app } } };
}

const node = fc.constantFrom("a", "b", "c");
const pod = fc.constantFrom("p", "q", "r", "s");
const step = fc.oneof(
  fc.record({ act: fc.constant("node" as const), node, zone: fc.constantFrom("one", "two", undefined) }),
  fc.record({ act: fc.constant("noNode" as const), node }),
  fc.record({ act: fc.constant("place" as const), node, pod, app: fc.constantFrom("web", "db") }),
  fc.record({ act: fc.constant("remove" as const), pod }),
);

function lookAtAll(cluster: ClusterState, isCounted: (pod: PodInfo) => boolean): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const info of cluster.list()) {
    const zone = info.label(ZONE);
    const count = [...info.pods.values()].filter(isCounted).length;
    if (zone !== undefined && count > 0) counts[zone] = (counts[zone] ?? 0) + count;
  }
  return counts;
}

describe("the cluster's state", () => {
  it("counts pods, wishes and domains as they come and go", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const cluster = new ClusterState();
        for (const [index, change] of steps.entries()) {
          if (change.act === "node") cluster.setNode(testNode(change.node, { labels: change.zone === undefined ? {} : { [ZONE]: change.zone } }));
          else if (change.act === "noNode") cluster.removeNode(change.node);
          else if (change.act === "place") cluster.setPod(podInfo(webPod(change.pod, change.app)), change.node);
          else cluster.removePod(`uid-${change.pod}`);
          // Asked for the first time somewhere in between, and kept from then on.
          if (index > steps.length / 3) cluster.podSets.get(selection).byDomain(ZONE);
        }
        expect(Object.fromEntries(cluster.podSets.get(selection).byDomain(ZONE))).toEqual(lookAtAll(cluster, selection.test));
        const [wish] = cluster.placedTerms.about(podInfo(webPod("new", "web")), "requiredFar", () => ({}));
        expect(Object.fromEntries(wish?.byDomain ?? [])).toEqual(lookAtAll(cluster, () => true));
        const zones = cluster.list().flatMap((info) => info.label(ZONE) ?? []);
        expect(new Map(cluster.domains(ZONE))).toEqual(new Map([...new Set(zones)].map((zone) => [zone, zones.filter((other) => other === zone).length])));
        for (const info of cluster.list()) expect(cluster.podSets.get(selection).onNode(info.name)).toBe([...info.pods.values()].filter(selection.test).length);
      }),
    );
  });

  it("counts no label that objects inherit", () => {
    const cluster = new ClusterState();
    cluster.setNode(testNode("a"));
    expect(cluster.domains("constructor").size).toBe(0);
  });
});
