// Namespace (https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/). The finalizers of its spec are set at
// creation and removed through `/finalize` alone, when the namespace controller has emptied it.
import { type Mutable, mutableCopy } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Namespace } from "../generated/types.ts";
import { nameIsDnsLabel } from "../names.ts";
import { finalizers, namespaceNameLabel } from "../well-known.ts";
import { validateNamespaceFinalizers, validateNamespaceStatus, validateNewNamespace } from "./namespace-validation.ts";

export const namespaces = kind<Namespace>("v1", "Namespace", {
  columns: [
    nameColumn(),
    { name: "Status", type: "string", description: "Active, or Terminating while it is emptied.", value: ({ status }) => status?.phase ?? "" },
    ageColumn(),
  ],
  countsGeneration: false,
  validateName: nameIsDnsLabel,
  defaults(namespace: Mutable<Namespace>): void {
    const { metadata } = namespace;
    if (metadata.name !== undefined && metadata.name !== "") metadata.labels = { ...metadata.labels, [namespaceNameLabel]: metadata.name };
  },
  prepareForCreate(namespace: Mutable<Namespace>): void {
    namespace.status = { phase: "Active" };
    const own = namespace.spec.finalizers ?? [];
    if (!own.includes(finalizers.kubernetes)) namespace.spec.finalizers = [...own, finalizers.kubernetes];
  },
  prepareForUpdate(namespace: Mutable<Namespace>, old: Namespace): void {
    namespace.spec = mutableCopy(old.spec);
    if (old.status === undefined) delete namespace.status;
    else namespace.status = mutableCopy(old.status);
  },
  validateCreate: validateNewNamespace,
  validateStatusUpdate: validateNamespaceStatus,
  subresourceUpdates: {
    finalize: {
      prepare(namespace: Mutable<Namespace>, old: Namespace): void {
        if (old.status === undefined) delete namespace.status;
        else namespace.status = mutableCopy(old.status);
      },
      validate: validateNamespaceFinalizers,
    },
  },
  selectableFields: { "status.phase": ({ status }) => status?.phase ?? "", name: ({ metadata }) => metadata.name },
});
