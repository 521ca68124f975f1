// From a pod's and a container's securityContext to the runtime's
// (https://kubernetes.io/docs/tasks/configure-pod-container/security-context/). The container's fields win over the pod's.
import {
  type AppArmorProfile,
  appArmorProfileOf,
  type Container,
  type Pod,
  type SELinuxOptions,
  type SeccompProfile,
  type SecurityContext,
} from "../../api/index.ts";
import { ContainerConfigError } from "../environment/container-environment.ts";
import { isHostNetwork, podFullName } from "../pods/pod-spec.ts";
import type { ContainerSecurityContext, NamespaceOptions, RuntimeImage, SandboxSecurityContext, SecurityProfile } from "../runtime/runtime.ts";
import { sandboxProfilePath } from "./sandbox-seccomp.ts";

/** Where Localhost seccomp profiles lie, below the kubelet's root. */
const SECCOMP_DIRECTORY = "seccomp";

const MASKED_PATHS: readonly string[] = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const READONLY_PATHS: readonly string[] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

export function sandboxSecurityContext(pod: Pod, rootDirectory: string): SandboxSecurityContext {
  const context = pod.spec.securityContext;
  return {
    namespaces: namespaceOptions(pod),
    ...(context?.runAsUser === undefined ? {} : { runAsUser: context.runAsUser }),
    ...(context?.runAsGroup === undefined ? {} : { runAsGroup: context.runAsGroup }),
    supplementalGroups: supplementalGroups(pod),
    readonlyRootfs: false,
    privileged: hasPrivilegedContainer(pod),
    ...selinuxLabel(context?.seLinuxOptions),
    seccomp: { type: "Localhost", localhostRef: sandboxProfilePath(rootDirectory) },
  };
}

export interface SecuritySurroundings {
  /** The kubelet's. */
  readonly rootDirectory: string;
  /** Groups that the pod's volumes ask for. */
  readonly volumeGroups: readonly number[];
  /** Whose processes an ephemeral container sees. */
  readonly targetId: string | undefined;
}

/** Throws `ContainerConfigError` when the image's user breaks `runAsNonRoot`. */
export function containerSecurityContext(pod: Pod, container: Container, image: RuntimeImage, surroundings: SecuritySurroundings): ContainerSecurityContext {
  const { rootDirectory, volumeGroups, targetId } = surroundings;
  const effective = effectiveSecurityContext(pod, container);
  // An image that names no user runs as root.
  const imageUid = image.uid ?? (image.username === "" ? 0 : undefined);
  verifyRunAsNonRoot(pod, container, effective, { uid: imageUid, username: image.username });
  const unmasked = effective.procMount === "Unmasked";
  const namespaces = namespaceOptions(pod);
  const user = effective.runAsUser ?? imageUid;
  const drop = effective.capabilities?.drop ?? [];
  return {
    namespaces: targetId !== undefined && namespaces.pid === "container" ? { ...namespaces, pid: "target", targetId } : namespaces,
    ...(user === undefined ? {} : { runAsUser: user }),
    ...(effective.runAsGroup === undefined ? {} : { runAsGroup: effective.runAsGroup }),
    ...(user === undefined && image.username !== "" ? { runAsUsername: image.username } : {}),
    supplementalGroups: [...new Set([...supplementalGroups(pod), ...volumeGroups])],
    readonlyRootfs: effective.readOnlyRootFilesystem ?? false,
    privileged: effective.privileged ?? false,
    seccomp: seccompProfile(container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile, rootDirectory),
    capabilities: { add: effective.capabilities?.add ?? [], drop },
    ...selinuxLabel(effective.seLinuxOptions ?? pod.spec.securityContext?.seLinuxOptions),
    ...appArmorProfile(appArmorProfileOf(pod, container)),
    noNewPrivs: effective.allowPrivilegeEscalation === false,
    maskedPaths: unmasked ? [] : MASKED_PATHS,
    readonlyPaths: unmasked ? [] : READONLY_PATHS,
  };
}

function effectiveSecurityContext(pod: Pod, container: Container): SecurityContext {
  const { runAsUser, runAsGroup, runAsNonRoot } = pod.spec.securityContext ?? {};
  const own = Object.entries(container.securityContext ?? {}).filter(([, value]) => value !== undefined);
  return { runAsUser, runAsGroup, runAsNonRoot, ...Object.fromEntries(own) };
}

function verifyRunAsNonRoot(pod: Pod, container: Container, effective: SecurityContext, image: { uid: number | undefined; username: string }): void {
  if (effective.runAsNonRoot !== true) return;
  const where = `(pod: ${JSON.stringify(podFullName(pod))}, container: ${container.name})`;
  if (effective.runAsUser !== undefined) {
    if (effective.runAsUser === 0) throw new ContainerConfigError(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (image.uid === 0) throw new ContainerConfigError(`container has runAsNonRoot and image will run as root ${where}`);
  if (image.uid === undefined && image.username !== "") {
    throw new ContainerConfigError(`container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`);
  }
}

function seccompProfile(profile: SeccompProfile | undefined, rootDirectory: string): SecurityProfile {
  if (profile?.type === "Localhost") {
    if (profile.localhostProfile === undefined || profile.localhostProfile === "") {
      throw new ContainerConfigError("localhostProfile must be set if seccompProfile type is Localhost.");
    }
    return { type: "Localhost", localhostRef: `${rootDirectory}/${SECCOMP_DIRECTORY}/${profile.localhostProfile}` };
  }
  return { type: profile?.type === "RuntimeDefault" ? "RuntimeDefault" : "Unconfined" };
}

function selinuxLabel(options: SELinuxOptions | undefined): Pick<SandboxSecurityContext, "selinux"> {
  if (options === undefined) return {};
  const { user = "", role = "", type = "", level = "" } = options;
  return { selinux: { user, role, type, level } };
}

function appArmorProfile(profile: AppArmorProfile | undefined): Pick<ContainerSecurityContext, "appArmor"> {
  if (profile === undefined) return {};
  if (profile.type !== "Localhost") return { appArmor: { type: profile.type === "RuntimeDefault" ? "RuntimeDefault" : "Unconfined" } };
  return { appArmor: { type: "Localhost", localhostRef: profile.localhostProfile ?? "" } };
}

function namespaceOptions(pod: Pod): NamespaceOptions {
  const { hostPID, hostIPC, shareProcessNamespace } = pod.spec;
  return {
    network: isHostNetwork(pod) ? "node" : "pod",
    pid: hostPID === true ? "node" : shareProcessNamespace === true ? "pod" : "container",
    ipc: hostIPC === true ? "node" : "pod",
  };
}

function supplementalGroups(pod: Pod): readonly number[] {
  const { fsGroup, supplementalGroups: groups = [] } = pod.spec.securityContext ?? {};
  return [...(fsGroup === undefined ? [] : [fsGroup]), ...groups];
}

function hasPrivilegedContainer(pod: Pod): boolean {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return containers.some(({ securityContext }) => securityContext?.privileged === true);
}
