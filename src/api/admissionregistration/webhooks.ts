// What mutating and validating webhooks share: defaults, and what is wrong with them
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/).
import type { Mutable } from "../../base/index.ts";
import { checkLabelSelector, checkOneOf } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, invalid, notSupported, required } from "../field-errors.ts";
import type { MutatingWebhook, ValidatingWebhook, WebhookClientConfig } from "../generated/types.ts";
import { checkDns1035Label, checkDnsSubdomain, checkPortNumber } from "../names.ts";
import { checkMatchConditions } from "./policy-validation.ts";
import { checkRule } from "./webhook-rules.ts";

type Webhook = MutatingWebhook | ValidatingWebhook;

const SIDE_EFFECTS = ["None", "NoneOnDryRun"];
const REVIEW_VERSIONS = ["v1", "v1beta1"];
const URL_FORM = "; desired format: https://host[/path]";

export function defaultWebhook(webhook: Mutable<Webhook>): void {
  webhook.failurePolicy ??= "Fail";
  webhook.matchPolicy ??= "Equivalent";
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  for (const rule of webhook.rules ?? []) rule.scope ??= "*";
  if (webhook.clientConfig?.service !== undefined) webhook.clientConfig.service.port ??= 443;
}

/** What is wrong with `webhooks` of a configuration; their names are unique. */
export function checkWebhooks(webhooks: readonly Webhook[] | undefined): FieldError[] {
  const path = FieldPath.root("webhooks");
  const names = (webhooks ?? []).map(({ name }) => name);
  return (webhooks ?? []).flatMap((webhook, position) => {
    const at = path.index(position);
    const isRepeated = names.indexOf(webhook.name) < position;
    return [...checkWebhook(at, webhook), ...(isRepeated ? [duplicate(at.child("name"), webhook.name)] : [])];
  });
}

function checkWebhook(path: FieldPath, webhook: Webhook): FieldError[] {
  const { name = "", rules = [], sideEffects, timeoutSeconds, namespaceSelector, objectSelector, clientConfig } = webhook;
  const errors = checkFullName(path.child("name"), name);
  errors.push(...checkReviewVersions(path.child("admissionReviewVersions"), webhook.admissionReviewVersions));
  for (const [position, rule] of rules.entries()) errors.push(...checkRule(path.child("rules").index(position), rule));
  errors.push(
    ...checkOneOf(path.child("failurePolicy"), webhook.failurePolicy, ["Fail", "Ignore"]),
    ...checkOneOf(path.child("matchPolicy"), webhook.matchPolicy, ["Equivalent", "Exact"]),
  );
  if (sideEffects === undefined || sideEffects === "") errors.push(required(path.child("sideEffects"), `must specify one of ${SIDE_EFFECTS.join(", ")}`));
  else if (!SIDE_EFFECTS.includes(sideEffects)) errors.push(notSupported(path.child("sideEffects"), sideEffects, SIDE_EFFECTS));
  if (timeoutSeconds !== undefined && (timeoutSeconds > 30 || timeoutSeconds < 1)) {
    errors.push(invalid(path.child("timeoutSeconds"), timeoutSeconds, "the timeout value must be between 1 and 30 seconds"));
  }
  errors.push(...checkLabelSelector(path.child("namespaceSelector"), namespaceSelector), ...checkLabelSelector(path.child("objectSelector"), objectSelector));
  if ("reinvocationPolicy" in webhook) errors.push(...checkOneOf(path.child("reinvocationPolicy"), webhook.reinvocationPolicy, ["IfNeeded", "Never"]));
  errors.push(...checkClientConfig(path.child("clientConfig"), clientConfig));
  errors.push(...checkMatchConditions(path.child("matchConditions"), webhook.matchConditions ?? []));
  return errors;
}

function checkFullName(path: FieldPath, name: string): FieldError[] {
  if (name === "") return [required(path)];
  const problems = checkDnsSubdomain(name).map((problem) => invalid(path, name, problem));
  if (problems.length === 0 && name.split(".").length < 3) return [invalid(path, name, "should be a domain with at least three segments separated by dots")];
  return problems;
}

/** At least one version that this server speaks. */
function checkReviewVersions(path: FieldPath, versions: readonly string[] | undefined): FieldError[] {
  if (versions === undefined || versions.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(", ")}`)];
  const errors = versions.flatMap((version, position) => {
    const at = path.index(position);
    if (versions.indexOf(version) < position) return [invalid(at, version, "duplicate version")];
    return checkDns1035Label(version).map((problem) => invalid(at, version, problem));
  });
  if (versions.some((version) => REVIEW_VERSIONS.includes(version))) return errors;
  return [...errors, invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(", ")}`)];
}

function checkClientConfig(path: FieldPath, config: WebhookClientConfig | undefined): FieldError[] {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined)) return [required(path, "exactly one of url or service is required")];
  if (url !== undefined) return checkUrl(path.child("url"), url);
  const at = path.child("service");
  const { name = "", namespace = "", port = 443, path: urlPath } = service ?? {};
  const portProblems = checkPortNumber(port);
  return [
    ...(name === "" ? [required(at.child("name"))] : []),
    ...(namespace === "" ? [required(at.child("namespace"))] : []),
    ...(portProblems.length === 0 ? [] : [invalid(at.child("port"), port, `port is not valid: ${portProblems.join(", ")}`)]),
    ...checkUrlPath(at.child("path"), urlPath),
  ];
}

function checkUrlPath(path: FieldPath, urlPath = ""): FieldError[] {
  if (urlPath === "" || urlPath === "/") return [];
  if (urlPath === "//") return [invalid(path, urlPath, "segment[0] may not be empty")];
  const errors = urlPath.startsWith("/") ? [] : [invalid(path, urlPath, "must start with a '/'")];
  const segments = urlPath.slice(1).replace(/\/$/, "").split("/");
  for (const [position, segment] of segments.entries()) {
    const problems = segment === "" ? [" may not be empty"] : checkDnsSubdomain(segment).map((problem) => `: ${problem}`);
    for (const problem of problems) errors.push(invalid(path, urlPath, `segment[${position}]${problem}`));
  }
  return errors;
}

function checkUrl(path: FieldPath, text: string): FieldError[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return [required(path, `url must be a valid URL${URL_FORM}`)];
  const errors: FieldError[] = [];
  if (url.protocol !== "https:") errors.push(invalid(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${URL_FORM}`));
  if (url.host === "") errors.push(invalid(path, "", `host must be specified${URL_FORM}`));
  if (url.username !== "") errors.push(invalid(path, url.username, "user information is not permitted in the URL"));
  if (url.hash !== "") errors.push(invalid(path, url.hash.slice(1), "fragments are not permitted in the URL"));
  if (url.search !== "") errors.push(invalid(path, url.search.slice(1), "query parameters are not permitted in the URL"));
  return errors;
}
