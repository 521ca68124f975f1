// The public face of kubeadm/ for files that may touch the machine.
export { type EtcdPki, ensureEtcdPki } from "./etcd-pki.host.ts";
export { ensurePki, mergeKubeconfigFile, type PkiFolderOptions, removeFromKubeconfigFile, replaceFile } from "./files.host.ts";
