// Signs certificate signing requests that were approved, for the cluster's own signers
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers).
//
// Invariants: what is signed is what was judged, whatever else the text of the request holds; a certificate is issued once; a request
// that its signer may not sign fails with the reason, for good.
import { type CertificateSigningRequest, certificateRequestPem, certificateSigningRequests } from "../api/index.ts";
import { formatTime } from "../base/index.ts";
import { checkRequest, isApproved, isIssued, requestCondition } from "./certificate-checks.ts";
import { type Controller, type ControllerContext, reconcilingController } from "./controller.ts";

/** The authority behind the signers. */
export interface RequestSigner {
  /** The certificate, PEM, for a request, PEM; or what is wrong with the request. Throws when the authority itself fails. */
  sign(
    requestPem: string,
    options: { readonly usages: readonly string[]; readonly durationMs: number },
  ): Promise<{ readonly ok: true; readonly certificate: string } | { readonly ok: false; readonly problem: string }>;
}

/** What is asked for is given between these bounds; without a wish it is the longest. */
const SHORTEST_SECONDS = 600;
export const DEFAULT_SIGNING_SECONDS = 365 * 24 * 3600;

export function lifetimeSeconds({ spec }: CertificateSigningRequest, longestSeconds: number): number {
  return Math.min(longestSeconds, Math.max(SHORTEST_SECONDS, spec.expirationSeconds ?? longestSeconds));
}

export type SigningStep = { readonly do: "nothing" } | { readonly do: "sign" } | { readonly do: "fail"; readonly message: string };

/** What is to be done about a request. Pure. */
export function signingStep(request: CertificateSigningRequest): SigningStep {
  if (!isApproved(request) || isIssued(request) || requestCondition(request, "Failed") !== undefined) return { do: "nothing" };
  const verdict = checkRequest(request);
  if (!verdict.ours) return { do: "nothing" };
  return verdict.problem === undefined ? { do: "sign" } : { do: "fail", message: verdict.problem };
}

export function csrSigningController(signer: RequestSigner, longestSeconds = DEFAULT_SIGNING_SECONDS): Controller {
  return reconcilingController<CertificateSigningRequest>("certificatesigningrequest-signing", {
    for: certificateSigningRequests,
    reconcile: async (key, caches, context) => {
      const request = caches.of(certificateSigningRequests).get(key);
      const step = request === undefined ? { do: "nothing" as const } : signingStep(request);
      if (request === undefined || step.do === "nothing") return undefined;
      await updateStatus(context, request, step.do === "fail" ? failed(request, step.message, context) : await issue(signer, request, longestSeconds, context));
      return undefined;
    },
  });
}

type Status = CertificateSigningRequest["status"];

async function issue(signer: RequestSigner, request: CertificateSigningRequest, longestSeconds: number, context: ControllerContext): Promise<Status> {
  const durationMs = lifetimeSeconds(request, longestSeconds) * 1000;
  const pem = certificateRequestPem(request.spec.request) ?? "";
  const signed = await signer.sign(pem, { usages: request.spec.usages ?? [], durationMs });
  // A request that is not sound stays so: who asked must be told, and ask anew.
  return signed.ok ? { ...request.status, certificate: btoa(signed.certificate) } : failed(request, signed.problem, context);
}

function failed({ status }: CertificateSigningRequest, message: string, { env }: ControllerContext): Status {
  const condition = { type: "Failed", status: "True", reason: "SignerValidationFailure", message, lastUpdateTime: formatTime(env.clock.now()) };
  return { ...status, conditions: [...(status?.conditions ?? []), condition] };
}

async function updateStatus({ client }: ControllerContext, request: CertificateSigningRequest, status: Status): Promise<void> {
  await client.update(certificateSigningRequests, { ...request, status }, { subresource: "status" });
}
