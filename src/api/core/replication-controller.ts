// ReplicationController: what ReplicaSet came from (https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/).
import type { Mutable } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { ReplicationController } from "../generated/types.ts";
import { labelSelectorText } from "../selector.ts";
import { containerColumns, labelsCell } from "./container-cells.ts";
import { defaultPodTemplate } from "./pod-defaults.ts";
import { nameWarnings, templateWarnings } from "./pod-warnings.ts";
import {
  validateReplicationController,
  validateReplicationControllerStatusUpdate,
  validateReplicationControllerUpdate,
} from "./replication-controller-validation.ts";

export const replicationControllers = kind<ReplicationController>("v1", "ReplicationController", {
  columns: [
    nameColumn(),
    { name: "Desired", type: "integer", description: "How many pods should run.", value: ({ spec }) => spec.replicas ?? 0 },
    { name: "Current", type: "integer", description: "How many pods there are.", value: ({ status }) => status?.replicas ?? 0 },
    { name: "Ready", type: "integer", description: "How many pods are ready.", value: ({ status }) => status?.readyReplicas ?? 0 },
    ageColumn(),
    ...containerColumns<ReplicationController>(({ spec }) => spec.template?.spec.containers ?? []),
    { name: "Selector", type: "string", priority: 1, description: "Labels of its pods.", value: ({ spec }) => labelsCell(spec.selector) },
  ],
  /** Selector and labels come from the template. */
  defaults(controller: Mutable<ReplicationController>): void {
    const { spec, metadata } = controller;
    const labels = spec.template?.metadata?.labels;
    if (labels !== undefined) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
    }
    spec.replicas ??= 1;
    defaultPodTemplate(spec.template);
  },
  warnings: (object, old) => [
    ...(old === undefined ? nameWarnings(object) : []),
    ...templateWarnings(FieldPath.root("spec").child("template"), object.spec.template, old?.spec.template),
  ],
  validateCreate: validateReplicationController,
  validateUpdate: validateReplicationControllerUpdate,
  validateStatusUpdate: validateReplicationControllerStatusUpdate,
  selectableFields: { "status.replicas": ({ status }) => String(status?.replicas ?? 0) },
  scale: {
    specReplicas: ({ spec }) => spec.replicas ?? 0,
    setSpecReplicas: ({ spec }, replicas) => {
      spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => labelSelectorText({ matchLabels: spec.selector ?? {} }),
  },
});
