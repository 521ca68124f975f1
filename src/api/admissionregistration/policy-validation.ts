// What may stand in admission policies and their bindings, as far as it can be told without reading the expressions: those are CEL
// (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/,
// https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/).
import { checkLabelSelector, checkOneOf, checkRequiredOneOf, checkText } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, forbidden, invalid, notSupported, required, tooMany } from "../field-errors.ts";
import type {
  AuditAnnotation,
  MatchCondition,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
  Variable,
} from "../generated/types.ts";
import { checkDns1035Label, checkDnsSubdomain, checkPathSegmentName, checkQualifiedName } from "../names.ts";
import { checkRule } from "./webhook-rules.ts";

const SPEC = FieldPath.root("spec");
const FAILURE_POLICIES = ["Fail", "Ignore"];
const MATCH_POLICIES = ["Equivalent", "Exact"];
const REINVOCATION_POLICIES = ["IfNeeded", "Never"];
const ACTIONS = ["Audit", "Deny", "Warn"];
const REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
const MUTATING_OPERATIONS = ["*", "CONNECT", "CREATE", "UPDATE"];
const MAX_MATCH_CONDITIONS = 64;
const MAX_AUDIT_ANNOTATIONS = 20;
const MAX_VALUE_EXPRESSION = 5 * 1024;
/** Words that CEL keeps for itself. */
const RESERVED = new Set("true false null in as break const continue else for function if import let loop package namespace return var void while".split(" "));

export function validateValidatingPolicy({ metadata, spec = {} }: ValidatingAdmissionPolicy): FieldError[] {
  const { variables = [], validations = [], auditAnnotations = [] } = spec;
  const errors = checkPolicy(spec);
  errors.push(...variables.flatMap((variable, position) => checkVariable(SPEC.child("variables").index(position), variable)));
  if (validations.length + auditAnnotations.length === 0) {
    const text = "validations or auditAnnotations must contain at least one item";
    return [...errors, required(SPEC.child("validations"), text), required(SPEC.child("auditAnnotations"), text)];
  }
  errors.push(...validations.flatMap((validation, position) => checkValidation(SPEC.child("validations").index(position), validation)));
  return [...errors, ...checkAuditAnnotations(SPEC.child("auditAnnotations"), metadata.name, auditAnnotations)];
}

export function validateMutatingPolicy({ spec = {} }: MutatingAdmissionPolicy): FieldError[] {
  const { matchConstraints, variables = [], mutations = [], reinvocationPolicy } = spec;
  return [
    ...checkPolicy(spec, () => checkMutatingOperations(SPEC.child("matchConstraints"), matchConstraints)),
    ...variables.flatMap((variable, position) => checkVariable(SPEC.child("variables").index(position), variable)),
    ...(mutations.length === 0 ? [required(SPEC.child("mutations"), "mutations must contain at least one item")] : []),
    ...mutations.flatMap((mutation, position) => checkMutation(SPEC.child("mutations").index(position), mutation)),
    ...checkRequiredOneOf(SPEC.child("reinvocationPolicy"), reinvocationPolicy, REINVOCATION_POLICIES),
  ];
}

