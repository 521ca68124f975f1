// CertificateSigningRequest (certificates.k8s.io/v1): asks a signer for a certificate
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/). The spec records who asked, and never changes.
import { formatTime, humanDuration, type Mutable, mutableCopy } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { CertificateSigningRequest } from "../generated/types.ts";
import type { WriteContext } from "../kind.ts";
import { validateRequest, validateVerdict } from "./certificate-signing-request-validation.ts";

function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => (status?.conditions ?? []).some((condition) => condition.type === type);
  const verdict = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  return `${verdict}${has("Failed") ? ",Failed" : ""}${(status?.certificate ?? "") === "" ? "" : ",Issued"}`;
}

/** Who asks is what the server knows, whatever the request says; nobody brings a verdict along. */
function prepareForCreate(object: Mutable<CertificateSigningRequest>, { userName, userUid, userGroups, userExtra }: WriteContext): void {
  const { request, signerName, expirationSeconds, usages } = object.spec;
  object.spec = {
    request,
    signerName,
    ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
    ...(usages === undefined ? {} : { usages }),
    username: userName,
    ...(userUid === undefined || userUid === "" ? {} : { uid: userUid }),
    groups: [...userGroups],
    ...(userExtra === undefined || Object.keys(userExtra).length === 0 ? {} : { extra: mutableCopy(userExtra) }),
  };
  object.status = {};
}

function keepStatus(object: Mutable<CertificateSigningRequest>, old: CertificateSigningRequest): void {
  object.status = mutableCopy(old.status ?? {});
}

/** Conditions of a verdict stay as they were, as far as their number did not change: adding and removing is for validation to refuse. */
function keepVerdict(object: Mutable<CertificateSigningRequest>, old: CertificateSigningRequest): void {
  const conditions = object.status?.conditions ?? [];
  for (const type of ["Approved", "Denied"]) {
    const known = (old.status?.conditions ?? []).filter((condition) => condition.type === type);
    const places = conditions.flatMap((condition, position) => (condition.type === type ? [position] : []));
    if (places.length !== known.length) continue;
    for (const [index, position] of places.entries()) {
      const condition = known[index];
      if (condition !== undefined) conditions[position] = mutableCopy(condition);
    }
  }
}

function stampConditions(object: Mutable<CertificateSigningRequest>, old: CertificateSigningRequest, now: number): void {
  const time = formatTime(now);
  for (const condition of object.status?.conditions ?? []) {
    condition.lastUpdateTime ||= time;
    const known = (old.status?.conditions ?? []).find(({ type, status }) => type === condition.type && status === condition.status);
    condition.lastTransitionTime ||= known?.lastTransitionTime ?? time;
  }
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
  unmanagedFields: ["spec"],
  prepareForCreate,
  prepareForUpdate: (object, old) => {
    object.spec = mutableCopy(old.spec);
    keepStatus(object, old);
  },
  prepareForStatusUpdate: (object, old, { now }) => {
    object.spec = mutableCopy(old.spec);
    keepVerdict(object, old);
    stampConditions(object, old, now);
  },
  validateCreate: validateRequest,
  validateUpdate: (object, old) => validateVerdict(object, old, {}),
  validateStatusUpdate: (object, old) => validateVerdict(object, old, { issue: true }),
  subresourceUpdates: {
    approval: {
      prepare: (object, old, { now }) => {
        const conditions = object.status?.conditions ?? [];
        object.spec = mutableCopy(old.spec);
        keepStatus(object, old);
        object.status = { ...object.status, conditions };
        stampConditions(object, old, now);
      },
      validate: (object, old) => validateVerdict(object, old, { decide: true }),
    },
  },
  countsGeneration: false,
  selectableFields: { "spec.signerName": ({ spec }) => spec.signerName },
});
