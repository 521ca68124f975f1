// VolumeAttachment (storage.k8s.io/v1): the wish that a volume be attached to a node
// (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/).
import { ageColumn, nameColumn } from "../columns.ts";
import { checkCsiDriverName } from "../core/csi-names.ts";
import { checkInlineVolume } from "../core/volume-validation.ts";
import { kind } from "../declare.ts";
import { checkDnsSubdomainAt } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, required } from "../field-errors.ts";
import type { VolumeAttachment } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";

const SPEC = FieldPath.root("spec");

function checkSource({ source: { inlineVolumeSpec, persistentVolumeName } }: VolumeAttachment["spec"]): FieldError[] {
  const path = SPEC.child("source");
  const exactlyOne = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (inlineVolumeSpec !== undefined) {
    return persistentVolumeName === undefined ? checkInlineVolume(path.child("inlineVolumeSpec"), inlineVolumeSpec) : [forbidden(path, exactlyOne)];
  }
  if (persistentVolumeName === undefined) return [required(path, exactlyOne)];
  return persistentVolumeName === "" ? [required(path.child("persistentVolumeName"), "must specify non empty persistentVolumeName")] : [];
}

/** Attachments are for CSI alone, and so are volumes written into one. */
function validateCreate({ spec }: VolumeAttachment): FieldError[] {
  return [...checkCsiDriverName(SPEC.child("attacher"), spec.attacher), ...checkSource(spec), ...checkDnsSubdomainAt(SPEC.child("nodeName"), spec.nodeName)];
}

export const volumeAttachments = kind<VolumeAttachment>("storage.k8s.io/v1", "VolumeAttachment", {
  columns: [
    nameColumn(),
    { name: "Attacher", type: "string", format: "name", description: "The driver that attaches.", value: ({ spec }) => spec.attacher },
    { name: "PV", type: "string", description: "The volume.", value: ({ spec }) => spec.source.persistentVolumeName ?? "" },
    { name: "Node", type: "string", description: "The node to attach to.", value: ({ spec }) => spec.nodeName },
    { name: "Attached", type: "boolean", description: "Whether it is done.", value: ({ status }) => status?.attached ?? false },
    ageColumn(),
  ],
  validateCreate,
  validateUpdate: (object, old) => [...validateCreate(object), ...checkImmutable(object.spec, old.spec, SPEC)],
  requiresResourceVersion: true,
  countsGeneration: false,
});