export function validateValidatingBinding({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  return [...checkBinding(spec ?? {}), ...checkActions(SPEC.child("validationActions"), spec?.validationActions ?? [])];
}

export function validateMutatingBinding({ spec = {} }: MutatingAdmissionPolicyBinding): FieldError[] {
  return [...checkBinding(spec), ...checkMutatingOperations(SPEC.child("matchResources"), spec.matchResources)];
}

interface Policy {
  readonly failurePolicy?: string;
  readonly paramKind?: ParamKind;
  readonly matchConstraints?: MatchResources;
  readonly matchConditions?: readonly MatchCondition[];
}

/** What policies of both sorts have first. */
function checkPolicy({ failurePolicy, paramKind, matchConstraints, matchConditions = [] }: Policy, checkConstraints = (): FieldError[] => []): FieldError[] {
  const path = SPEC.child("matchConstraints");
  const errors = [
    ...checkRequiredOneOf(SPEC.child("failurePolicy"), failurePolicy, FAILURE_POLICIES),
    ...(paramKind === undefined ? [] : checkParamKind(SPEC.child("paramKind"), paramKind)),
  ];
  if (matchConstraints === undefined) errors.push(required(path));
  else {
    errors.push(...checkMatchResources(path, matchConstraints));
    if ((matchConstraints.resourceRules ?? []).length === 0) errors.push(required(path.child("resourceRules")));
    errors.push(...checkConstraints());
  }
  return [...errors, ...checkMatchConditions(SPEC.child("matchConditions"), matchConditions)];
}

function checkParamKind(path: FieldPath, { apiVersion = "", kind = "" }: ParamKind): FieldError[] {
  const at = path.child("apiVersion");
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  const errors: FieldError[] = [];
  if (apiVersion === "") errors.push(required(at));
  else if (apiVersion.split("/").length > 2) errors.push(invalid(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else {
    const groupProblems = group === "" ? [] : checkDnsSubdomain(group);
    const versionProblems = checkDns1035Label(version);
    if (groupProblems.length > 0) errors.push(invalid(at, group, groupProblems.join(",")));
    if (version === "") errors.push(invalid(at, apiVersion, "version must be specified"));
    else if (versionProblems.length > 0) errors.push(invalid(at, version, versionProblems.join(",")));
  }
  const problems = checkDns1035Label(kind.toLowerCase());
  if (kind === "") return [...errors, required(path.child("kind"))];
  if (problems.length === 0) return errors;
  return [...errors, invalid(path.child("kind"), kind, `may have mixed case, but should otherwise match: ${problems.join(",")}`)];
}

function checkMatchResources(path: FieldPath, resources: MatchResources): FieldError[] {
  const { matchPolicy, namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [] } = resources;
  return [
    ...checkRequiredOneOf(path.child("matchPolicy"), matchPolicy, MATCH_POLICIES),
    ...checkLabelSelector(path.child("namespaceSelector"), namespaceSelector),
    ...checkLabelSelector(path.child("objectSelector"), objectSelector),
    ...resourceRules.flatMap((rule, position) => checkNamedRule(path.child("resourceRules").index(position), rule)),
    ...excludeResourceRules.flatMap((rule, position) => checkNamedRule(path.child("excludeResourceRules").index(position), rule)),
  ];
}

function checkNamedRule(path: FieldPath, rule: NamedRuleWithOperations): FieldError[] {
  const names = rule.resourceNames ?? [];
  const errors = names.flatMap((name, position) => {
    const at = path.child("resourceNames").index(position);
    return [...checkText(at, name, checkPathSegmentName), ...(names.indexOf(name) < position ? [duplicate(at, name)] : [])];
  });
  return [...errors, ...checkRule(path, rule)];
}

/** What is deleted cannot be mutated. */
function checkMutatingOperations(path: FieldPath, resources: MatchResources | undefined): FieldError[] {
  const operations = (resources?.resourceRules ?? []).flatMap((rule) => rule.operations ?? []);
  return operations
    .filter((operation) => !MUTATING_OPERATIONS.includes(operation))
    .map((operation) => notSupported(path.child("resourceRules", "operations"), operation, MUTATING_OPERATIONS));
}

export function checkMatchConditions(path: FieldPath, conditions: readonly MatchCondition[]): FieldError[] {
  const errors = conditions.length > MAX_MATCH_CONDITIONS ? [tooMany(path, conditions.length, MAX_MATCH_CONDITIONS)] : [];
  const names = conditions.map(({ name = "" }) => name);
  for (const [position, { name = "", expression = "" }] of conditions.entries()) {
    const at = path.index(position);
    if (expression.trim() === "") errors.push(required(at.child("expression")));
    errors.push(...(name === "" ? [required(at.child("name"))] : checkText(at.child("name"), name, checkQualifiedName)));
    if (name !== "" && names.indexOf(name) < position) errors.push(duplicate(at.child("name"), name));
  }
  return errors;
}

function checkVariable(path: FieldPath, { name = "", expression = "" }: Variable): FieldError[] {
  const isIdentifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) && !RESERVED.has(name);
  const errors: FieldError[] = [];
  if (name.trim() === "") errors.push(required(path.child("name"), "name is not specified"));
  else if (!isIdentifier) errors.push(invalid(path.child("name"), name, "must be a valid CEL identifier"));
  return expression.trim() === "" ? [...errors, required(path.child("expression"), "expression is not specified")] : errors;
}

function checkValidation(path: FieldPath, { expression = "", message = "", messageExpression = "", reason }: Validation): FieldError[] {
  const empty = "must be non-empty if specified";
  const errors = expression.trim() === "" ? [required(path.child("expression"), "expression is not specified")] : [];
  if (messageExpression !== "" && messageExpression.trim() === "") errors.push(invalid(path.child("messageExpression"), messageExpression, empty));
  if (message !== "" && message.trim() === "") errors.push(invalid(path.child("message"), message, empty));
  else if (/[\n\r]/.test(message.trim())) errors.push(invalid(path.child("message"), message, "must not contain line breaks"));
  return [...errors, ...checkOneOf(path.child("reason"), reason, REASONS)];
}

function checkAuditAnnotations(path: FieldPath, policy: string, annotations: readonly AuditAnnotation[]): FieldError[] {
  const errors: FieldError[] = [];
  if (annotations.length > MAX_AUDIT_ANNOTATIONS) errors.push(invalid(path, annotations, `must not have more than ${MAX_AUDIT_ANNOTATIONS} auditAnnotations`));
  const keys = annotations.map(({ key }) => key);
  for (const [position, { key, valueExpression = "" }] of annotations.entries()) {
    const at = path.index(position);
    const expression = valueExpression.trim();
    errors.push(...checkText(at.child("key"), `${policy}/${key}`, checkQualifiedName));
    if (expression === "") errors.push(required(at.child("valueExpression"), "valueExpression is not specified"));
    else if (expression.length > MAX_VALUE_EXPRESSION)
      errors.push(required(at.child("valueExpression"), `must not exceed ${MAX_VALUE_EXPRESSION} bytes in length`));
    if (keys.indexOf(key) < position) errors.push(duplicate(at.child("key"), key));
  }
  return errors;
}

const PATCHES = { ApplyConfiguration: "applyConfiguration", JSONPatch: "jsonPatch" } as const;

function checkMutation(path: FieldPath, mutation: Mutation): FieldError[] {
  const { patchType } = mutation;
  const unknown = checkRequiredOneOf(path.child("patchType"), patchType, Object.keys(PATCHES));
  if (unknown.length > 0) return unknown;
  const errors: FieldError[] = [];
  for (const [type, name] of Object.entries(PATCHES)) {
    const patch = mutation[name];
    const at = path.child(name);
    if (type !== patchType) {
      if (patch !== undefined) errors.push(invalid(at, `{${name}}`, `must not be specified when patchType is ${patchType}`));
    } else if (patch === undefined) errors.push(required(at, `must be specified when patchType is ${patchType}`));
    else if ((patch.expression ?? "").trim() === "") errors.push(required(at.child("expression")));
  }
  return errors;
}

interface Binding {
  readonly policyName?: string;
  readonly paramRef?: ParamRef;
  readonly matchResources?: MatchResources;
}

function checkBinding({ policyName = "", paramRef, matchResources }: Binding): FieldError[] {
  const path = SPEC.child("policyName");
  return [
    ...(policyName === "" ? [required(path)] : checkText(path, policyName, checkDnsSubdomain)),
    ...(paramRef === undefined ? [] : checkParamRef(SPEC.child("paramRef"), paramRef)),
    ...(matchResources === undefined ? [] : checkMatchResources(SPEC.child("matchResources"), matchResources)),
  ];
}

/** Parameters are found by name or by labels. */
function checkParamRef(path: FieldPath, { name = "", selector, parameterNotFoundAction }: ParamRef): FieldError[] {
  const both = "name and selector are mutually exclusive";
  const errors = name === "" ? [] : checkText(path.child("name"), name, checkPathSegmentName);
  if (name !== "" && selector !== undefined) errors.push(forbidden(path.child("name"), both));
  errors.push(...checkLabelSelector(path.child("selector"), selector));
  if (name !== "" && selector !== undefined) errors.push(forbidden(path.child("selector"), both));
  if (name === "" && selector === undefined) errors.push(required(path, "one of name or selector must be specified"));
  return [...errors, ...checkRequiredOneOf(path.child("parameterNotFoundAction"), parameterNotFoundAction, ["Deny", "Allow"])];
}

function checkActions(path: FieldPath, actions: readonly string[]): FieldError[] {
  const errors = actions.flatMap((action, position) => [
    ...checkOneOf(path.index(position), action, ACTIONS),
    ...(actions.indexOf(action) < position ? [duplicate(path.index(position), action)] : []),
  ]);
  if (actions.includes("Deny") && actions.includes("Warn")) {
    const text = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
    errors.push(invalid(path, actions, text));
  }
  return actions.length === 0 ? [...errors, required(path, "at least one validation action is required")] : errors;
}
