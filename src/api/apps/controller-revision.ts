// ControllerRevision: one recorded state of a StatefulSet's or DaemonSet's template
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/). Its data never changes.
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { ControllerRevision } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";

function controllerCell({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return "<none>";
  const group = owner.apiVersion.includes("/") ? `.${owner.apiVersion.split("/")[0]}` : "";
  const owningKind = `${owner.kind}${group}`.toLowerCase();
  return `${owningKind}/${owner.name}`;
}

function validateRevision(revision: ControllerRevision): FieldError[] {
  return revision.revision < 0 ? [invalid(FieldPath.root("revision"), revision.revision, "must be greater than or equal to 0")] : [];
}

export const controllerRevisions = kind<ControllerRevision>("apps/v1", "ControllerRevision", {
  columns: [
    nameColumn(),
    { name: "Controller", type: "string", description: "What it is a revision of.", value: controllerCell },
    { name: "Revision", type: "string", description: "Its number.", value: ({ revision }) => revision },
    ageColumn(),
  ],
  countsGeneration: false,
  validateCreate(revision): FieldError[] {
    const missing = revision.data === undefined || revision.data === null ? [required(FieldPath.root("data"), "data is mandatory")] : [];
    return [...missing, ...validateRevision(revision)];
  },
  validateUpdate(revision, old): FieldError[] {
    const changed = sameValue(revision.data, old.data) ? [] : [invalid(FieldPath.root("data"), revision.data, "field is immutable")];
    return [...validateRevision(revision), ...changed];
  },
});
