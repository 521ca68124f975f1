// Which webhooks a request concerns
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules): rules, selectors, and
// the other versions of the same resource under which a webhook may have asked for it.
import { type Kind, namespaces, type RuleWithOperations } from "../../../api/index.ts";
import type { Client } from "../../../client/index.ts";
import { storedKind } from "../../cache/resource.ts";
import type { ObjectReader } from "../../object-reader.ts";
import { isAbout } from "../denial.ts";
import type { AdmissionRequest } from "../plugin.ts";
import type { Webhook } from "./webhook.ts";

/** What configures admission is never admitted by what it configures. */
const EXEMPT: ReadonlySet<string> = new Set([
  ...["validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"],
  ...["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"],
]);

export function isExempt({ kind }: AdmissionRequest): boolean {
  return kind.group === "admissionregistration.k8s.io" && EXEMPT.has(kind.resource);
}

export interface MatchOptions {
  readonly objects: ObjectReader;
  readonly client: Client;
  /** All that are served now. */
  readonly kinds: () => readonly Kind[];
}

/**
 * The kind in whose version the webhook is to be called; undefined when the request does not concern it. Throws a `StatusError` when that
 * cannot be told.
 */
export async function matchingKind(options: MatchOptions, webhook: Webhook, request: AdmissionRequest): Promise<Kind | undefined> {
  const kind = kindOfRules(options, webhook, request);
  if (kind === undefined || !matchesObject(webhook, request) || !(await matchesNamespace(options, webhook, request))) return undefined;
  return kind;
}

/** Other views of the same stored kind are its equivalents. */
function kindOfRules({ kinds }: MatchOptions, { declared: { rules = [], matchPolicy } }: Webhook, request: AdmissionRequest): Kind | undefined {
  if (rules.some((rule) => ruleMatches(rule, request, request.kind))) return request.kind;
  if (matchPolicy !== "Equivalent") return undefined;
  const stored = storedKind(request.kind);
  const isEquivalent = (kind: Kind): boolean => kind !== request.kind && storedKind(kind) === stored;
  const others = kinds().filter((kind) => isEquivalent(kind) && (request.subresource === "" || kind.subresources.has(request.subresource)));
  if (others.length === 0) return undefined;
  // Earlier rules first.
  for (const rule of rules) {
    const found = others.find((other) => ruleMatches(rule, request, other));
    if (found !== undefined) return found;
  }
  return undefined;
}

function ruleMatches(rule: RuleWithOperations, request: AdmissionRequest, kind: Kind): boolean {
  return (
    includes(rule.operations, request.operation) &&
    includes(rule.apiGroups, kind.group) &&
    includes(rule.apiVersions, kind.version) &&
    (rule.resources ?? []).some((resource) => resourceMatches(resource, kind.resource, request.subresource)) &&
    scopeMatches(rule.scope, request)
  );
}

function includes(listed: readonly string[] = [], asked: string): boolean {
  return listed.includes("*") || listed.includes(asked);
}

// `pods`, `pods/status`, `pods/*`, `*`, `*/scale` or `*/*`.
function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  const [main, sub] = splitAtSlash(pattern);
  return (main === "*" || main === resource) && (sub === "*" || sub === subresource);
}

function splitAtSlash(text: string): [string, string] {
  const at = text.indexOf("/");
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function scopeMatches(scope: string | undefined, request: AdmissionRequest): boolean {
  const isNamespaced = request.kind.namespaced && request.namespace !== "";
  return scope === undefined || scope === "*" || (scope === "Namespaced") === isNamespaced;
}

function matchesObject({ objectSelector }: Webhook, { object, oldObject }: AdmissionRequest): boolean {
  if (objectSelector.isEmpty) return true;
  return [object, oldObject].some((candidate) => candidate !== undefined && objectSelector.matches(candidate.metadata?.labels));
}

/** What belongs to no namespace is selected by none. */
async function matchesNamespace(options: MatchOptions, { namespaceSelector }: Webhook, request: AdmissionRequest): Promise<boolean> {
  if (namespaceSelector.isEmpty) return true;
  const isNamespace = isAbout(request, namespaces, request.subresource);
  if (request.namespace === "" && !isNamespace) return true;
  // A namespace that is written counts as what it is to be.
  if (isNamespace && request.subresource === "" && request.object !== undefined) return namespaceSelector.matches(request.object.metadata.labels);
  const { metadata } = await findNamespace(options, isNamespace ? request.name : request.namespace);
  return namespaceSelector.matches(metadata.labels);
}

/** Throws NotFound. */
async function findNamespace({ objects, client }: MatchOptions, name: string) {
  return objects.get(namespaces, "", name) ?? (await client.get(namespaces, { name }));
}
