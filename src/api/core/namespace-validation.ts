// Namespaces: the phase follows deletion; finalizers are standard or have a domain.
import { type FieldError, FieldPath, invalid } from "../field-errors.ts";
import type { Namespace } from "../generated/types.ts";
import { checkQualifiedName } from "../names.ts";
import { finalizers } from "../well-known.ts";

const STANDARD: readonly string[] = [finalizers.kubernetes, finalizers.orphan, finalizers.foregroundDeletion];

export function validateNamespaceStatus({ metadata, status }: Namespace): FieldError[] {
  const phase = status?.phase ?? "";
  const path = FieldPath.root("status").child("Phase");
  if (metadata.deletionTimestamp === undefined) {
    return phase === "Active" ? [] : [invalid(path, phase, "may only be 'Active' if `deletionTimestamp` is empty")];
  }
  return phase === "Terminating" ? [] : [invalid(path, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
}

export function validateNewNamespace({ spec }: Namespace): FieldError[] {
  return checkFinalizers(spec.finalizers, (path) => path);
}

export function validateNamespaceFinalizers({ spec }: Namespace): FieldError[] {
  return checkFinalizers(spec.finalizers, (path, position) => path.index(position));
}

function checkFinalizers(names: readonly string[] | undefined, at: (path: FieldPath, position: number) => FieldPath): FieldError[] {
  return (names ?? []).flatMap((name, position) => {
    const path = at(FieldPath.root("spec").child("finalizers"), position);
    const errors = checkQualifiedName(name).map((problem) => invalid(path, name, problem));
    if (name.includes("/") || STANDARD.includes(name)) return errors;
    return [...errors, invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")];
  });
}
