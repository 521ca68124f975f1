// Deployment (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/).
import { type Mutable, mutableCopy } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { containerColumns } from "../core/container-cells.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { nameWarnings, templateWarnings } from "../core/pod-warnings.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { Deployment } from "../generated/types.ts";
import { labelSelectorText } from "../selector.ts";
import { validateDeployment, validateDeploymentStatusUpdate, validateDeploymentUpdate } from "./deployment-validation.ts";

function defaultDeployment({ spec }: Mutable<Deployment>): void {
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  const strategy = spec.strategy ?? {};
  spec.strategy = strategy;
  strategy.type ||= "RollingUpdate";
  if (strategy.type === "RollingUpdate") strategy.rollingUpdate = { maxUnavailable: "25%", maxSurge: "25%", ...strategy.rollingUpdate };
  defaultPodTemplate(spec.template);
}

export const deployments = kind<Deployment>("apps/v1", "Deployment", {
  columns: [
    nameColumn(),
    {
      name: "Ready",
      type: "string",
      description: "How many pods are ready, of how many that should be.",
      value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    { name: "Up-to-date", type: "string", description: "How many pods follow the newest template.", value: ({ status }) => status?.updatedReplicas ?? 0 },
    { name: "Available", type: "string", description: "How many pods are ready for long enough.", value: ({ status }) => status?.availableReplicas ?? 0 },
    ageColumn(),
    ...containerColumns<Deployment>(({ spec }) => spec.template.spec.containers),
    { name: "Selector", type: "string", priority: 1, description: "Labels of its pods.", value: ({ spec }) => labelSelectorText(spec.selector) },
  ],
  defaults: defaultDeployment,
  /** Annotations are copied to the replica sets, so a change of them is work for the controller as well. */
  generationCounts: ({ spec, metadata }) => [spec, metadata.annotations ?? {}],
  prepareForStatusUpdate(deployment: Mutable<Deployment>, old: Deployment): void {
    deployment.spec = mutableCopy(old.spec);
    if (old.metadata.labels === undefined) delete deployment.metadata.labels;
    else deployment.metadata.labels = { ...old.metadata.labels };
  },
  warnings: (object, old) => [
    ...(old === undefined ? nameWarnings(object) : []),
    ...templateWarnings(FieldPath.root("spec").child("template"), object.spec.template, old?.spec.template),
  ],
  validateCreate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  validateStatusUpdate: validateDeploymentStatusUpdate,
  scale: {
    specReplicas: ({ spec }) => spec.replicas ?? 0,
    setSpecReplicas: ({ spec }, replicas) => {
      spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => labelSelectorText(spec.selector),
  },
});
