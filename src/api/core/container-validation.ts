// Containers of a pod: regular, init and ephemeral ones
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container).
import { checkDnsLabelAt, checkOneOf, checkRequiredOneOf, problemsAt } from "../field-checks.ts";
import { duplicate, type FieldError, type FieldPath, forbidden, invalid, notFound, required, tooMany } from "../field-errors.ts";
import type { Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodSpec, VolumeDevice, VolumeMount } from "../generated/types.ts";
import { checkPortName, checkPortNumber } from "../names.ts";
import { checkEnv, checkEnvFrom } from "./env-validation.ts";
import { checkDescendingPath, checkNoBacksteps } from "./path-checks.ts";
import { isRestartableInit } from "./pod-resources.ts";
import type { VolumesByName } from "./pod-volume-validation.ts";
import { checkProbes } from "./probe-validation.ts";
import { checkContainerResources } from "./resource-validation.ts";
import { checkSecurityContext } from "./security-validation.ts";

/** What a container is checked against. */
export interface PodSurroundings {
  readonly spec: PodSpec;
  readonly volumes: VolumesByName;
  /** Names of the pod's resource claims. */
  readonly claims: readonly string[];
}

export function checkPullPolicy(path: FieldPath, policy: string | undefined): FieldError[] {
  return checkRequiredOneOf(path, policy, ["Always", "IfNotPresent", "Never"]);
}

function checkPorts(path: FieldPath, ports: readonly ContainerPort[] | undefined): FieldError[] {
  const names = new Set<string>();
  return (ports ?? []).flatMap(({ name, containerPort, hostPort, protocol }, position) => {
    const at = path.index(position);
    const errors: FieldError[] = [];
    if (name) {
      const problems = checkPortName(name);
      errors.push(...problemsAt(at.child("name"), name, problems));
      if (problems.length === 0 && names.has(name)) errors.push(duplicate(at.child("name"), name));
      names.add(name);
    }
    if (!containerPort) errors.push(required(at.child("containerPort")));
    else errors.push(...problemsAt(at.child("containerPort"), containerPort, checkPortNumber(containerPort)));
    if (hostPort) errors.push(...problemsAt(at.child("hostPort"), hostPort, checkPortNumber(hostPort)));
    return [...errors, ...checkRequiredOneOf(at.child("protocol"), protocol, ["SCTP", "TCP", "UDP"])];
  });
}

/** Two containers cannot have one port of the node. */
function checkHostPorts(path: FieldPath, containers: readonly Container[]): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ protocol, hostIP = "", hostPort }, position) => {
      if (!hostPort) return [];
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (seen.has(key)) return [duplicate(path.index(index).child("ports").index(position).child("hostPort"), key)];
      seen.add(key);
      return [];
    }),
  );
}

function checkMount(list: FieldPath, path: FieldPath, mount: VolumeMount, container: Container): FieldError[] {
  const { subPath, subPathExpr, mountPropagation, recursiveReadOnly } = mount;
  const errors: FieldError[] = [];
  if (subPath) errors.push(...checkDescendingPath(list.child("subPath"), subPath));
  if (subPathExpr) {
    if (subPath) errors.push(invalid(path.child("subPathExpr"), subPathExpr, "subPathExpr and subPath are mutually exclusive"));
    errors.push(...checkDescendingPath(list.child("subPathExpr"), subPathExpr));
  }
  const at = list.child("mountPropagation");
  errors.push(...checkOneOf(at, mountPropagation, ["Bidirectional", "HostToContainer", "None"]));
  if (mountPropagation === "Bidirectional" && container.securityContext?.privileged !== true) {
    errors.push(forbidden(at, "Bidirectional mount propagation is available only to privileged containers"));
  }
  const recursive = list.child("recursiveReadOnly");
  errors.push(...checkOneOf(recursive, recursiveReadOnly, ["Disabled", "Enabled", "IfPossible"]));
  if (recursiveReadOnly === "Enabled" || recursiveReadOnly === "IfPossible") {
    if (mount.readOnly !== true) errors.push(forbidden(recursive, "may only be specified when readOnly is true"));
    if (mountPropagation !== undefined && mountPropagation !== "None") {
      errors.push(forbidden(recursive, "may only be specified when mountPropagation is None or not specified"));
    }
  }
  return errors;
}

