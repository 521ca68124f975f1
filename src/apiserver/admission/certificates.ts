// CertificateApproval, CertificateSigning and CertificateSubjectRestriction
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization): who approves or signs needs the verb on the
// signer; nobody becomes `system:masters` through the API server's client signer.
import { type CertificateSigningRequest, certificateRequestSubject, certificateSigningRequests, sameValue } from "../../api/index.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { UserInfo } from "../user.ts";
import { denied, objectOf, oldObjectOf } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

const GROUP = "certificates.k8s.io";
const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";

/** Also true for a user with the verb on all signers of the domain (`example.com/*`). */
function mayUseSigner(authorizer: Authorizer, user: UserInfo, verb: string, signer: string): boolean {
  const names = [signer, `${signer.split("/")[0] ?? ""}/*`];
  return names.some((name) => {
    const resource = { group: GROUP, version: "*", resource: "signers", subresource: "", namespace: "", name };
    return authorizer.authorize({ user, verb, path: "", resource }).decision === "allow";
  });
}

export function certificateApproval({ authorizer }: { readonly authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: "CertificateApproval",
    validate(request) {
      const old = oldObjectOf(request, certificateSigningRequests, "approval");
      if (request.operation !== "UPDATE" || old === undefined || mayUseSigner(authorizer, request.user, "approve", old.spec.signerName)) return;
      throw denied(request, `user not permitted to approve requests with signerName ${JSON.stringify(old.spec.signerName)}`);
    },
  };
}

export function certificateSigning({ authorizer }: { readonly authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: "CertificateSigning",
    validate(request) {
      const old = oldObjectOf(request, certificateSigningRequests, "status");
      const updated = objectOf(request, certificateSigningRequests, "status") as CertificateSigningRequest | undefined;
      if (request.operation !== "UPDATE" || old === undefined || updated === undefined) return;
      if (old.status?.certificate === updated.status?.certificate && sameValue(old.status?.conditions, updated.status?.conditions)) return;
      if (mayUseSigner(authorizer, request.user, "sign", old.spec.signerName)) return;
      throw denied(request, `user not permitted to sign requests with signerName ${JSON.stringify(old.spec.signerName)}`);
    },
  };
}

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: "CertificateSubjectRestriction",
  validate(request) {
    const asked = request.operation === "CREATE" ? objectOf(request, certificateSigningRequests) : undefined;
    if (asked?.spec.signerName !== CLIENT_SIGNER) return;
    const subject = certificateRequestSubject(asked.spec.request);
    if (subject === undefined) throw denied(request, "failed to parse CSR: PEM block type must be CERTIFICATE REQUEST");
    if (subject.organizations.includes("system:masters")) throw denied(request, `use of ${CLIENT_SIGNER} signer with system:masters group is not allowed`);
  },
};
