// What may stand in a CertificateSigningRequest, and who may change which part of its status: `/approval` the verdict, `/status` the certificate
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/).
import { problemsAt } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { checkDnsSubdomain } from "../names.ts";
import { certificateRequestSubject } from "./certificate-request.ts";

const LEGACY_SIGNER = "kubernetes.io/legacy-unknown";
const VERDICTS = ["Approved", "Denied"];
const FINAL_CONDITIONS = ["Approved", "Denied", "Failed"];
const USAGES = [
  "any",
  "cert sign",
  "client auth",
  "code signing",
  "content commitment",
  "crl sign",
  "data encipherment",
  "decipher only",
  "digital signature",
  "email protection",
  "encipher only",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "key agreement",
  "key encipherment",
  "microsoft sgc",
  "netscape sgc",
  "ocsp signing",
  "s/mime",
  "server auth",
  "signing",
  "timestamping",
];

const SPEC = FieldPath.root("spec");
const CONDITIONS = FieldPath.root("status").child("conditions");
const CERTIFICATE = FieldPath.root("status").child("certificate");

export function validateRequest({ spec }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  const { usages = [], signerName = "", expirationSeconds } = spec;
  if (certificateRequestSubject(spec.request ?? "") === undefined) {
    errors.push(invalid(SPEC.child("request"), spec.request || null, "PEM block type must be CERTIFICATE REQUEST"));
  }
  if (usages.length === 0) errors.push(required(SPEC.child("usages")));
  for (const [position, usage] of usages.entries()) {
    const path = SPEC.child("usages").index(position);
    if (!USAGES.includes(usage)) errors.push(notSupported(path, usage, USAGES));
    if (usages.indexOf(usage) < position) errors.push(duplicate(path, usage));
  }
  errors.push(...checkSignerName(signerName));
  if (expirationSeconds !== undefined && expirationSeconds < 600) {
    errors.push(invalid(SPEC.child("expirationSeconds"), expirationSeconds, "may not specify a duration less than 600 seconds (10 minutes)"));
  }
  return errors;
}

/** `domain/path`, e.g. `kubernetes.io/kube-apiserver-client`. */
function checkSignerName(name: string): FieldError[] {
  const path = SPEC.child("signerName");
  if (name === "") return [required(path)];
  if (name === LEGACY_SIGNER) return [invalid(path, name, "the legacy signerName is not allowed via this API version")];
  const segments = name.split("/");
  if (segments.length !== 2) return [invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  const [domain = "", rest = ""] = segments;
  const errors = problemsAt(path, domain, checkDnsSubdomain(domain));
  if (domain.split(".").length < 2) errors.push(invalid(path, domain, "should be a domain with at least two segments separated by dots"));
  return [...errors, ...problemsAt(path, rest, checkDnsSubdomain(rest))];
}

/** What every update must respect; `may` says what this way of updating is for. */
export function validateVerdict(
  object: CertificateSigningRequest,
  old: CertificateSigningRequest,
  may: { readonly decide?: boolean; readonly issue?: boolean },
): FieldError[] {
  const errors = checkConditions(object.status?.conditions ?? [], old.status?.conditions ?? []);
  for (const type of FINAL_CONDITIONS) {
    const [now, before] = [ofType(object, type), ofType(old, type)];
    if (now.length < before.length) errors.push(forbidden(CONDITIONS, `updates may not remove a condition of type "${type}"`));
    else if (may.decide === true || !VERDICTS.includes(type)) continue;
    else if (now.length > before.length) errors.push(forbidden(CONDITIONS, `updates may not add a condition of type "${type}"`));
    else if (!sameValue(now, before)) errors.push(forbidden(CONDITIONS, `updates may not modify a condition of type "${type}"`));
  }
  const [certificate = "", oldCertificate = ""] = [object.status?.certificate, old.status?.certificate];
  if (certificate === oldCertificate) return errors;
  if (may.issue !== true) errors.push(forbidden(CERTIFICATE, "updates may not set certificate content"));
  else if (oldCertificate !== "") errors.push(forbidden(CERTIFICATE, "updates may not modify existing certificate content"));
  return errors;
}

function ofType({ status }: CertificateSigningRequest, type: string): CertificateSigningRequestCondition[] {
  return (status?.conditions ?? []).filter((condition) => condition.type === type);
}

/** Faults that were there before are not held against the writer. */
function checkConditions(conditions: readonly CertificateSigningRequestCondition[], old: readonly CertificateSigningRequestCondition[]): FieldError[] {
  if (sameValue(conditions, old)) return [];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [position, { type = "", status = "" }] of conditions.entries()) {
    const path = CONDITIONS.index(position);
    const allowed = FINAL_CONDITIONS.includes(type) ? ["True"] : ["False", "True", "Unknown"];
    if (type === "") errors.push(required(path.child("type")));
    if (status === "") errors.push(required(path.child("status")));
    else if (!allowed.includes(status)) errors.push(notSupported(path.child("status"), status, allowed));
    const opposite = VERDICTS.includes(type) ? VERDICTS.find((verdict) => verdict !== type) : undefined;
    if (opposite !== undefined && seen.has(opposite)) errors.push(invalid(CONDITIONS, type, "Approved and Denied conditions are mutually exclusive"));
    if (seen.has(type)) errors.push(duplicate(path.child("type"), type));
    seen.add(type);
  }
  return errors;
}
