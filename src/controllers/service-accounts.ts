// The service account of kube-system in whose name each controller acts: the bootstrap roles are bound to these, so that a
// controller may do what it must and no more (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#controller-roles).

const SERVICE_ACCOUNTS: Readonly<Record<string, string>> = {
  serviceaccount: "service-account-controller",
  "root-ca-certificate-publisher": "root-ca-cert-publisher",
  deployment: "deployment-controller",
  replicaset: "replicaset-controller",
  replicationcontroller: "replication-controller",
  "endpoint-slice": "endpointslice-controller",
  endpoint: "endpoint-controller",
  "service-cidr": "service-cidrs-controller",
  "service-lb": "service-controller",
  "node-ipam": "node-controller",
  "node-lifecycle": "node-controller",
  "taint-eviction": "node-controller",
  "pod-garbage-collector": "pod-garbage-collector",
  "clusterrole-aggregation": "clusterrole-aggregation-controller",
  namespace: "namespace-controller",
  "garbage-collector": "generic-garbage-collector",
  daemonset: "daemon-set-controller",
  statefulset: "statefulset-controller",
  job: "job-controller",
  "job-orphans": "job-controller",
  cronjob: "cronjob-controller",
  "horizontal-pod-autoscaler": "horizontal-pod-autoscaler",
  disruption: "disruption-controller",
  "stale-disruption": "disruption-controller",
  resourcequota: "resourcequota-controller",
  "local-path-provisioner": "local-path-provisioner-service-account",
  "local-path-reclaimer": "local-path-provisioner-service-account",
  "persistentvolume-claim-binder": "persistent-volume-binder",
  "persistentvolume-reclaim": "persistent-volume-binder",
  "volume-expand": "expand-controller",
  "ttl-after-finished": "ttl-after-finished-controller",
  "certificatesigningrequest-approving": "certificate-controller",
  "certificatesigningrequest-signing": "certificate-controller",
  "certificatesigningrequest-cleaner": "certificate-controller",
  ttl: "ttl-controller",
  "endpoint-slice-mirroring": "endpointslicemirroring-controller",
  "bootstrap-signer": "bootstrap-signer",
  "token-cleaner": "token-cleaner",
  "legacy-service-account-token-cleaner": "legacy-service-account-token-cleaner",
};

/** The name of the controller's service account. */
export function serviceAccountOf(controller: string): string {
  return SERVICE_ACCOUNTS[controller] ?? `${controller}-controller`;
}
