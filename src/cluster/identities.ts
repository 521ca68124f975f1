// Who the components are towards the API server, as upstream's are: each acts with its own name and no more rights than the
// bootstrap roles give it (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles).
import type { UserInfo } from "../apiserver/index.ts";

const EVERYBODY = "system:authenticated";

/** The administrator: what `admin.conf` names. */
export const ADMINISTRATOR: UserInfo = { name: "kubernetes-admin", groups: ["system:masters", EVERYBODY] };
export const CONTROLLER_MANAGER: UserInfo = { name: "system:kube-controller-manager", groups: [EVERYBODY] };
export const SCHEDULER: UserInfo = { name: "system:kube-scheduler", groups: [EVERYBODY] };
export const PROXY: UserInfo = { name: "system:kube-proxy", groups: [EVERYBODY] };
/** Its rights come with the service (dns-service.ts), as kubeadm grants them. */
export const DNS: UserInfo = serviceAccount("coredns");

export function kubelet(nodeName: string): UserInfo {
  return { name: `system:node:${nodeName}`, groups: ["system:nodes", EVERYBODY] };
}

/** A service account of kube-system, as controllers act. */
export function serviceAccount(name: string): UserInfo {
  return { name: `system:serviceaccount:kube-system:${name}`, groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", EVERYBODY] };
}
