// The spec of a pod, or of the template of one
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec). Field paths and texts are Kubernetes'.
import { checkDnsLabelAt, checkDnsSubdomainAt, checkLabelKey, checkLabels, checkOneOf, checkRequiredOneOf, checkText } from "../field-checks.ts";
import { duplicate, type FieldError, type FieldPath, forbidden, invalid, notFound, required, tooLong } from "../field-errors.ts";
import type { ObjectMeta, PodDNSConfig, PodResourceClaim, PodSchedulingGate, PodSpec } from "../generated/types.ts";
import { checkIp } from "../ip.ts";
import { checkDnsSubdomain, checkDnsSubdomainWithUnderscore, checkQualifiedName, inclusiveRangeError } from "../names.ts";
import { annotations } from "../well-known.ts";
import { checkAffinity, checkTolerations, checkTopologySpread } from "./affinity-validation.ts";
import { checkContainers, checkEphemeralContainers, checkInitContainers, type PodSurroundings } from "./container-validation.ts";
import { containersWithPath } from "./pod-containers.ts";
import { checkVolumes } from "./pod-volume-validation.ts";
import { checkContainerResources, checkPodResources } from "./resource-validation.ts";
import { checkOperatingSystem, checkPodSecurityContext } from "./security-validation.ts";

const MAX_INT32 = 2147483647;
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;
const MAX_HOSTNAME = 64;

