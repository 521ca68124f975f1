// StatefulSet (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/).
import type { Mutable } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { containerColumns } from "../core/container-cells.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { templateWarnings } from "../core/pod-warnings.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { StatefulSet } from "../generated/types.ts";
import { nameIsDnsLabel } from "../names.ts";
import { labelSelectorText } from "../selector.ts";
import { validateStatefulSet, validateStatefulSetStatusUpdate, validateStatefulSetUpdate } from "./stateful-set-validation.ts";

function defaultStatefulSet({ spec }: Mutable<StatefulSet>): void {
  spec.podManagementPolicy ||= "OrderedReady";
  const strategy = spec.updateStrategy ?? {};
  spec.updateStrategy = strategy;
  if (!strategy.type) {
    strategy.type = "RollingUpdate";
    strategy.rollingUpdate ??= {};
  }
  if (strategy.type === "RollingUpdate" && strategy.rollingUpdate !== undefined) strategy.rollingUpdate.partition ??= 0;
  const retention = spec.persistentVolumeClaimRetentionPolicy ?? {};
  spec.persistentVolumeClaimRetentionPolicy = retention;
  retention.whenDeleted ||= "Retain";
  retention.whenScaled ||= "Retain";
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ||= "v1";
    claim.kind ||= "PersistentVolumeClaim";
    claim.spec.volumeMode ??= "Filesystem";
    claim.status = { phase: "Pending", ...claim.status };
  }
}

/** Partitions alone decide how many pods are replaced at a time; `maxUnavailable` is an alpha feature and is dropped. */
function dropAlphaFields({ spec }: Mutable<StatefulSet>): void {
  if (spec.updateStrategy?.rollingUpdate !== undefined) delete spec.updateStrategy.rollingUpdate.maxUnavailable;
}

function statefulSetWarnings({ spec }: StatefulSet, old: StatefulSet | undefined): string[] {
  const template = templateWarnings(FieldPath.root("spec").child("template"), spec.template, old?.spec.template);
  if ((spec.revisionHistoryLimit ?? 0) >= 0) return template;
  return [...template, "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"];
}

export const statefulSets = kind<StatefulSet>("apps/v1", "StatefulSet", {
  columns: [
    nameColumn(),
    {
      name: "Ready",
      type: "string",
      description: "How many pods are ready, of how many that should be.",
      value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    ageColumn(),
    ...containerColumns<StatefulSet>(({ spec }) => spec.template.spec.containers),
  ],
  validateName: nameIsDnsLabel,
  defaults: defaultStatefulSet,
  prepareForCreate(set: Mutable<StatefulSet>): void {
    delete set.status;
    dropAlphaFields(set);
  },
  warnings: statefulSetWarnings,
  validateCreate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  validateStatusUpdate: validateStatefulSetStatusUpdate,
  scale: {
    specReplicas: ({ spec }) => spec.replicas ?? 0,
    setSpecReplicas: ({ spec }, replicas) => {
      spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => labelSelectorText(spec.selector),
  },
});
