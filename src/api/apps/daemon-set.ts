// DaemonSet (https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/). An annotation counts the changes of the template.
import { type Mutable, mutableCopy } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { containerColumns, labelSelectorCell, labelsCell } from "../core/container-cells.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { templateWarnings } from "../core/pod-warnings.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { DaemonSet } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import type { Column } from "../kind.ts";
import { annotations } from "../well-known.ts";
import { validateDaemonSet, validateDaemonSetStatusUpdate, validateDaemonSetUpdate } from "./daemon-set-validation.ts";

function defaultDaemonSet(set: Mutable<DaemonSet>): void {
  const { spec } = set;
  // Whoever writes the template manages the annotation that counts its changes, though the server has the last word on its value.
  setTemplateGeneration(set, templateGeneration(set));
  const strategy = spec.updateStrategy ?? {};
  spec.updateStrategy = strategy;
  strategy.type ||= "RollingUpdate";
  if (strategy.type === "RollingUpdate") strategy.rollingUpdate = { maxUnavailable: 1, maxSurge: 0, ...strategy.rollingUpdate };
  spec.revisionHistoryLimit ??= 10;
  defaultPodTemplate(spec.template);
}

function count(name: string, description: string, value: (status: NonNullable<DaemonSet["status"]>) => number | undefined): Column<DaemonSet> {
  return { name, type: "integer", description, value: ({ status }) => (status === undefined ? 0 : (value(status) ?? 0)) };
}

function templateGeneration({ metadata }: DaemonSet): number {
  const text = metadata.annotations?.[annotations.templateGeneration] ?? "";
  return /^[0-9]+$/.test(text) ? Number(text) : 0;
}

function setTemplateGeneration(set: Mutable<DaemonSet>, generation: number): void {
  set.metadata.annotations = { ...set.metadata.annotations, [annotations.templateGeneration]: String(generation) };
}

export const daemonSets = kind<DaemonSet>("apps/v1", "DaemonSet", {
  columns: [
    nameColumn(),
    count("Desired", "How many nodes should run its pod.", ({ desiredNumberScheduled }) => desiredNumberScheduled),
    count("Current", "How many nodes have its pod.", ({ currentNumberScheduled }) => currentNumberScheduled),
    count("Ready", "How many nodes have a ready pod.", ({ numberReady }) => numberReady),
    count("Up-to-date", "How many nodes have a pod of the newest template.", ({ updatedNumberScheduled }) => updatedNumberScheduled),
    count("Available", "How many nodes have a pod that is ready for long enough.", ({ numberAvailable }) => numberAvailable),
    { name: "Node Selector", type: "string", description: "Labels of the nodes it is for.", value: ({ spec }) => labelsCell(spec.template.spec.nodeSelector) },
    ageColumn(),
    ...containerColumns<DaemonSet>(({ spec }) => spec.template.spec.containers),
    { name: "Selector", type: "string", priority: 1, description: "Labels of its pods.", value: ({ spec }) => labelSelectorCell(spec.selector) },
  ],
  defaults: defaultDaemonSet,
  prepareForCreate(set: Mutable<DaemonSet>): void {
    delete set.status;
    setTemplateGeneration(set, Math.max(1, templateGeneration(set)));
  },
  prepareForUpdate(set: Mutable<DaemonSet>, old: DaemonSet): void {
    if (old.status === undefined) delete set.status;
    else set.status = mutableCopy(old.status);
    setTemplateGeneration(set, templateGeneration(old) + (sameValue(set.spec.template, old.spec.template) ? 0 : 1));
  },
  warnings: (object, old) => templateWarnings(FieldPath.root("spec").child("template"), object.spec.template, old?.spec.template),
  validateCreate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
  validateStatusUpdate: validateDaemonSetStatusUpdate,
});
