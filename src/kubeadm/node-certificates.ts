// How a node comes by its certificates: it makes its keys itself and asks the cluster to sign
// (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/). The first request is made with a bootstrap token,
// those that follow as the node.
import { type CertificateSigningRequest, certificateSigningRequests } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import { type Client, createInformer } from "../client/index.ts";
import type { AlternativeNames, Subject } from "./certificate.ts";
import { certificateRequestText } from "./certificate-request-text.ts";
import { generateKey, privateKeyPem } from "./keys.ts";
import { encodeBase64 } from "./pem.ts";
import type { CertificatePair, LeafContents } from "./pki.ts";

export class CertificateRefusedError extends Error {
  override readonly name = "CertificateRefusedError";
}

const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING_SIGNER = "kubernetes.io/kubelet-serving";

export function nodeSubject(nodeName: string): Subject {
  return { commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] };
}

/** What the certificate says with which a kubelet meets the API server. */
export function nodeClientContents(nodeName: string): LeafContents {
  return { subject: nodeSubject(nodeName), usages: ["clientAuth"] };
}

/** What the certificate says with which a kubelet answers. */
export function nodeServingContents(nodeName: string, ipAddresses: readonly string[]): LeafContents {
  return { subject: nodeSubject(nodeName), usages: ["serverAuth"], alternativeNames: { dnsNames: [nodeName], ipAddresses } };
}

/** Asks with a bootstrap token or as the node, to renew. Throws `CertificateRefusedError` when somebody or the signer says no. */
export function requestNodeClientCertificate(env: Env, client: Client, nodeName: string): Promise<CertificatePair> {
  return requestCertificate(env, client, { ...nodeClientContents(nodeName), signerName: CLIENT_SIGNER, purpose: "client auth" });
}

/** Asks as the node; nobody approves it on the node's word alone. Throws `CertificateRefusedError`. */
export function requestNodeServingCertificate(env: Env, client: Client, nodeName: string, ipAddresses: readonly string[]): Promise<CertificatePair> {
  return requestCertificate(env, client, { ...nodeServingContents(nodeName, ipAddresses), signerName: SERVING_SIGNER, purpose: "server auth" });
}

interface Wanted {
  readonly signerName: string;
  readonly purpose: string;
  readonly subject: Subject;
  readonly alternativeNames?: AlternativeNames;
}

async function requestCertificate(env: Env, client: Client, { signerName, purpose, subject, alternativeNames }: Wanted): Promise<CertificatePair> {
  const key = await generateKey();
  const request = await certificateRequestText(key, subject, alternativeNames);
  const { metadata } = await client.create(certificateSigningRequests, {
    apiVersion: certificateSigningRequests.apiVersion,
    kind: certificateSigningRequests.kind,
    metadata: { name: "", generateName: "csr-" },
    spec: { request: encodeBase64(new TextEncoder().encode(request)), signerName, usages: ["digital signature", purpose] },
  });
  const certificate = await verdict(env, client, metadata.name);
  return { certificate, key: await privateKeyPem(key) };
}

/** The certificate, once it is there. */
function verdict(env: Env, client: Client, name: string): Promise<string> {
  const informer = createInformer(env, client, certificateSigningRequests, { fieldSelector: `metadata.name=${name}` });
  return new Promise<string>((resolve, reject) => {
    const look = ({ status }: CertificateSigningRequest): void => {
      const refusal = status?.conditions?.find(({ type }) => type === "Denied" || type === "Failed");
      if (refusal !== undefined) reject(new CertificateRefusedError(`the certificate request ${name} was refused: ${refusal.reason}: ${refusal.message}`));
      else if (status?.certificate !== undefined && status.certificate !== "") resolve(atob(status.certificate));
    };
    const gone = (): void => reject(new CertificateRefusedError(`the certificate request ${name} was deleted before it was signed`));
    informer.addHandler({ added: look, updated: look, deleted: gone });
    informer.start();
  }).finally(() => informer.stop());
}
