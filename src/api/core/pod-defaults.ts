// What the server fills in where a pod, or the template of one, says nothing
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/). Defaults are stored, so a later change of them never changes a pod.

import { type Mutable, parseQuantity } from "../../base/index.ts";
import type {
  Container,
  DownwardAPIVolumeFile,
  HTTPGetAction,
  ObjectFieldSelector,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceFieldSelector,
  Volume,
} from "../generated/types.ts";
import { defaultSchedulerName, resourceNames } from "../well-known.ts";
import { containersAmounts, isPodLevelResource } from "./pod-resources.ts";

const FILE_MODE = 0o644;
const TOKEN_SECONDS = 3600;

/** The tag of an image reference: `latest` when it has neither tag nor digest. */
function imageTag(image: string): string {
  const digest = image.indexOf("@");
  const reference = digest === -1 ? image : image.slice(0, digest);
  const name = reference.slice(reference.lastIndexOf("/") + 1);
  const colon = name.indexOf(":");
  if (colon !== -1) return name.slice(colon + 1);
  return digest === -1 ? "latest" : "";
}

function pullPolicyOf(image: string | undefined): string {
  return imageTag(image ?? "") === "latest" ? "Always" : "IfNotPresent";
}

function defaultHttpGet(action: Mutable<HTTPGetAction> | undefined): void {
  if (action === undefined) return;
  if ((action.path ?? "") === "") action.path = "/";
  if ((action.scheme ?? "") === "") action.scheme = "HTTP";
}

function defaultProbe(probe: Mutable<Probe> | undefined): void {
  if (probe === undefined) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= "";
}

function defaultFieldRef(fieldRef: Mutable<ObjectFieldSelector> | undefined): void {
  if (fieldRef !== undefined) fieldRef.apiVersion ||= "v1";
}

/** No divisor is a divisor of nothing, which stands for one. */
function defaultResourceFieldRef(resourceFieldRef: Mutable<ResourceFieldSelector> | undefined): void {
  if (resourceFieldRef !== undefined) resourceFieldRef.divisor ||= "0";
}

function defaultDownwardItems(items: readonly Mutable<DownwardAPIVolumeFile>[] | undefined): void {
  for (const { fieldRef, resourceFieldRef } of items ?? []) {
    defaultFieldRef(fieldRef);
    defaultResourceFieldRef(resourceFieldRef);
  }
}

/** A millionth of a core cannot be had: amounts are rounded up to thousandths. */
function roundUpToMilli(list: Record<string, string> | undefined): void {
  for (const [name, text] of Object.entries(list ?? {})) {
    const quantity = parseQuantity(text);
    if (quantity.nanos % 1_000_000n !== 0n && list !== undefined) list[name] = `${quantity.milliValue()}m`;
  }
}

function defaultContainer(container: Mutable<Container>): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image);
  container.terminationMessagePath ||= "/dev/termination-log";
  container.terminationMessagePolicy ||= "File";
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ||= "TCP";
  for (const { valueFrom } of container.env ?? []) {
    defaultFieldRef(valueFrom?.fieldRef);
    defaultResourceFieldRef(valueFrom?.resourceFieldRef);
    if (valueFrom?.fileKeyRef !== undefined) valueFrom.fileKeyRef.optional ??= false;
  }
  roundUpToMilli(container.resources.limits);
  roundUpToMilli(container.resources.requests);
  defaultProbe(container.livenessProbe);
  defaultProbe(container.readinessProbe);
  defaultProbe(container.startupProbe);
  defaultHttpGet(container.lifecycle?.postStart?.httpGet);
  defaultHttpGet(container.lifecycle?.preStop?.httpGet);
}

function defaultProjected(projected: Mutable<NonNullable<Volume["projected"]>>): void {
  projected.defaultMode ??= FILE_MODE;
  for (const { downwardAPI, serviceAccountToken } of projected.sources ?? []) {
    defaultDownwardItems(downwardAPI?.items);
    if (serviceAccountToken !== undefined) serviceAccountToken.expirationSeconds ??= TOKEN_SECONDS;
  }
}

