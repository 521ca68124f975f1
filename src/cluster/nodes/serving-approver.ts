// Approves requests of kubelets for serving certificates, as far as somebody vouches for the node's name and addresses: a node could
// otherwise pass itself off as another (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#certificate-rotation).
// Requests that nobody vouches for are left to the administrator.
import { type CertificateSigningRequest, certificateRequestPem, certificateSigningRequests, isStatus } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { type Client, createInformer } from "../../client/index.ts";
import { readCertificateRequest } from "../../kubeadm/index.ts";

/** The addresses that the node is known to have; undefined: the node is not known. */
export type AddressesOf = (nodeName: string) => Promise<readonly string[] | undefined>;

const SIGNER = "kubernetes.io/kubelet-serving";
const USER_PREFIX = "system:node:";

/** Works until the returned function is called. */
export function startServingApprover(env: Env, client: Client, addressesOf: AddressesOf): () => void {
  const log = env.log.child("serving-approver");
  const informer = createInformer(env, client, certificateSigningRequests, { fieldSelector: `spec.signerName=${SIGNER}` });
  const look = (request: CertificateSigningRequest): void => {
    judge(request, addressesOf)
      .then(async (good) => {
        if (good) await approve(client, request);
      })
      .catch((error: unknown) => log.error("a request for a serving certificate could not be judged", { request: request.metadata.name, error }));
  };
  informer.addHandler({ added: look, updated: look });
  informer.start();
  return () => informer.stop();
}

/** Whether it is a node's own request, not decided yet, for names that are the node's. */
export async function judge({ spec, status }: CertificateSigningRequest, addressesOf: AddressesOf): Promise<boolean> {
  const { username = "" } = spec;
  if ((status?.conditions ?? []).length > 0 || !username.startsWith(USER_PREFIX)) return false;
  const nodeName = username.slice(USER_PREFIX.length);
  const addresses = await addressesOf(nodeName);
  const pem = certificateRequestPem(spec.request);
  if (addresses === undefined || pem === undefined) return false;
  const { subject, alternativeNames } = await readCertificateRequest(pem);
  return (
    subject.commonName === username &&
    alternativeNames.dnsNames.every((name) => name === nodeName) &&
    alternativeNames.ipAddresses.every((address) => addresses.includes(address))
  );
}

/** One that was decided meanwhile stays as it is. */
async function approve(client: Client, request: CertificateSigningRequest): Promise<void> {
  const approved = { type: "Approved", status: "True", reason: "NodeIsKnown", message: "The names are those of a node that this machine made." };
  await client
    .update(certificateSigningRequests, { ...request, status: { ...request.status, conditions: [approved] } }, { subresource: "approval" })
    .catch((error: unknown) => {
      if (!isStatus(error, "Conflict") && !isStatus(error, "NotFound")) throw error;
    });
}
