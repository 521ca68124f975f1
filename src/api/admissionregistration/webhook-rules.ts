// Which requests a webhook or an admission policy is about: operations, groups, versions and resources
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules).
import { type FieldError, type FieldPath, invalid, notSupported, required } from "../field-errors.ts";
import type { RuleWithOperations } from "../generated/types.ts";

const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

export function checkRule(path: FieldPath, { operations = [], apiGroups = [], apiVersions = [], resources = [] }: RuleWithOperations): FieldError[] {
  const errors: FieldError[] = [];
  const list = (name: string, values: readonly string[], what: string): void => {
    if (values.length === 0) errors.push(required(path.child(name)));
    if (values.length > 1 && values.includes("*")) errors.push(invalid(path.child(name), values, `if '*' is present, must not specify other ${what}`));
  };
  list("operations", operations, "operations");
  for (const [position, operation] of operations.entries()) {
    if (!OPERATIONS.includes(operation)) errors.push(notSupported(path.child("operations").index(position), operation, OPERATIONS));
  }
  list("apiGroups", apiGroups, "API groups");
  list("apiVersions", apiVersions, "API versions");
  const at = path.child("resources");
  if (resources.length === 0) errors.push(required(at));
  for (const [position, resource] of resources.entries()) if (resource === "") errors.push(required(at.index(position)));
  if (resources.length > 1 && resources.includes("*/*")) errors.push(invalid(at, resources, "if '*/*' is present, must not specify other resources"));
  if (resources.includes("*") && resources.some((resource) => resource !== "*" && !resource.includes("/"))) {
    errors.push(invalid(at, resources, "if '*' is present, must not specify other resources without subresources"));
  }
  return errors;
}
