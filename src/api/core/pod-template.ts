// PodTemplate: a template stored by itself (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-template-v1/).
import type { Mutable } from "../../base/index.ts";
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { PodTemplate } from "../generated/types.ts";
import { containerColumns, labelsCell } from "./container-cells.ts";
import { defaultPodTemplate } from "./pod-defaults.ts";
import { validateStoredPodTemplate, validateStoredPodTemplateUpdate } from "./pod-template-validation.ts";

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
  validateCreate: validateStoredPodTemplate,
  validateUpdate: validateStoredPodTemplateUpdate,
});
