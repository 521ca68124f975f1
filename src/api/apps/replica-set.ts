// ReplicaSet (https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/).
import type { Mutable } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { containerColumns, labelSelectorCell } from "../core/container-cells.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { nameWarnings, templateWarnings } from "../core/pod-warnings.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { ReplicaSet } from "../generated/types.ts";
import { labelSelectorText } from "../selector.ts";
import { validateReplicaSet, validateReplicaSetStatusUpdate, validateReplicaSetUpdate } from "./replica-set-validation.ts";

export const replicaSets = kind<ReplicaSet>("apps/v1", "ReplicaSet", {
  columns: [
    nameColumn(),
    { name: "Desired", type: "integer", description: "How many pods should run.", value: ({ spec }) => spec.replicas ?? 0 },
    { name: "Current", type: "integer", description: "How many pods there are.", value: ({ status }) => status?.replicas ?? 0 },
    { name: "Ready", type: "integer", description: "How many pods are ready.", value: ({ status }) => status?.readyReplicas ?? 0 },
    ageColumn(),
    ...containerColumns<ReplicaSet>(({ spec }) => spec.template?.spec.containers ?? []),
    { name: "Selector", type: "string", priority: 1, description: "Labels of its pods.", value: ({ spec }) => labelSelectorCell(spec.selector) },
  ],
  defaults({ spec }: Mutable<ReplicaSet>): void {
    spec.replicas ??= 1;
    defaultPodTemplate(spec.template);
  },
  warnings: (object, old) => [
    ...(old === undefined ? nameWarnings(object) : []),
    ...templateWarnings(FieldPath.root("spec").child("template"), object.spec.template, old?.spec.template),
  ],
  validateCreate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
  validateStatusUpdate: validateReplicaSetStatusUpdate,
  scale: {
    specReplicas: ({ spec }) => spec.replicas ?? 0,
    setSpecReplicas: ({ spec }, replicas) => {
      spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => labelSelectorText(spec.selector),
  },
});
