// Tells kubelets, by an annotation of their node, for how long they may keep secrets and config maps without looking again: the larger
// the cluster, the longer (https://kubernetes.io/docs/reference/labels-annotations-taints/#node-alpha-kubernetes-io-ttl).
//
// Invariant: a cluster whose size wavers around a bound keeps the step it is on; between two steps the sizes overlap.
import { type Node, nodes } from "../api/index.ts";
import { nothing, type Plan, patch } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";

const ANNOTATION = "node.alpha.kubernetes.io/ttl";
const STEPS = [
  { fewest: 0, most: 100, seconds: 0 },
  { fewest: 90, most: 500, seconds: 15 },
  { fewest: 450, most: 1000, seconds: 30 },
  { fewest: 900, most: 2000, seconds: 60 },
  { fewest: 1800, most: Number.POSITIVE_INFINITY, seconds: 300 },
] as const;

/** The step for so many nodes, coming from step `from`. */
export function stepFor(nodeCount: number, from: number): number {
  let step = from;
  while (nodeCount > (STEPS[step]?.most ?? Number.POSITIVE_INFINITY)) step++;
  while (nodeCount < (STEPS[step]?.fewest ?? 0)) step--;
  return step;
}

export function planNodeTtl({ node, step }: { readonly node: Node; readonly step: number }): Plan {
  const seconds = String(STEPS[step]?.seconds ?? 0);
  if (node.metadata.annotations?.[ANNOTATION] === seconds) return nothing;
  return { actions: [patch(nodes, node, { type: "merge", body: { metadata: { uid: node.metadata.uid ?? "", annotations: { [ANNOTATION]: seconds } } } })] };
}

export function nodeTtlController(): Controller {
  let step = 0;
  return controller<Node, { readonly node: Node; readonly step: number }>("ttl", {
    for: nodes,
    relevant: ({ metadata }, { metadata: old }) => metadata.annotations?.[ANNOTATION] !== old.annotations?.[ANNOTATION],
    wakes: [
      // Nodes that come or go may change the step of all.
      wake(
        nodes,
        (_node, caches) => {
          const all = caches.of(nodes);
          const before = step;
          step = stepFor(all.size, step);
          return step === before ? [] : all.list().map(({ metadata }) => metadata.name);
        },
        () => false,
      ),
    ],
    observe: (key, caches) => {
      const node = caches.of(nodes).get(key);
      return node === undefined ? undefined : { node, step };
    },
    plan: planNodeTtl,
  });
}
