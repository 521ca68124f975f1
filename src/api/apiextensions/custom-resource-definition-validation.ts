// What may stand in a CustomResourceDefinition, but for the schemas themselves: names that fit, versions of which one is stored
// (https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/).
import { validateVersions } from "../custom/version-rules.ts";
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { checkDns1035Label, checkDnsSubdomain } from "../names.ts";

const SPEC = FieldPath.root("spec");
const UNKNOWN_FIELDS = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
const SCOPES = ["Cluster", "Namespaced"];

export function validateDefinition({ metadata, spec, status }: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.name !== `${spec.names?.plural ?? ""}.${spec.group ?? ""}`) {
    errors.push(invalid(FieldPath.root("metadata").child("name"), metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  return [...errors, ...validateSpec(spec), ...checkStoredVersions(spec, status?.storedVersions ?? [])];
}

/** Once it is established, what its objects are stored as never changes. */
export function validateDefinitionUpdate(object: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const isEstablished = old.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") ?? false;
  const fixed = isEstablished
    ? [
        ...checkImmutable(object.spec.scope, old.spec.scope, SPEC.child("scope")),
        ...checkImmutable(object.spec.names?.kind, old.spec.names?.kind, SPEC.child("names").child("kind")),
      ]
    : [];
  return [
    ...validateDefinition(object),
    ...fixed,
    ...checkImmutable(object.spec.group, old.spec.group, SPEC.child("group")),
    ...checkImmutable(object.spec.names?.plural, old.spec.names?.plural, SPEC.child("names").child("plural")),
  ];
}

function validateSpec(spec: CustomResourceDefinitionSpec): FieldError[] {
  const { group = "", scope = "", versions = [] } = spec;
  const errors: FieldError[] = [];
  const groupProblems = checkDnsSubdomain(group);
  if (group === "") errors.push(required(SPEC.child("group")));
  else if (groupProblems.length > 0) errors.push(invalid(SPEC.child("group"), group, groupProblems.join(",")));
  else if (!group.includes(".")) errors.push(invalid(SPEC.child("group"), group, "should be a domain with at least one dot"));
  if (scope === "") errors.push(required(SPEC.child("scope")));
  else if (!SCOPES.includes(scope)) errors.push(notSupported(SPEC.child("scope"), scope, SCOPES));
  const path = SPEC.child("versions");
  for (const [position, version] of versions.entries()) {
    const at = path.index(position);
    const problems = checkDns1035Label(version.name ?? "");
    if (version.schema?.openAPIV3Schema === undefined) errors.push(required(at.child("schema").child("openAPIV3Schema")));
    if (problems.length > 0) errors.push(invalid(at.child("name"), version.name, problems.join(",")));
  }
  errors.push(...validateVersions(versions, SPEC));
  // The first version's name is also that of the definition as a whole, which older API versions had.
  const problems = checkDns1035Label(versions[0]?.name ?? "");
  if (versions.length > 0 && problems.length > 0) errors.push(invalid(SPEC.child("version"), versions[0]?.name, problems.join(",")));
  if (new Set(versions.map(({ name }) => name)).size < versions.length) errors.push(invalid(path, versions, "must contain unique version names"));
  if (versions.filter(({ storage }) => storage).length !== 1) errors.push(invalid(path, versions, "must have exactly one version marked as storage version"));
  if (spec.preserveUnknownFields === true) errors.push(invalid(SPEC.child("preserveUnknownFields"), true, UNKNOWN_FIELDS));
  errors.push(...checkConversion(spec, SPEC.child("conversion")));
  return [...errors, ...checkNames(SPEC.child("names"), spec.names ?? { plural: "", kind: "" })];
}

function checkConversion({ conversion }: CustomResourceDefinitionSpec, path: FieldPath): FieldError[] {
  const strategy = conversion?.strategy ?? "None";
  if (strategy === "Webhook") return [forbidden(path.child("strategy"), "kubets does not call conversion webhooks yet")];
  if (strategy !== "None") return [notSupported(path.child("strategy"), strategy, ["None", "Webhook"])];
  const needless = conversion?.webhook !== undefined;
  return needless ? [forbidden(path.child("webhookClientConfig"), "should not be set when strategy is not set to Webhook")] : [];
}

function checkNames(path: FieldPath, names: CustomResourceDefinitionNames): FieldError[] {
  const { plural = "", singular = "", kind = "", listKind = "", shortNames = [], categories = [] } = names;
  const errors: FieldError[] = [];
  const label = (at: FieldPath, value: string): void => {
    const problems = checkDns1035Label(value);
    if (value === "") errors.push(required(at));
    else if (problems.length > 0) errors.push(invalid(at, value, problems.join(",")));
  };
  const mixedCase = (at: FieldPath, value: string): void => {
    const problems = checkDns1035Label(value.toLowerCase());
    if (value === "") errors.push(required(at));
    else if (problems.length > 0) errors.push(invalid(at, value, `may have mixed case, but should otherwise match: ${problems.join(",")}`));
  };
  label(path.child("plural"), plural);
  label(path.child("singular"), singular);
  mixedCase(path.child("kind"), kind);
  mixedCase(path.child("listKind"), listKind);
  for (const [position, shortName] of shortNames.entries()) label(path.child("shortNames").index(position), shortName);
  if (kind !== "" && kind === listKind) errors.push(invalid(path.child("listKind"), listKind, "kind and listKind may not be the same"));
  for (const [position, category] of categories.entries()) label(path.child("categories").index(position), category);
  return errors;
}

function checkStoredVersions({ versions = [] }: CustomResourceDefinitionSpec, stored: readonly string[]): FieldError[] {
  const path = FieldPath.root("status").child("storedVersions");
  if (stored.length === 0) return [invalid(path, null, "must have at least one stored version")];
  const names = versions.map(({ name }) => name);
  return stored.flatMap((name, position) => {
    if (names.includes(name)) return [];
    const until = `must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    return [invalid(path.index(position), name, `missing from spec.versions; ${name} was previously a storage version, and ${until}`)];
  });
}
