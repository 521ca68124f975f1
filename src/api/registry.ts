// The list of built-in kinds, written out by hand: membership is never a side effect of importing a file.

import { mutatingAdmissionPolicies } from "./admissionregistration/mutating-admission-policy.ts";
import { mutatingAdmissionPolicyBindings } from "./admissionregistration/mutating-admission-policy-binding.ts";
import { mutatingWebhookConfigurations } from "./admissionregistration/mutating-webhook-configuration.ts";
import { validatingAdmissionPolicies } from "./admissionregistration/validating-admission-policy.ts";
import { validatingAdmissionPolicyBindings } from "./admissionregistration/validating-admission-policy-binding.ts";
import { validatingWebhookConfigurations } from "./admissionregistration/validating-webhook-configuration.ts";
import { customResourceDefinitions } from "./apiextensions/custom-resource-definition.ts";
import { apiServices } from "./apiregistration/api-service.ts";
import { controllerRevisions } from "./apps/controller-revision.ts";
import { daemonSets } from "./apps/daemon-set.ts";
import { deployments } from "./apps/deployment.ts";
import { replicaSets } from "./apps/replica-set.ts";
import { statefulSets } from "./apps/stateful-set.ts";
import { selfSubjectReviews } from "./authentication/self-subject-review.ts";
import { tokenReviews } from "./authentication/token-review.ts";
import { localSubjectAccessReviews } from "./authorization/local-subject-access-review.ts";
import { selfSubjectAccessReviews } from "./authorization/self-subject-access-review.ts";
import { selfSubjectRulesReviews } from "./authorization/self-subject-rules-review.ts";
import { subjectAccessReviews } from "./authorization/subject-access-review.ts";
import { horizontalPodAutoscalers } from "./autoscaling/horizontal-pod-autoscaler.ts";
import { horizontalPodAutoscalersV1 } from "./autoscaling/horizontal-pod-autoscaler-v1.ts";
import { cronJobs } from "./batch/cron-job.ts";
import { jobs } from "./batch/job.ts";
import { certificateSigningRequests } from "./certificates/certificate-signing-request.ts";
import { leases } from "./coordination/lease.ts";
import { bindings } from "./core/binding.ts";
import { componentStatuses } from "./core/component-status.ts";
import { configMaps } from "./core/config-map.ts";
import { endpoints } from "./core/endpoints.ts";
import { events } from "./core/event.ts";
import { limitRanges } from "./core/limit-range.ts";
import { namespaces } from "./core/namespace.ts";
import { nodes } from "./core/node.ts";
import { persistentVolumes } from "./core/persistent-volume.ts";
import { persistentVolumeClaims } from "./core/persistent-volume-claim.ts";
import { pods } from "./core/pod.ts";
import { podTemplates } from "./core/pod-template.ts";
import { replicationControllers } from "./core/replication-controller.ts";
import { resourceQuotas } from "./core/resource-quota.ts";
import { secrets } from "./core/secret.ts";
import { services } from "./core/service.ts";
import { serviceAccounts } from "./core/service-account.ts";
import { endpointSlices } from "./discovery/endpoint-slice.ts";
import { eventsV1 } from "./events/event.ts";
import { flowSchemas } from "./flowcontrol/flow-schema.ts";
import { priorityLevelConfigurations } from "./flowcontrol/priority-level-configuration.ts";
import type { Kind } from "./kind.ts";
import { nodeMetrics } from "./metrics/node-metrics.ts";
import { podMetrics } from "./metrics/pod-metrics.ts";
import { ingresses } from "./networking/ingress.ts";
import { ingressClasses } from "./networking/ingress-class.ts";
import { ipAddresses } from "./networking/ip-address.ts";
import { networkPolicies } from "./networking/network-policy.ts";
import { serviceCIDRs } from "./networking/service-cidr.ts";
import { runtimeClasses } from "./node/runtime-class.ts";
import { podDisruptionBudgets } from "./policy/pod-disruption-budget.ts";
import { clusterRoles } from "./rbac/cluster-role.ts";
import { clusterRoleBindings } from "./rbac/cluster-role-binding.ts";
import { roles } from "./rbac/role.ts";
import { roleBindings } from "./rbac/role-binding.ts";
import { deviceClasses } from "./resource/device-class.ts";
import { resourceClaims } from "./resource/resource-claim.ts";
import { resourceClaimTemplates } from "./resource/resource-claim-template.ts";
import { resourceSlices } from "./resource/resource-slice.ts";
import { priorityClasses } from "./scheduling/priority-class.ts";
import { csiDrivers } from "./storage/csi-driver.ts";
import { csiNodes } from "./storage/csi-node.ts";
import { csiStorageCapacities } from "./storage/csi-storage-capacity.ts";
import { storageClasses } from "./storage/storage-class.ts";
import { volumeAttachments } from "./storage/volume-attachment.ts";
import { volumeAttributesClasses } from "./storage/volume-attributes-class.ts";

/** Every built-in kind, in the order in which discovery lists the groups. */
export const builtInKinds: readonly Kind[] = [
  bindings,
  componentStatuses,
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podTemplates,
  pods,
  replicationControllers,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  apiServices,
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  statefulSets,
  eventsV1,
  selfSubjectReviews,
  tokenReviews,
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  horizontalPodAutoscalersV1,
  horizontalPodAutoscalers,
  cronJobs,
  jobs,
  certificateSigningRequests,
  ingressClasses,
  ingresses,
  ipAddresses,
  networkPolicies,
  serviceCIDRs,
  podDisruptionBudgets,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
  mutatingAdmissionPolicyBindings,
  mutatingAdmissionPolicies,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingWebhookConfigurations,
  customResourceDefinitions,
  priorityClasses,
  leases,
  runtimeClasses,
  endpointSlices,
  deviceClasses,
  resourceClaimTemplates,
  resourceClaims,
  resourceSlices,
  flowSchemas,
  priorityLevelConfigurations,
  nodeMetrics,
  podMetrics,
];

const byResource = new Map<string, Kind>(builtInKinds.map((kind) => [`${kind.group}/${kind.version}/${kind.resource}`, kind]));
const byGvk = new Map<string, Kind>(builtInKinds.map((kind) => [`${kind.apiVersion} ${kind.kind}`, kind]));

/** The built-in kind of a path's resource; undefined when there is none. */
export function kindByResource(group: string, version: string, resource: string): Kind | undefined {
  return byResource.get(`${group}/${version}/${resource}`);
}

/** The built-in kind of an object's apiVersion and kind; undefined when there is none. */
export function kindByGvk(apiVersion: string, kindName: string): Kind | undefined {
  return byGvk.get(`${apiVersion} ${kindName}`);
}
