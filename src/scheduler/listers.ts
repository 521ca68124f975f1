// What scheduling decisions look up beside nodes and pods, from informers.
import { namespaces, podDisruptionBudgets, replicaSets, replicationControllers, services, statefulSets } from "../api/index.ts";
import type { InformerFactory } from "../client/index.ts";
import type { Listers } from "./cluster-state.ts";

export interface InformedListers {
  readonly listers: Listers;
  /** Resolves when all of it is there. */
  synced(): Promise<unknown>;
}

export function createListers(factory: InformerFactory): InformedListers {
  const informers = {
    namespaces: factory.informer(namespaces),
    budgets: factory.informer(podDisruptionBudgets),
    services: factory.informer(services),
    replicationControllers: factory.informer(replicationControllers),
    replicaSets: factory.informer(replicaSets),
    statefulSets: factory.informer(statefulSets),
  };
  return {
    listers: {
      namespaceLabels: (name) => informers.namespaces.get(name)?.metadata.labels ?? {},
      budgets: () => informers.budgets.list(),
      services: (namespace) => informers.services.inNamespace(namespace),
      replicationController: (key) => informers.replicationControllers.get(key),
      replicaSet: (key) => informers.replicaSets.get(key),
      statefulSet: (key) => informers.statefulSets.get(key),
    },
    synced: () => Promise.all(Object.values(informers).map((informer) => informer.synced())),
  };
}
