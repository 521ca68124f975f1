// CustomResourceDefinition (apiextensions.k8s.io/v1): a resource declared by a user
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/).
import { formatTime, type Mutable, mutableCopy } from "../../base/index.ts";
import { createdAtColumn, nameColumn } from "../columns.ts";
import { DEFINITION_FINALIZER, withCondition } from "../custom/definition-status.ts";
import { normalizeBelow } from "../custom/nested-schemas.ts";
import { kind } from "../declare.ts";
import type { CustomResourceDefinition } from "../generated/types.ts";
import { validateDefinition, validateDefinitionUpdate } from "./custom-resource-definition-validation.ts";

/** A version that was ever stored is remembered, for objects may still be stored in it. */
function recordStorageVersion(object: Mutable<CustomResourceDefinition>): void {
  const storage = object.spec.versions?.find((version) => version.storage)?.name;
  const known = object.status?.storedVersions ?? [];
  if (storage === undefined || known.includes(storage)) return;
  object.status = { ...object.status, storedVersions: [...known, storage] };
}

export const customResourceDefinitions = kind<CustomResourceDefinition>("apiextensions.k8s.io/v1", "CustomResourceDefinition", {
  columns: [nameColumn(), createdAtColumn()],
  defaults: (object) => {
    const { spec } = object;
    if (spec === undefined) return;
    if (spec.names !== undefined) {
      spec.names.singular ||= (spec.names.kind ?? "").toLowerCase();
      if ((spec.names.kind ?? "") !== "") spec.names.listKind ||= `${spec.names.kind}List`;
    }
    for (const { schema } of spec.versions ?? []) if (schema?.openAPIV3Schema !== undefined) normalizeBelow(schema.openAPIV3Schema);
    spec.conversion ??= { strategy: "None" };
    const service = spec.conversion.webhook?.clientConfig?.service;
    if (service !== undefined) service.port ??= 443;
  },
  requiresResourceVersion: true,
  prepareForCreate: (object) => {
    object.status = {};
    recordStorageVersion(object);
  },
  prepareForUpdate: (object, old) => {
    object.status = mutableCopy(old.status ?? {});
    recordStorageVersion(object);
  },
  prepareForDeletion: (object, now) => {
    object.metadata.finalizers = [...new Set([...(object.metadata.finalizers ?? []), DEFINITION_FINALIZER])];
    const message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    const condition = { type: "Terminating", status: "True", reason: "InstanceDeletionPending", message };
    object.status = mutableCopy({ ...object.status, conditions: withCondition(object.status?.conditions ?? [], condition, formatTime(now)) });
  },
  validateCreate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
});