function defaultVolume(volume: Mutable<Volume>): void {
  const { name, ...sources } = volume;
  if (Object.values(sources).every((source) => source === undefined)) volume.emptyDir = {};
  const { hostPath, secret, downwardAPI, configMap, projected, ephemeral, image, iscsi, rbd, azureDisk, scaleIO } = volume;
  if (hostPath !== undefined) hostPath.type ??= "";
  if (secret !== undefined) secret.defaultMode ??= FILE_MODE;
  if (configMap !== undefined) configMap.defaultMode ??= FILE_MODE;
  if (downwardAPI !== undefined) {
    downwardAPI.defaultMode ??= FILE_MODE;
    defaultDownwardItems(downwardAPI.items);
  }
  if (projected !== undefined) defaultProjected(projected);
  if (ephemeral?.volumeClaimTemplate !== undefined) ephemeral.volumeClaimTemplate.spec.volumeMode ??= "Filesystem";
  if (image !== undefined) image.pullPolicy ||= pullPolicyOf(image.reference);
  if (iscsi !== undefined) iscsi.iscsiInterface ||= "default";
  if (rbd !== undefined) {
    rbd.pool ||= "rbd";
    rbd.user ||= "admin";
    rbd.keyring ||= "/etc/ceph/keyring";
  }
  if (azureDisk !== undefined) {
    azureDisk.cachingMode ??= "ReadWrite";
    azureDisk.kind ??= "Shared";
    azureDisk.fsType ??= "ext4";
    azureDisk.readOnly ??= false;
  }
  if (scaleIO !== undefined) {
    scaleIO.storageMode ||= "ThinProvisioned";
    scaleIO.fsType ||= "xfs";
  }
}

/** `serviceAccount` is the old name of `serviceAccountName`; both are always shown. */
function aliasServiceAccount(spec: Mutable<PodSpec>): void {
  const name = spec.serviceAccountName || spec.serviceAccount;
  if (name === undefined || name === "") return;
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
}

function defaultHostPorts(containers: readonly Mutable<Container>[] | undefined): void {
  for (const { ports } of containers ?? []) for (const port of ports ?? []) if (!port.hostPort) port.hostPort = port.containerPort;
}

/** Defaults that a pod and a template share. */
export function defaultPodSpec(spec: Mutable<PodSpec>): void {
  spec.dnsPolicy ||= "ClusterFirst";
  spec.restartPolicy ||= "Always";
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= defaultSchedulerName;
  aliasServiceAccount(spec);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])]) defaultContainer(container);
  roundUpToMilli(spec.overhead);
  roundUpToMilli(spec.resources?.limits);
  roundUpToMilli(spec.resources?.requests);
}

export function defaultPodTemplate(template: Mutable<PodTemplateSpec> | undefined): void {
  if (template?.spec !== undefined) defaultPodSpec(template.spec);
}

/** Who sets a limit and no request asks for the limit. */
function requestLimits(container: Mutable<Container>): void {
  const { resources } = container;
  if (resources?.limits !== undefined) resources.requests = { ...resources.limits, ...resources.requests };
}

function defaultPodLevelResources(pod: Mutable<Pod>): void {
  const { resources } = pod.spec;
  if (resources === undefined) return;
  const isHugePage = (name: string): boolean => name.startsWith(resourceNames.hugePagesPrefix);
  if (Object.keys(resources.limits ?? {}).length > 0 || Object.keys(resources.requests ?? {}).length > 0) {
    const limits: Record<string, string> = { ...resources.limits };
    for (const [name, quantity] of containersAmounts(pod, "limits")) {
      if (isHugePage(name) && !Object.hasOwn(resources.requests ?? {}, name) && !Object.hasOwn(limits, name)) limits[name] = quantity.toString();
    }
    if (Object.keys(limits).length > 0) resources.limits = limits;
  }
  if (Object.keys(resources.limits ?? {}).length === 0) return;
  const requests: Record<string, string> = { ...resources.requests };
  for (const [name, quantity] of containersAmounts(pod, "requests")) {
    if (!Object.hasOwn(requests, name) && isPodLevelResource(name) && !isHugePage(name)) requests[name] = quantity.toString();
  }
  for (const [name, limit] of Object.entries(resources.limits ?? {})) if (!Object.hasOwn(requests, name) && isPodLevelResource(name)) requests[name] = limit;
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

/** Defaults of a pod itself: those of a template, and those that only a pod to be run needs. */
export function defaultPod(pod: Mutable<Pod>): void {
  for (const container of [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])]) requestLimits(container);
  defaultPodLevelResources(pod);
  pod.spec.enableServiceLinks ??= true;
  if (pod.spec.hostNetwork === true) {
    defaultHostPorts(pod.spec.containers);
    defaultHostPorts(pod.spec.initContainers);
  }
  defaultPodSpec(pod.spec);
  // A template keeps what it says; a pod ends at once.
  if ((pod.spec.terminationGracePeriodSeconds ?? 0) < 0) pod.spec.terminationGracePeriodSeconds = 1;
}
