// RuntimeClass (node.k8s.io/v1): which container runtime handler runs a pod (https://kubernetes.io/docs/concepts/containers/runtime-class/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { RuntimeClass } from "../generated/types.ts";

export const runtimeClasses = kind<RuntimeClass>("node.k8s.io/v1", "RuntimeClass", {
  columns: [
    nameColumn(),
    { name: "Handler", type: "string", description: "The runtime's name of its configuration.", value: ({ handler }) => handler },
    ageColumn(),
  ],
  createsOnUpdate: true,
  requiresResourceVersion: true,
});
