// Names of labels, annotations, taints, conditions and finalizers that several rooms write or read
// (https://kubernetes.io/docs/reference/labels-annotations-taints/). A name used by one room alone stays there.

/** Labels of nodes, and of objects that speak of topology. */
export const nodeLabels = {
  hostname: "kubernetes.io/hostname",
  os: "kubernetes.io/os",
  arch: "kubernetes.io/arch",
  legacyOs: "beta.kubernetes.io/os",
  legacyArch: "beta.kubernetes.io/arch",
  zone: "topology.kubernetes.io/zone",
  region: "topology.kubernetes.io/region",
  instanceType: "node.kubernetes.io/instance-type",
  excludeFromLoadBalancers: "node.kubernetes.io/exclude-from-external-load-balancers",
  rolePrefix: "node-role.kubernetes.io/",
  controlPlaneRole: "node-role.kubernetes.io/control-plane",
  legacyRole: "kubernetes.io/role",
} as const;

/** Labels that controllers put on the objects they own. */
export const workloadLabels = {
  podTemplateHash: "pod-template-hash",
  controllerRevisionHash: "controller-revision-hash",
  podTemplateGeneration: "pod-template-generation",
  statefulSetPodName: "statefulset.kubernetes.io/pod-name",
  podIndex: "apps.kubernetes.io/pod-index",
  jobName: "batch.kubernetes.io/job-name",
  legacyJobName: "job-name",
  controllerUid: "batch.kubernetes.io/controller-uid",
  legacyControllerUid: "controller-uid",
  jobCompletionIndex: "batch.kubernetes.io/job-completion-index",
} as const;

export const namespaceNameLabel = "kubernetes.io/metadata.name";

/** Labels of services and endpoint slices. */
export const serviceLabels = {
  serviceName: "kubernetes.io/service-name",
  managedBy: "endpointslice.kubernetes.io/managed-by",
  skipMirror: "endpointslice.kubernetes.io/skip-mirror",
  headless: "service.kubernetes.io/headless",
  serviceProxyName: "service.kubernetes.io/service-proxy-name",
} as const;

/** Finalizers that the control plane itself sets and removes. */
export const finalizers = {
  /** In a namespace's spec: the namespace controller has emptied it when this is gone. */
  kubernetes: "kubernetes",
  orphan: "orphan",
  foregroundDeletion: "foregroundDeletion",
  jobTracking: "batch.kubernetes.io/job-tracking",
  pvProtection: "kubernetes.io/pv-protection",
  pvcProtection: "kubernetes.io/pvc-protection",
  serviceLoadBalancer: "service.kubernetes.io/load-balancer-cleanup",
} as const;

export const annotations = {
  mirrorPod: "kubernetes.io/config.mirror",
  configHash: "kubernetes.io/config.hash",
  configSource: "kubernetes.io/config.source",
  configSeen: "kubernetes.io/config.seen",
  lastApplied: "kubectl.kubernetes.io/last-applied-configuration",
  restartedAt: "kubectl.kubernetes.io/restartedAt",
  defaultContainer: "kubectl.kubernetes.io/default-container",
  podDeletionCost: "controller.kubernetes.io/pod-deletion-cost",
  deploymentRevision: "deployment.kubernetes.io/revision",
  desiredReplicas: "deployment.kubernetes.io/desired-replicas",
  maxReplicas: "deployment.kubernetes.io/max-replicas",
  revisionHistory: "deployment.kubernetes.io/revision-history",
  changeCause: "kubernetes.io/change-cause",
  templateGeneration: "deprecated.daemonset.template.generation",
  jobCompletionIndex: "batch.kubernetes.io/job-completion-index",
  cronJobScheduledTimestamp: "batch.kubernetes.io/cronjob-scheduled-timestamp",
  serviceAccountName: "kubernetes.io/service-account.name",
  serviceAccountUid: "kubernetes.io/service-account.uid",
  enforceMountableSecrets: "kubernetes.io/enforce-mountable-secrets",
  endpointsLastChangeTriggerTime: "endpoints.kubernetes.io/last-change-trigger-time",
  endpointsOverCapacity: "endpoints.kubernetes.io/over-capacity",
  topologyMode: "service.kubernetes.io/topology-mode",
  storageClass: "volume.beta.kubernetes.io/storage-class",
  defaultStorageClass: "storageclass.kubernetes.io/is-default-class",
  bindCompleted: "pv.kubernetes.io/bind-completed",
  boundByController: "pv.kubernetes.io/bound-by-controller",
  provisionedBy: "pv.kubernetes.io/provisioned-by",
  storageProvisioner: "volume.kubernetes.io/storage-provisioner",
  betaStorageProvisioner: "volume.beta.kubernetes.io/storage-provisioner",
  selectedNode: "volume.kubernetes.io/selected-node",
  initialEventsEnd: "k8s.io/initial-events-end",
} as const;

/** Taints that the node lifecycle controller and the kubelet set. */
export const taints = {
  notReady: "node.kubernetes.io/not-ready",
  unreachable: "node.kubernetes.io/unreachable",
  unschedulable: "node.kubernetes.io/unschedulable",
  memoryPressure: "node.kubernetes.io/memory-pressure",
  diskPressure: "node.kubernetes.io/disk-pressure",
  pidPressure: "node.kubernetes.io/pid-pressure",
  networkUnavailable: "node.kubernetes.io/network-unavailable",
  outOfService: "node.kubernetes.io/out-of-service",
  uninitialized: "node.cloudprovider.kubernetes.io/uninitialized",
  controlPlane: "node-role.kubernetes.io/control-plane",
} as const;

export const podConditions = {
  scheduled: "PodScheduled",
  readyToStartContainers: "PodReadyToStartContainers",
  initialized: "Initialized",
  containersReady: "ContainersReady",
  ready: "Ready",
  disruptionTarget: "DisruptionTarget",
  resizePending: "PodResizePending",
  resizeInProgress: "PodResizeInProgress",
  allContainersRestarting: "AllContainersRestarting",
} as const;

export const nodeConditions = {
  ready: "Ready",
  memoryPressure: "MemoryPressure",
  diskPressure: "DiskPressure",
  pidPressure: "PIDPressure",
  networkUnavailable: "NetworkUnavailable",
} as const;

export const namespaceConditions = {
  deletionDiscoveryFailure: "NamespaceDeletionDiscoveryFailure",
  deletionGroupVersionParsingFailure: "NamespaceDeletionGroupVersionParsingFailure",
  deletionContentFailure: "NamespaceDeletionContentFailure",
  contentRemaining: "NamespaceContentRemaining",
  finalizersRemaining: "NamespaceFinalizersRemaining",
} as const;

/** Names of the resources that every cluster knows. */
export const resourceNames = {
  cpu: "cpu",
  memory: "memory",
  storage: "storage",
  ephemeralStorage: "ephemeral-storage",
  pods: "pods",
  hugePagesPrefix: "hugepages-",
} as const;

export const systemNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"] as const;
export const defaultSchedulerName = "default-scheduler";
/** Priorities from here on are for the system: pods that have one are critical. */
export const systemCriticalPriority = 2_000_000_000;
/** The reason a pod carries when its node stopped answering. */
export const nodeLostReason = "NodeLost";
