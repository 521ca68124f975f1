// Binding: created, never stored, to put a pod on a node (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/).
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { type FieldError, FieldPath, notSupported, required } from "../field-errors.ts";
import type { Binding } from "../generated/types.ts";

/** Only nodes can be bound to. */
export function validateBinding({ target }: Binding): FieldError[] {
  const path = FieldPath.root("target");
  const errors: FieldError[] = [];
  if (target.kind !== undefined && target.kind !== "" && target.kind !== "Node")
    errors.push(notSupported(path.child("kind"), target.kind, ["Node", "<empty>"]));
  if (target.name === undefined || target.name === "") errors.push(required(path.child("name")));
  return errors;
}

export const bindings = kind<Binding>("v1", "Binding", {
  columns: [nameColumn(), createdAtColumn()],
  countsGeneration: false,
  validateCreate: validateBinding,
});
