// A container's environment (https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/).
import { checkDnsLabelAt, checkRequired, checkRequiredText, checkText } from "../field-checks.ts";
import { type FieldError, type FieldPath, invalid } from "../field-errors.ts";
import type { EnvFromSource, EnvVar, EnvVarSource } from "../generated/types.ts";
import { checkConfigMapKey, checkDnsSubdomain, checkEnvVarName, nameIsDnsSubdomain } from "../names.ts";
import { checkFieldRef, checkResourceFieldRef, envFields } from "./field-ref-validation.ts";
import { checkNoBacksteps } from "./path-checks.ts";

const ONE_OF = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";

function checkKeyRef(path: FieldPath, ref: { readonly name?: string; readonly key: string }): FieldError[] {
  return [...checkText(path.child("name"), ref.name ?? "", checkDnsSubdomain), ...checkRequiredText(path.child("key"), ref.key, checkConfigMapKey)];
}

function checkFileKeyRef(path: FieldPath, ref: NonNullable<EnvVarSource["fileKeyRef"]>): FieldError[] {
  return [
    ...checkRequiredText(path.child("key"), ref.key, checkEnvVarName),
    ...(ref.volumeName ? checkDnsLabelAt(path.child("volumeName"), ref.volumeName) : checkRequired(path.child("volumeName"), ref.volumeName)),
    ...(ref.path ? checkNoBacksteps(path.child("path"), ref.path) : checkRequired(path.child("path"), ref.path)),
  ];
}

function checkValueFrom(path: FieldPath, { value = "", valueFrom }: EnvVar): FieldError[] {
  if (valueFrom === undefined) return [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  const errors = [
    ...(fieldRef === undefined ? [] : checkFieldRef(path.child("fieldRef"), fieldRef, envFields)),
    ...(resourceFieldRef === undefined ? [] : checkResourceFieldRef(path.child("resourceFieldRef"), resourceFieldRef, false)),
    ...(configMapKeyRef === undefined ? [] : checkKeyRef(path.child("configMapKeyRef"), configMapKeyRef)),
    ...(secretKeyRef === undefined ? [] : checkKeyRef(path.child("secretKeyRef"), secretKeyRef)),
    ...(fileKeyRef === undefined ? [] : checkFileKeyRef(path.child("fileKeyRef"), fileKeyRef)),
  ];
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter((source) => source !== undefined).length;
  if (sources === 0) errors.push(invalid(path, "", ONE_OF));
  else if (value !== "") errors.push(invalid(path, "", "may not be specified when `value` is not empty"));
  else if (sources > 1) errors.push(invalid(path, "", "may not have more than one field specified at a time"));
  return errors;
}

export function checkEnv(path: FieldPath, variables: readonly EnvVar[] | undefined): FieldError[] {
  return (variables ?? []).flatMap((variable, position) => {
    const at = path.index(position);
    return [...checkRequiredText(at.child("name"), variable.name, checkEnvVarName), ...checkValueFrom(at.child("valueFrom"), variable)];
  });
}

export function checkEnvFrom(path: FieldPath, sources: readonly EnvFromSource[] | undefined): FieldError[] {
  return (sources ?? []).flatMap(({ prefix, configMapRef, secretRef }, position) => {
    const at = path.index(position);
    const checkName = (name: string): string[] => nameIsDnsSubdomain(name, true);
    const errors = prefix ? checkText(at.child("prefix"), prefix, checkEnvVarName) : [];
    if (configMapRef !== undefined) errors.push(...checkRequiredText(at.child("configMapRef", "name"), configMapRef.name, checkName));
    if (secretRef !== undefined) errors.push(...checkRequiredText(at.child("secretRef", "name"), secretRef.name, checkName));
    if (configMapRef === undefined && secretRef === undefined) errors.push(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
    else if (configMapRef !== undefined && secretRef !== undefined) errors.push(invalid(path, "", "may not have more than one field specified at a time"));
    return errors;
  });
}
