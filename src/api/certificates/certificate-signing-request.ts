// CertificateSigningRequest (certificates.k8s.io/v1): asks a signer for a certificate
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/). The spec records who asked, and never changes.
import { humanDuration } from "../../base/duration.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { CertificateSigningRequest } from "../generated/types.ts";

function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => (status?.conditions ?? []).some((condition) => condition.type === type);
  const verdict = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  return `${verdict}${has("Failed") ? ",Failed" : ""}${(status?.certificate ?? "") === "" ? "" : ",Issued"}`;
}

export const certificateSigningRequests = kind<CertificateSigningRequest>("certificates.k8s.io/v1", "CertificateSigningRequest", {
  columns: [
    nameColumn(),
    ageColumn(),
    { name: "SignerName", type: "string", description: "Who is asked to sign.", value: ({ spec }) => spec.signerName || "<none>" },
    { name: "Requestor", type: "string", description: "Who asks.", value: ({ spec }) => spec.username ?? "" },
    {
      name: "RequestedDuration",
      type: "string",
      description: "How long the certificate should be valid.",
      value: ({ spec }) => (spec.expirationSeconds === undefined ? "<none>" : humanDuration(spec.expirationSeconds * 1000)),
    },
    { name: "Condition", type: "string", description: "Where the request stands.", value: conditionText },
  ],
  countsGeneration: false,
  selectableFields: { "spec.signerName": ({ spec }) => spec.signerName },
});
