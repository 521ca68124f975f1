// VolumeAttachment (storage.k8s.io/v1): the wish that a volume be attached to a node
// (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { VolumeAttachment } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";

export const volumeAttachments = kind<VolumeAttachment>("storage.k8s.io/v1", "VolumeAttachment", {
  columns: [
    nameColumn(),
    { name: "Attacher", type: "string", format: "name", description: "The driver that attaches.", value: ({ spec }) => spec.attacher },
    { name: "PV", type: "string", description: "The volume.", value: ({ spec }) => spec.source.persistentVolumeName ?? "" },
    { name: "Node", type: "string", description: "The node to attach to.", value: ({ spec }) => spec.nodeName },
    { name: "Attached", type: "boolean", description: "Whether it is done.", value: ({ status }) => status?.attached ?? false },
    ageColumn(),
  ],
  validateUpdate: (object, old) => checkImmutable(object.spec, old.spec, FieldPath.root("spec")),
  requiresResourceVersion: true,
  countsGeneration: false,
});
