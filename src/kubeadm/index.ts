// The public face of kubeadm/: credentials of a cluster.

export { allowNodesToJoin, newBootstrapToken, publishBootstrapToken, withdrawBootstrapToken } from "./bootstrap-token.ts";
export { type ExtendedUsage, readCertificate, type Subject } from "./certificate.ts";
export { createRequestSigner, type RequestSigner, readCertificateRequest, type SignedRequest, type SigningOptions } from "./certificate-request.ts";
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
export {
  nodeClientContents,
  nodeServingContents,
  requestNodeClientCertificate,
  requestNodeServingCertificate,
} from "./node-certificates.ts";
export {
  type Authority,
  type CertificatePair,
  createClientCertificate,
  createPki,
  importAuthority,
  isStillGood,
  type LeafContents,
  type Pki,
  type PkiOptions,
} from "./pki.ts";
