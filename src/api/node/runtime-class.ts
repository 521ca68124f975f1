// RuntimeClass (node.k8s.io/v1): which container runtime handler runs a pod (https://kubernetes.io/docs/concepts/containers/runtime-class/).
import { ageColumn, nameColumn } from "../columns.ts";
import { checkContainerResources } from "../core/resource-validation.ts";
import { kind } from "../declare.ts";
import { checkLabels, checkRequiredText } from "../field-checks.ts";
import { type FieldError, FieldPath } from "../field-errors.ts";
import type { RuntimeClass } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { checkDnsLabel } from "../names.ts";

function validateCreate({ handler, scheduling, overhead }: RuntimeClass): FieldError[] {
  return [
    ...checkRequiredText(FieldPath.root("handler"), handler, checkDnsLabel),
    // The overhead is checked like the limits of a container.
    ...checkContainerResources(FieldPath.root("overhead"), overhead?.podFixed === undefined ? undefined : { limits: overhead.podFixed }),
    ...checkLabels(FieldPath.root("scheduling").child("nodeSelector"), scheduling?.nodeSelector),
  ];
}

export const runtimeClasses = kind<RuntimeClass>("node.k8s.io/v1", "RuntimeClass", {
  columns: [
    nameColumn(),
    { name: "Handler", type: "string", description: "The runtime's name of its configuration.", value: ({ handler }) => handler },
    ageColumn(),
  ],
  validateCreate,
  validateUpdate: (object, old) => checkImmutable(object.handler, old.handler, FieldPath.root("handler")),
  createsOnUpdate: true,
  requiresResourceVersion: true,
});