function checkMounts(path: FieldPath, container: Container, volumes: VolumesByName): FieldError[] {
  const devices = container.volumeDevices ?? [];
  const mounted = new Set<string>();
  return (container.volumeMounts ?? []).flatMap((mount, position) => {
    const at = path.index(position);
    const { name, mountPath } = mount;
    const errors: FieldError[] = name ? [] : [required(at.child("name"))];
    if (!volumes.has(name)) errors.push(notFound(at.child("name"), name));
    if (!mountPath) errors.push(required(at.child("mountPath")));
    if (mounted.has(mountPath)) errors.push(invalid(at.child("mountPath"), mountPath, "must be unique"));
    mounted.add(mountPath);
    if (devices.some((device) => device.name === name)) errors.push(invalid(at.child("name"), name, "must not already exist in volumeDevices"));
    if (devices.some(({ devicePath }) => devicePath === mountPath)) {
      errors.push(invalid(at.child("mountPath"), mountPath, "must not already exist as a path in volumeDevices"));
    }
    return [...errors, ...checkMount(path, at, mount, container)];
  });
}

function checkDevice(path: FieldPath, { name, devicePath }: VolumeDevice, container: Container, volumes: VolumesByName): FieldError[] {
  const mounts = container.volumeMounts ?? [];
  const volume = volumes.get(name);
  const errors: FieldError[] = name ? [] : [required(path.child("name"))];
  if (volume === undefined) errors.push(notFound(path.child("name"), name));
  else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
    errors.push(invalid(path.child("name"), name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"));
  }
  if (!devicePath) errors.push(required(path.child("devicePath")));
  if (checkNoBacksteps(path, devicePath).length > 0) errors.push(invalid(path.child("devicePath"), devicePath, "can not contain backsteps ('..')"));
  if (mounts.some((mount) => mount.name === name)) errors.push(invalid(path.child("name"), name, "must not already exist in volumeMounts"));
  if (mounts.some(({ mountPath }) => mountPath === devicePath)) {
    errors.push(invalid(path.child("devicePath"), devicePath, "must not already exist as a path in volumeMounts"));
  }
  return errors;
}

function checkDevices(path: FieldPath, container: Container, volumes: VolumesByName): FieldError[] {
  const devices = container.volumeDevices ?? [];
  return devices.flatMap((device, position) => {
    const at = path.index(position);
    const earlier = devices.slice(0, position);
    const errors = checkDevice(at, device, container, volumes);
    if (earlier.some(({ name }) => name === device.name)) errors.push(invalid(at.child("name"), device.name, "must be unique"));
    if (earlier.some(({ devicePath }) => devicePath === device.devicePath)) errors.push(invalid(at.child("devicePath"), device.devicePath, "must be unique"));
    return errors;
  });
}

function checkResizePolicies(path: FieldPath, policies: readonly ContainerResizePolicy[] | undefined, podRestartPolicy: string | undefined): FieldError[] {
  const seen = new Set<string>();
  return (policies ?? []).flatMap(({ resourceName, restartPolicy }, position) => {
    const errors = seen.has(resourceName) ? [duplicate(path.index(position), resourceName)] : [];
    seen.add(resourceName);
    errors.push(...checkRequiredOneOf(path, resourceName, ["cpu", "memory"]), ...checkRequiredOneOf(path, restartPolicy, ["NotRequired", "RestartContainer"]));
    if (podRestartPolicy === "Never" && restartPolicy !== "NotRequired") {
      errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"));
    }
    return errors;
  });
}

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;

function checkRestartPolicy(path: FieldPath, { restartPolicy, restartPolicyRules: rules = [] }: Container): FieldError[] {
  const at = path.child("restartPolicyRules");
  const errors = checkOneOf(path.child("restartPolicy"), restartPolicy, ["Always", "Never", "OnFailure"]);
  if (restartPolicy === undefined && rules.length > 0) {
    errors.push(required(path.child("restartPolicy"), "must specify restartPolicy when restart rules are used"));
  }
  if (rules.length > MAX_RULES) errors.push(tooMany(at, rules.length, MAX_RULES));
  for (const [position, { action, exitCodes }] of rules.entries()) {
    const rule = at.index(position);
    errors.push(...checkOneOf(rule.child("action"), action, ["Restart", "RestartAllContainers"]));
    if (exitCodes === undefined) errors.push(required(rule.child("exitCodes"), "must be specified"));
    else {
      errors.push(...checkOneOf(rule.child("exitCodes", "operator"), exitCodes.operator, ["In", "NotIn"]));
      const values = exitCodes.values?.length ?? 0;
      if (values > MAX_EXIT_CODES) errors.push(tooMany(rule.child("exitCodes", "values"), values, MAX_EXIT_CODES));
    }
  }
  return errors;
}

/** What all three sorts share. */
function checkContainer(path: FieldPath, container: Container, { spec, volumes, claims }: PodSurroundings): FieldError[] {
  const { name, image, terminationMessagePolicy } = container;
  const errors = name ? checkDnsLabelAt(path.child("name"), name) : [required(path.child("name"))];
  if (!image) errors.push(required(path.child("image")));
  return [
    ...errors,
    ...checkRequiredOneOf(path.child("terminationMessagePolicy"), terminationMessagePolicy, ["File", "FallbackToLogsOnError"]),
    ...checkPorts(path.child("ports"), container.ports),
    ...checkEnv(path.child("env"), container.env),
    ...checkEnvFrom(path.child("envFrom"), container.envFrom),
    ...checkMounts(path.child("volumeMounts"), container, volumes),
    ...checkDevices(path.child("volumeDevices"), container, volumes),
    ...checkPullPolicy(path.child("imagePullPolicy"), container.imagePullPolicy),
    ...checkContainerResources(path.child("resources"), container.resources, claims),
    ...checkResizePolicies(path.child("resizePolicy"), container.resizePolicy, spec.restartPolicy),
    ...checkSecurityContext(path.child("securityContext"), container.securityContext, spec.hostUsers !== false),
  ];
}

export function checkContainers(path: FieldPath, surroundings: PodSurroundings): FieldError[] {
  const { containers, terminationGracePeriodSeconds, os } = surroundings.spec;
  if ((containers ?? []).length === 0) return [required(path)];
  const names = new Set<string>();
  const errors = containers.flatMap((container, position) => {
    const at = path.index(position);
    const own = checkContainer(at, container, surroundings);
    if (names.has(container.name)) own.push(duplicate(at.child("name"), container.name));
    names.add(container.name);
    own.push(...checkProbes(at, container, terminationGracePeriodSeconds, os?.name), ...checkRestartPolicy(at, container));
    return own;
  });
  return [...errors, ...checkHostPorts(path, containers)];
}

/** What only a container that keeps running can have. */
function checkRunningOnly(path: FieldPath, container: Container): FieldError[] {
  const given = (["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const).filter((name) => container[name] !== undefined);
  const errors = given.map((name) => forbidden(path.child(name), "may not be set for init containers without restartPolicy=Always"));
  for (const [position, { restartPolicy }] of (container.resizePolicy ?? []).entries()) {
    if (restartPolicy !== "RestartContainer") continue;
    const text = "must not be set to 'RestartContainer' for non-sidecar initContainers";
    errors.push(invalid(path.child("resizePolicy").index(position).child("restartPolicy"), restartPolicy, text));
  }
  return errors;
}

export function checkInitContainers(path: FieldPath, surroundings: PodSurroundings): FieldError[] {
  const { spec } = surroundings;
  const names = new Set(spec.containers.map(({ name }) => name));
  return (spec.initContainers ?? []).flatMap((container, position) => {
    const at = path.index(position);
    const own = [...checkContainer(at, container, surroundings), ...checkRestartPolicy(at, container)];
    if (names.has(container.name)) own.push(duplicate(at.child("name"), container.name));
    else if (container.name) names.add(container.name);
    own.push(...checkHostPorts(path, [container]));
    if (isRestartableInit(container)) own.push(...checkProbes(at, container, spec.terminationGracePeriodSeconds, spec.os?.name));
    else own.push(...checkRunningOnly(at, container));
    return own;
  });
}

const NOT_FOR_EPHEMERAL = ["ports", "resources", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy", "restartPolicy"] as const;

function isGiven(value: unknown): boolean {
  return value !== undefined && !(typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

function checkEphemeral(path: FieldPath, container: EphemeralContainer): FieldError[] {
  const text = "cannot be set for an Ephemeral Container";
  const errors = NOT_FOR_EPHEMERAL.filter((name) => isGiven(container[name])).map((name) => forbidden(path.child(name), text));
  for (const [position, { subPath, subPathExpr }] of (container.volumeMounts ?? []).entries()) {
    const at = path.child("volumeMounts").index(position);
    if (subPath) errors.push(forbidden(at.child("subPath"), text));
    if (subPathExpr) errors.push(forbidden(at.child("subPathExpr"), text));
  }
  return errors;
}

export function checkEphemeralContainers(path: FieldPath, surroundings: PodSurroundings): FieldError[] {
  const { spec } = surroundings;
  const others = new Set([...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(others);
  return (spec.ephemeralContainers ?? []).flatMap((container, position) => {
    const at = path.index(position);
    const own = [...checkContainer(at, container, surroundings), ...checkImageSpace(at, container)];
    if (names.has(container.name)) own.push(duplicate(at.child("name"), container.name));
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) own.push(notFound(at.child("targetContainerName"), target));
    return [...own, ...checkEphemeral(at, container)];
  });
}

/** Templates may still have it: they always could. */
export function checkImageSpace(path: FieldPath, { image = "" }: Pick<Container, "image">): FieldError[] {
  return image.trim() === image ? [] : [invalid(path.child("image"), image, "must not have leading or trailing whitespace")];
}
