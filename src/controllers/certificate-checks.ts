// What the cluster's own signers demand of a certificate signing request, and which requests are a kubelet's
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers). Pure.
import {
  type AlternativeNameSort,
  alternativeNameSorts,
  type CertificateSigningRequest,
  type CertificateSigningRequestCondition,
  certificateRequestSubject,
} from "../api/index.ts";

export const signers = {
  apiServerClient: "kubernetes.io/kube-apiserver-client",
  kubeletClient: "kubernetes.io/kube-apiserver-client-kubelet",
  kubeletServing: "kubernetes.io/kubelet-serving",
  legacyUnknown: "kubernetes.io/legacy-unknown",
} as const;

const NODES_GROUP = "system:nodes";
const NODE_PREFIX = "system:node:";
const CLIENT_USAGES: readonly string[] = ["digital signature", "key encipherment", "client auth"];

/** By signer: what is wrong with a request; undefined when nothing is. */
const CHECKS: Readonly<Record<string, (request: CertificateSigningRequest) => string | undefined>> = {
  [signers.apiServerClient]: ({ spec }) => {
    const odd = spec.usages?.find((usage) => !CLIENT_USAGES.includes(usage));
    if (odd !== undefined) return `invalid usage for client certificate: ${odd}`;
    return spec.usages?.includes("client auth") === true ? undefined : "missing required usage for client certificate: client auth";
  },
  [signers.kubeletClient]: (request) =>
    problemOfNode(request) ??
    problemOfNames(request, ["dns", "email", "ip", "uri", "other"]) ??
    problemOfUsages(request, "client auth") ??
    problemOfCommonName(request),
  [signers.kubeletServing]: (request) => {
    const sorts = alternativeNameSorts(request.spec.request);
    const named = sorts.has("dns") || sorts.has("ip") ? undefined : "DNS or IP subjectAltName is required";
    return (
      problemOfNode(request) ??
      named ??
      problemOfNames(request, ["email", "uri", "other"]) ??
      problemOfUsages(request, "server auth") ??
      problemOfCommonName(request)
    );
  },
  // Whoever approves for it knows what he does.
  [signers.legacyUnknown]: () => undefined,
};

export type SignerVerdict = { readonly ours: false } | { readonly ours: true; readonly problem: string | undefined };

/** Whether one of the cluster's own signers is asked, and may sign. */
export function checkRequest(request: CertificateSigningRequest): SignerVerdict {
  const check = CHECKS[request.spec.signerName];
  return check === undefined ? { ours: false } : { ours: true, problem: check(request) };
}

/** The request is for a certificate with which a kubelet meets the API server. */
export function isKubeletClientRequest(request: CertificateSigningRequest): boolean {
  const verdict = request.spec.signerName === signers.kubeletClient ? checkRequest(request) : undefined;
  return verdict?.ours === true && verdict.problem === undefined;
}

function problemOfNode({ spec }: CertificateSigningRequest): string | undefined {
  const organizations = certificateRequestSubject(spec.request)?.organizations ?? [];
  return organizations.length === 1 && organizations[0] === NODES_GROUP ? undefined : "subject organization is not system:nodes";
}

function problemOfCommonName({ spec }: CertificateSigningRequest): string | undefined {
  const { commonName = "" } = certificateRequestSubject(spec.request) ?? {};
  return commonName.startsWith(NODE_PREFIX) ? undefined : "subject common name does not begin with system:node:";
}

const NAME_TEXTS: Readonly<Record<AlternativeNameSort, string>> = { dns: "DNS", email: "Email", ip: "IP", uri: "URI", other: "Other" };

function problemOfNames({ spec }: CertificateSigningRequest, forbidden: readonly AlternativeNameSort[]): string | undefined {
  const sorts = alternativeNameSorts(spec.request);
  const found = forbidden.find((sort) => sorts.has(sort));
  return found === undefined ? undefined : `${NAME_TEXTS[found]} subjectAltNames are not allowed`;
}

/** Signing and the one purpose; encipherment, which only RSA keys can do, may be among them. */
function problemOfUsages({ spec }: CertificateSigningRequest, purpose: string): string | undefined {
  const usages = new Set(spec.usages);
  const required = ["digital signature", "key encipherment", purpose];
  const missing = required.filter((usage) => !usages.has(usage));
  const fits = [...usages].every((usage) => required.includes(usage)) && missing.every((usage) => usage === "key encipherment");
  return fits ? undefined : `usages did not match [${required.sort().join(" ")}]`;
}

export function requestCondition({ status }: CertificateSigningRequest, type: string): CertificateSigningRequestCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Approved, and not denied as well. */
export function isApproved(request: CertificateSigningRequest): boolean {
  return requestCondition(request, "Approved") !== undefined && requestCondition(request, "Denied") === undefined;
}

export function isIssued({ status }: CertificateSigningRequest): boolean {
  return (status?.certificate ?? "") !== "";
}
