// The public face of kubeadm/: credentials of a cluster.

export type { ExtendedUsage, Subject } from "./certificate.ts";
export { type CertificateRequest, readCertificateRequest, type SigningOptions, signCertificateRequest } from "./certificate-request.ts";
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
