// AdmissionReview (admission.k8s.io v1 and v1beta1): what a webhook is asked, and what it answers
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request). Pure.
import { type Kind, type KubeObject, type Status, StatusError, type StatusReason } from "../../../api/index.ts";
import type { AdmissionRequest } from "../plugin.ts";

const GROUP = "admission.k8s.io";
const VERSIONS = ["v1", "v1beta1"] as const;
export type ReviewVersion = (typeof VERSIONS)[number];

/** The first of the versions that this server speaks. */
export function reviewVersion(accepted: readonly string[]): ReviewVersion | undefined {
  for (const version of accepted) {
    const known = VERSIONS.find((candidate) => candidate === version);
    if (known !== undefined) return known;
  }
  return undefined;
}

export interface ReviewQuestion {
  readonly uid: string;
  readonly version: ReviewVersion;
  readonly request: AdmissionRequest;
  /** The version under which the webhook knows the resource, and the objects in that version. */
  readonly kind: Kind;
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
}

/** As JSON. */
export function reviewRequest({ uid, version, request, kind, object, oldObject }: ReviewQuestion): string {
  const { options, dryRun, ...described } = describeRequest(request, kind);
  return JSON.stringify({
    kind: "AdmissionReview",
    apiVersion: `${GROUP}/${version}`,
    request: { uid, ...described, object: object ?? null, oldObject: oldObject ?? null, dryRun, options },
  });
}

/** The fields of an AdmissionRequest but for its objects, for who knows the resource as `kind`. */
export function describeRequest(request: AdmissionRequest, kind: Kind) {
  const { subresource, name, namespace, operation, user, dryRun } = request;
  const sub = subresource === "" ? {} : { subResource: subresource };
  const requestSub = subresource === "" ? {} : { requestSubResource: subresource };
  const { name: username, uid: userUid, groups, extra } = user;
  return {
    kind: typeOf(kind, subresource),
    resource: { group: kind.group, version: kind.version, resource: kind.resource },
    ...sub,
    requestKind: typeOf(request.kind, subresource),
    requestResource: { group: request.kind.group, version: request.kind.version, resource: request.kind.resource },
    ...requestSub,
    ...(name === "" ? {} : { name }),
    ...(namespace === "" ? {} : { namespace }),
    operation,
    userInfo: { username, ...(userUid === undefined ? {} : { uid: userUid }), groups, ...(extra === undefined ? {} : { extra }) },
    dryRun,
    options: optionsOf(request),
  };
}

/** What a request to the subresource carries: the object itself, or a kind of its own. */
export function typeOf(kind: Kind, subresource: string): { readonly group: string; readonly version: string; readonly kind: string } {
  const of = kind.subresources.get(subresource) ?? kind;
  return { group: of.group, version: of.version, kind: of.kind };
}

const OPTIONS_KINDS = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions" } as const;

function optionsOf({ operation, options, dryRun }: AdmissionRequest): unknown {
  if (operation === "CONNECT") return null;
  return { kind: OPTIONS_KINDS[operation], apiVersion: "meta.k8s.io/v1", ...options, ...(dryRun ? { dryRun: ["All"] } : {}) };
}

export interface ReviewAnswer {
  readonly allowed: boolean;
  readonly status: Partial<Status> | undefined;
  readonly warnings: readonly string[];
  /** A JSON patch, parsed; undefined when there is none. */
  readonly patch: unknown;
}

/** An answer that is none. */
export class InvalidReview extends Error {
  override readonly name = "InvalidReview";
}

interface Expected {
  readonly uid: string;
  readonly version: ReviewVersion;
  readonly mutating: boolean;
}

/** Reads what a webhook answered. Throws `InvalidReview`. */
export function readReview(review: unknown, { uid, version, mutating }: Expected): ReviewAnswer {
  const { response, apiVersion = "", kind = "" } = record(review);
  if (response === undefined || response === null) throw new InvalidReview("webhook response was absent");
  const { uid: answeredUid = "", allowed, status, patch = "", patchType, warnings } = record(response);
  // v1beta1 never asked for these.
  if (version === "v1") {
    if (answeredUid !== uid) throw new InvalidReview(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(answeredUid)}`);
    if (apiVersion !== `${GROUP}/v1` || kind !== "AdmissionReview") {
      throw new InvalidReview(`expected webhook response of ${GROUP}/v1, Kind=AdmissionReview, got ${typeText(String(apiVersion), String(kind))}`);
    }
    checkPatchType({ patch, patchType, mutating });
  }
  return {
    allowed: allowed === true,
    status: status === undefined || status === null ? undefined : (record(status) as Partial<Status>),
    warnings: Array.isArray(warnings) ? warnings.filter((text) => typeof text === "string") : [],
    patch: mutating && patch !== "" && patch !== null ? decodePatch(patch) : undefined,
  };
}

function checkPatchType({ patch, patchType, mutating }: { patch: unknown; patchType: unknown; mutating: boolean }): void {
  const hasPatch = patch !== "" && patch !== null;
  const hasType = patchType !== undefined && patchType !== null;
  if (!mutating) {
    if (hasPatch) throw new InvalidReview("validating webhook may not return response.patch");
    if (hasType) throw new InvalidReview("validating webhook may not return response.patchType");
    return;
  }
  if (hasPatch && !hasType) throw new InvalidReview("webhook returned response.patch but not response.patchType");
  if (!hasPatch && hasType) throw new InvalidReview("webhook returned response.patchType but not response.patch");
  if (hasType && patchType === "") throw new InvalidReview('webhook returned invalid response.patchType of ""');
  if (hasType && patchType !== "JSONPatch") throw new InvalidReview(`unsupported patch type ${JSON.stringify(patchType)}`);
}

function decodePatch(patch: unknown): unknown {
  try {
    const bytes = Uint8Array.from(atob(String(patch)), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch (error) {
    throw new InvalidReview(`received undecodable patch in webhook response: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function typeText(apiVersion: string, kind: string): string {
  const group = apiVersion.includes("/") ? apiVersion : `/${apiVersion}`;
  return `${group}, Kind=${kind}`;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new InvalidReview(`expected an object, got ${JSON.stringify(value)}`);
}

const MIN_REFUSAL = 400;

/** A webhook's no, as the client is told it. */
export function deniedBy(webhook: string, result: Partial<Status> = {}): StatusError {
  const by = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const why = result.message || result.reason;
  const message = why === undefined || why === "" ? `${by} without explanation` : `${by}: ${why}`;
  const { reason = "", code = 0, details } = result;
  return new StatusError({ reason: reason as StatusReason, code: Math.max(code, MIN_REFUSAL), message, ...(details === undefined ? {} : { details }) });
}
