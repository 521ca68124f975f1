// In which order the containers of a pod end: sidecars after all regular containers, and among themselves in the reverse of
// the order in which they started (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#differences-from-application-containers).
import type { Pod } from "../../api/index.ts";
import { initContainers, isSidecar } from "../pods/pod-spec.ts";

export interface TerminationOrder {
  /** Resolves when everything that ends before `name` has ended. */
  turn(name: string): Promise<void> | undefined;
  ended(name: string): void;
}

/** `running` names the containers that have to end. */
export function terminationOrder(pod: Pod, running: readonly string[]): TerminationOrder {
  const sidecars = initContainers(pod)
    .filter(isSidecar)
    .map(({ name }) => name);
  const waiting = new Map<string, () => void>();
  const done = new Map(running.map((name) => [name, new Promise<void>((resolve) => waiting.set(name, resolve))]));
  const before = (name: string): readonly string[] => {
    const index = sidecars.indexOf(name);
    if (index === -1) return [];
    const later = sidecars.slice(index + 1);
    return running.filter((other) => other !== name && (!sidecars.includes(other) || later.includes(other)));
  };
  return {
    turn: (name) => {
      const others = before(name);
      return others.length === 0 ? undefined : Promise.all(others.map((other) => done.get(other))).then(() => undefined);
    },
    ended: (name) => waiting.get(name)?.(),
  };
}
