// Approves kubelets' requests for client certificates, where RBAC lets the requester have one
// (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#approval).
import {
  type CertificateSigningRequest,
  certificateRequestSubject,
  certificateSigningRequests,
  type ResourceAttributes,
  type SubjectAccessReview,
  subjectAccessReviews,
} from "../api/index.ts";
import { TerminalError } from "../client/index.ts";
import { isApproved, isIssued, isKubeletClientRequest, requestCondition } from "./certificate-checks.ts";
import { type Controller, type ControllerContext, reconcilingController } from "./controller.ts";

export interface Recognition {
  /** What the requester must be allowed to create. */
  readonly subresource: "selfnodeclient" | "nodeclient";
  readonly message: string;
}

/** Under which permissions a request may be approved, the narrowest first; none for requests that are no business of ours. */
export function recognize(request: CertificateSigningRequest): readonly Recognition[] {
  if (isIssued(request) || isApproved(request) || requestCondition(request, "Denied") !== undefined || !isKubeletClientRequest(request)) return [];
  const isSelf = certificateRequestSubject(request.spec.request)?.commonName === request.spec.username;
  const self: Recognition = { subresource: "selfnodeclient", message: "Auto approving self kubelet client certificate after SubjectAccessReview." };
  const any: Recognition = { subresource: "nodeclient", message: "Auto approving kubelet client certificate after SubjectAccessReview." };
  return isSelf ? [self, any] : [any];
}

async function mayHave({ client }: ControllerContext, { spec }: CertificateSigningRequest, subresource: string): Promise<boolean> {
  const resourceAttributes: ResourceAttributes = {
    group: certificateSigningRequests.group,
    version: "*",
    resource: certificateSigningRequests.resource,
    subresource,
    verb: "create",
  };
  const review: SubjectAccessReview = {
    apiVersion: subjectAccessReviews.apiVersion,
    kind: subjectAccessReviews.kind,
    metadata: { name: "" },
    spec: { user: spec.username, uid: spec.uid, groups: spec.groups, extra: spec.extra, resourceAttributes },
  };
  return (await client.create(subjectAccessReviews, review)).status?.allowed === true;
}

export const csrApprovingController: Controller = reconcilingController<CertificateSigningRequest>("certificatesigningrequest-approving", {
  for: certificateSigningRequests,
  reconcile: async (key, caches, context) => {
    const request = caches.of(certificateSigningRequests).get(key);
    if (request === undefined) return undefined;
    const recognitions = recognize(request);
    for (const { subresource, message } of recognitions) {
      if (!(await mayHave(context, request, subresource))) continue;
      const approved = { type: "Approved", status: "True", reason: "AutoApproved", message };
      const status = { ...request.status, conditions: [...(request.status?.conditions ?? []), approved] };
      await context.client.update(certificateSigningRequests, { ...request, status }, { subresource: "approval" });
      return undefined;
    }
    if (recognitions.length === 0) return undefined;
    const tried = recognitions.map(({ subresource }) => subresource).join(" ");
    throw new TerminalError(`recognized csr ${JSON.stringify(key)} as [${tried}] but subject access review was not approved`);
  },
});
