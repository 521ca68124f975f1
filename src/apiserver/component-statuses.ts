// What `kubectl get componentstatuses` shows: the store and the parts of the control plane, asked when somebody asks
// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/component-status-v1/).
import { type ComponentStatus, componentStatuses, notFoundError } from "../api/index.ts";
import type { ObjectSource } from "./object-sources.ts";

/** What is wrong with a component; undefined when nothing is. */
export type ComponentCheck = () => Promise<string | undefined> | string | undefined;

/** By the names that upstream's components have there: `etcd-0`, `scheduler`, `controller-manager`. */
export function componentStatusSource(checks: Readonly<Record<string, ComponentCheck>>): ObjectSource<ComponentStatus> {
  const describe = async (name: string, check: ComponentCheck): Promise<ComponentStatus> => {
    const problem = await check();
    const condition = { type: "Healthy", status: problem === undefined ? "True" : "False", message: problem ?? "ok" };
    return { apiVersion: componentStatuses.apiVersion, kind: componentStatuses.kind, metadata: { name }, conditions: [condition] };
  };
  return {
    get: (_namespace, name) => {
      const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
      if (check === undefined) throw notFoundError({ group: "", resource: "componentstatus" }, name);
      return describe(name, check);
    },
    list: () => Promise.all(Object.entries(checks).map(([name, check]) => describe(name, check))),
  };
}
