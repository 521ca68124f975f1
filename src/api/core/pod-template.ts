// PodTemplate: a template stored by itself (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-template-v1/).
import type { Mutable } from "../../base/index.ts";
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { PodTemplate } from "../generated/types.ts";
import { containerColumns, labelsCell } from "./container-cells.ts";
import { defaultPodTemplate } from "./pod-defaults.ts";
import { validateStoredPodTemplate, validateStoredPodTemplateUpdate } from "./pod-template-validation.ts";
import { templateWarnings } from "./pod-warnings.ts";

export const podTemplates = kind<PodTemplate>("v1", "PodTemplate", {
  columns: [
    nameColumn(),
    ...containerColumns<PodTemplate>(({ template }) => template?.spec.containers ?? [], 0),
    { name: "Pod Labels", type: "string", description: "Labels of pods made after it.", value: ({ template }) => labelsCell(template?.metadata?.labels) },
  ],
  countsGeneration: true,
  generationCounts: ({ template }) => [template],
  defaults({ template }: Mutable<PodTemplate>): void {
    defaultPodTemplate(template);
  },
  warnings: (object, old) => templateWarnings(FieldPath.root("template"), object.template, old?.template),
  validateCreate: validateStoredPodTemplate,
  validateUpdate: validateStoredPodTemplateUpdate,
});
