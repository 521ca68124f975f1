// The public face of kubeadm/: credentials of a cluster.

export type { ExtendedUsage, Subject } from "./certificate.ts";
export { createRequestSigner, type RequestSigner, type SignedRequest, type SigningOptions } from "./certificate-request.ts";
export {
  createKubeconfig,
  type Kubeconfig,
  KubeconfigError,
  type KubeconfigOptions,
  kubeconfigText,
  mergeKubeconfig,
  parseKubeconfig,
  removeFromKubeconfig,
} from "./kubeconfig.ts";
export { type Authority, type CertificatePair, createClientCertificate, createPki, importAuthority, type Pki, type PkiOptions } from "./pki.ts";
