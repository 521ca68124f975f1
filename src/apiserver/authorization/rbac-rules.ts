// What one RBAC rule allows, and whether a set of rules covers another
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
import type { PolicyRule } from "../../api/index.ts";
import type { AuthorizationAttributes } from "./authorizer.ts";

type Names = readonly string[] | undefined;

function has(names: Names, wanted: string): boolean {
  return names?.includes(wanted) ?? false;
}
function hasOrAll(names: Names, wanted: string): boolean {
  return has(names, wanted) || has(names, "*");
}
function isEmpty(names: Names): boolean {
  return names === undefined || names.length === 0;
}

/** A trailing star of the rule's path stands for any rest. */
function pathMatches(rulePath: string, path: string): boolean {
  return rulePath === path || (rulePath.endsWith("*") && path.startsWith(rulePath.replace(/\*+$/, "")));
}

/** Tells whether `rule` grants the request. */
export function ruleAllows(rule: PolicyRule, { verb, resource, path }: AuthorizationAttributes): boolean {
  if (!hasOrAll(rule.verbs, verb)) return false;
  if (resource === undefined) return rule.nonResourceURLs?.some((rulePath) => pathMatches(rulePath, path)) ?? false;
  const { subresource } = resource;
  const combined = subresource === "" ? resource.resource : `${resource.resource}/${subresource}`;
  if (!hasOrAll(rule.apiGroups, resource.group)) return false;
  if (!hasOrAll(rule.resources, combined) && (subresource === "" || !has(rule.resources, `*/${subresource}`))) return false;
  return isEmpty(rule.resourceNames) || has(rule.resourceNames, resource.name);
}

/** The rules of `wanted`, broken down to one verb on one thing each, that no rule of `held` covers. */
export function uncoveredRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((atom) => !held.some((rule) => covers(rule, atom)));
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const atoms: PolicyRule[] = [];
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs ?? []) {
        const atom: PolicyRule = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (isEmpty(rule.resourceNames)) atoms.push(atom);
        else for (const name of rule.resourceNames ?? []) atoms.push({ ...atom, resourceNames: [name] });
      }
    }
  }
  for (const path of rule.nonResourceURLs ?? []) for (const verb of rule.verbs ?? []) atoms.push({ nonResourceURLs: [path], verbs: [verb] });
  return atoms;
}

/** `atom` is one verb on one resource or path. */
function covers(rule: PolicyRule, atom: PolicyRule): boolean {
  const all = (names: Names, test: (name: string) => boolean): boolean => (names ?? []).every(test);
  if (!all(atom.verbs, (verb) => hasOrAll(rule.verbs, verb))) return false;
  if (!all(atom.apiGroups, (group) => hasOrAll(rule.apiGroups, group))) return false;
  if (!all(atom.resources, (resource) => hasOrAll(rule.resources, resource) || coversSubresource(rule, resource))) return false;
  if (!all(atom.nonResourceURLs, (path) => rule.nonResourceURLs?.some((rulePath) => pathMatches(rulePath, path)) ?? false)) return false;
  if (isEmpty(rule.resourceNames)) return true;
  return !isEmpty(atom.resourceNames) && all(atom.resourceNames, (name) => has(rule.resourceNames, name));
}

function coversSubresource(rule: PolicyRule, resource: string): boolean {
  const slash = resource.indexOf("/");
  return slash !== -1 && has(rule.resources, `*/${resource.slice(slash + 1)}`);
}

/** Joins the verbs of rules that speak of the same one resource. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const bySubject = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...subject } = rule;
    const key = JSON.stringify(isEmpty(rule.nonResourceURLs) ? subject : rule);
    const known = bySubject.get(key);
    bySubject.set(key, known === undefined ? rule : { ...known, verbs: [...known.verbs, ...verbs] });
  }
  return [...bySubject.values()];
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`: a rule as messages show it. */
export function ruleText(rule: PolicyRule): string {
  const parts: [string, Names][] = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ];
  return `{${parts
    .filter(([, names]) => !isEmpty(names))
    .map(([label, names]) => `${label}:${quotedNames(names ?? [])}`)
    .join(", ")}}`;
}

/** `["a" "b"]`. */
export function quotedNames(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(" ")}]`;
}