function checkDnsConfig(path: FieldPath, config: PodDNSConfig | undefined, policy: string | undefined): FieldError[] {
  const { nameservers = [], searches = [], options = [] } = config ?? {};
  if (policy === "None") {
    if (config === undefined) return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")];
    if (nameservers.length === 0) return [required(path.child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None")];
  }
  const errors: FieldError[] = [];
  if (nameservers.length > MAX_NAMESERVERS) {
    errors.push(invalid(path.child("nameservers"), nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`));
  }
  errors.push(...nameservers.flatMap((address, position) => checkIp(path.child("nameservers").index(position), address)));
  const at = path.child("searches");
  if (searches.length > MAX_SEARCHES) errors.push(invalid(at, searches, `must not have more than ${MAX_SEARCHES} search paths`));
  if (searches.join(" ").length > MAX_SEARCH_CHARACTERS) {
    errors.push(invalid(at, searches, `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`));
  }
  for (const [position, search] of searches.entries()) {
    if (search !== ".") errors.push(...checkText(at.index(position), search.replace(/\.$/, ""), checkDnsSubdomainWithUnderscore));
  }
  for (const [position, { name }] of options.entries()) if (!name) errors.push(required(path.child("options").index(position), "must not be empty"));
  return errors;
}

function checkResourceClaims(path: FieldPath, claims: readonly PodResourceClaim[], metadata: ObjectMeta | undefined): FieldError[] {
  const names = new Set<string>();
  return claims.flatMap((claim, position) => {
    if (metadata?.annotations?.[annotations.mirrorPod] !== undefined) return [forbidden(path.index(position), "static pods do not support resource claims")];
    const at = path.index(position);
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    const errors = !name ? [required(at.child("name"))] : names.has(name) ? [duplicate(at.child("name"), name)] : checkDnsLabelAt(at.child("name"), name);
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      errors.push(invalid(at, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"));
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      errors.push(invalid(at, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"));
    }
    if (resourceClaimName !== undefined) errors.push(...checkDnsSubdomainAt(at.child("resourceClaimName"), resourceClaimName));
    if (resourceClaimTemplateName !== undefined) errors.push(...checkDnsSubdomainAt(at.child("resourceClaimTemplateName"), resourceClaimTemplateName));
    return errors;
  });
}

function checkSchedulingGates(path: FieldPath, gates: readonly PodSchedulingGate[]): FieldError[] {
  const seen = new Set<string>();
  return gates.flatMap(({ name }, position) => {
    const errors = checkText(path.index(position), name, checkQualifiedName);
    if (seen.has(name)) errors.push(duplicate(path.index(position), name));
    seen.add(name);
    return errors;
  });
}

/** On the node's network a port is the node's port. Templates get their host ports when they become pods. */
function checkHostNetwork(path: FieldPath, spec: PodSpec, isPod: boolean): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return spec.containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ hostPort = 0, containerPort }, position) => {
      if (hostPort === containerPort || (!isPod && hostPort === 0)) return [];
      const at = path.child("containers").index(index).child("ports").index(position).child("hostPort");
      return [invalid(at, hostPort, "must match `containerPort` when `hostNetwork` is true")];
    }),
  );
}

function checkHostUsers(path: FieldPath, spec: PodSpec): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const text = "when `hostUsers` is false";
  const shared = { hostNetwork: spec.hostNetwork, HostPID: spec.hostPID, HostIPC: spec.hostIPC };
  return [
    ...Object.entries(shared).flatMap(([name, value]) => (value === true ? [forbidden(path.child(name), text)] : [])),
    ...containersWithPath(path, spec).flatMap(([at, { volumeDevices = [] }]) => (volumeDevices.length > 0 ? [forbidden(at.child("volumeDevices"), text)] : [])),
  ];
}

function checkHostnames(path: FieldPath, spec: PodSpec): FieldError[] {
  const { hostname, subdomain, hostnameOverride } = spec;
  const errors = [
    ...(hostname ? checkDnsLabelAt(path.child("hostname"), hostname) : []),
    ...(subdomain ? checkDnsLabelAt(path.child("subdomain"), subdomain) : []),
  ];
  if (hostnameOverride === undefined) return errors;
  const at = path.child("hostnameOverride");
  if (spec.setHostnameAsFQDN === true) errors.push(forbidden(at, "may not be specified when setHostnameAsFQDN is true"));
  if (spec.hostNetwork === true) errors.push(forbidden(at, "may not be specified when hostNetwork is true"));
  if (hostnameOverride.length > MAX_HOSTNAME) errors.push(tooLong(at, MAX_HOSTNAME));
  return [...errors, ...checkDnsSubdomainAt(at, hostnameOverride)];
}

/** Files that variables come from lie in a volume that dies with the pod. */
function checkEnvFiles(path: FieldPath, spec: PodSpec): FieldError[] {
  return containersWithPath(path, spec).flatMap(([at, { env = [] }]) =>
    env.flatMap(({ valueFrom }, position) => {
      const volumeName = valueFrom?.fileKeyRef?.volumeName;
      if (volumeName === undefined) return [];
      const volume = (spec.volumes ?? []).find(({ name }) => name === volumeName);
      const where = at.child("env").index(position).child("valueFrom", "fileKeyRef", "volumeName");
      if (volume === undefined) return [notFound(where, volumeName)];
      return volume.emptyDir === undefined ? [invalid(where, volumeName, "referenced volume must be of type emptyDir")] : [];
    }),
  );
}

/** Names of other objects. */
function checkReferences(path: FieldPath, spec: PodSpec): FieldError[] {
  const { serviceAccountName, nodeName, priorityClassName, runtimeClassName } = spec;
  const names = Object.entries({ serviceAccountName, nodeName, priorityClassName });
  const errors = names.flatMap(([field, name]) => (name ? checkText(path.child(field), name, checkDnsSubdomain) : []));
  return runtimeClassName === undefined ? errors : [...errors, ...checkDnsSubdomainAt(path.child("runtimeClassName"), runtimeClassName)];
}

function checkScheduling(path: FieldPath, spec: PodSpec): FieldError[] {
  return [
    ...checkAffinity(path.child("affinity"), spec.affinity),
    ...checkDnsConfig(path.child("dnsConfig"), spec.dnsConfig, spec.dnsPolicy),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType }, position) =>
      checkLabelKey(path.child("readinessGates").index(position).child("conditionType"), conditionType),
    ),
    ...checkSchedulingGates(path.child("schedulingGates"), spec.schedulingGates ?? []),
    ...checkTopologySpread(path.child("topologySpreadConstraints"), spec.topologySpreadConstraints),
  ];
}

function checkHostAliases(path: FieldPath, aliases: PodSpec["hostAliases"]): FieldError[] {
  return (aliases ?? []).flatMap(({ ip, hostnames = [] }, position) => [
    ...checkIp(path.index(position).child("ip"), ip),
    ...hostnames.flatMap((name, index) => checkDnsSubdomainAt(path.index(position).child("hostnames").index(index), name)),
  ]);
}

/** `metadata` is that of the pod; a template has none that counts here. */
export function checkPodSpec(path: FieldPath, spec: PodSpec, metadata: ObjectMeta | undefined): FieldError[] {
  const volumes = checkVolumes(path.child("volumes"), spec.volumes, metadata);
  const claims = (spec.resourceClaims ?? []).map(({ name }) => name);
  const surroundings: PodSurroundings = { spec, volumes: volumes.byName, claims };
  const deadline = spec.activeDeadlineSeconds;
  return [
    ...(spec.terminationGracePeriodSeconds === undefined ? [required(path.child("terminationGracePeriodSeconds"))] : []),
    ...volumes.errors,
    ...checkResourceClaims(path.child("resourceClaims"), spec.resourceClaims ?? [], metadata),
    ...checkContainers(path.child("containers"), surroundings),
    ...checkInitContainers(path.child("initContainers"), surroundings),
    ...checkEphemeralContainers(path.child("ephemeralContainers"), surroundings),
    ...checkPodResources(path, spec),
    ...checkHostNetwork(path, spec, metadata !== undefined),
    ...checkRequiredOneOf(path.child("restartPolicy"), spec.restartPolicy, ["Always", "OnFailure", "Never"]),
    ...checkRequiredOneOf(path.child("dnsPolicy"), spec.dnsPolicy, ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]),
    ...checkLabels(path.child("nodeSelector"), spec.nodeSelector),
    ...checkPodSecurityContext(path.child("securityContext"), spec.securityContext, spec),
    ...checkScheduling(path, spec),
    ...checkHostUsers(path, spec),
    ...checkHostnames(path, spec),
    ...checkReferences(path, spec),
    ...(deadline !== undefined && (deadline < 1 || deadline > MAX_INT32)
      ? [invalid(path.child("activeDeadlineSeconds"), deadline, inclusiveRangeError(1, MAX_INT32))]
      : []),
    ...checkTolerations(path.child("tolerations"), spec.tolerations),
    ...checkHostAliases(path.child("hostAliases"), spec.hostAliases),
    ...checkOneOf(path.child("preemptionPolicy"), spec.preemptionPolicy, ["PreemptLowerPriority", "Never"]),
    ...checkContainerResources(path.child("overhead"), spec.overhead === undefined ? undefined : { limits: spec.overhead }),
    ...checkOperatingSystem(path, spec, containersWithPath(path, spec)),
    ...checkEnvFiles(path, spec),
  ];
}
