// Security contexts of pods and containers (https://kubernetes.io/docs/tasks/configure-pod-container/security-context/).
import { checkOneOf, problemsAt } from "../field-checks.ts";
import { duplicate, type FieldError, type FieldPath, forbidden, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import type { AppArmorProfile, Container, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext, Sysctl } from "../generated/types.ts";
import { byteLength, checkNumericId } from "../names.ts";
import { checkDescendingPath } from "./path-checks.ts";

const PROFILE_TYPES = ["Localhost", "RuntimeDefault", "Unconfined"];
const SYSCTL_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const SYSCTL = `^(${SYSCTL_SEGMENT}[\\./])*${SYSCTL_SEGMENT}$`;
const SYSCTL_MAX_LENGTH = 253;
const APPARMOR_MAX_LENGTH = 4095;

function checkIds(path: FieldPath, ids: Readonly<Record<string, number | undefined>>): FieldError[] {
  return Object.entries(ids).flatMap(([name, id]) => (id === undefined ? [] : problemsAt(path.child(name), id, checkNumericId(id))));
}

function checkSeccomp(path: FieldPath, profile: SeccompProfile | undefined): FieldError[] {
  if (profile === undefined) return [];
  const errors: FieldError[] = [];
  if (!profile.type) errors.push(required(path.child("type"), "type is required when seccompProfile is set"));
  else if (!PROFILE_TYPES.includes(profile.type)) errors.push(notSupported(path.child("type"), profile.type, PROFILE_TYPES));
  const at = path.child("localhostProfile");
  if (profile.type === "Localhost") {
    if (profile.localhostProfile === undefined) return [...errors, required(at, "must be set when seccomp type is Localhost")];
    return [...errors, ...checkDescendingPath(at, profile.localhostProfile)];
  }
  return profile.localhostProfile === undefined ? errors : [...errors, invalid(at, profile, "can only be set when seccomp type is Localhost")];
}

export function checkAppArmor(path: FieldPath, profile: AppArmorProfile | undefined): FieldError[] {
  if (profile === undefined) return [];
  const at = path.child("localhostProfile");
  const local = profile.localhostProfile;
  if (!profile.type) return [required(path.child("type"), "type is required when appArmorProfile is set")];
  if (!PROFILE_TYPES.includes(profile.type)) return [notSupported(path.child("type"), profile.type, PROFILE_TYPES)];
  if (profile.type !== "Localhost") return local === undefined ? [] : [invalid(at, local, "can only be set when AppArmor type is Localhost")];
  if (local === undefined) return [required(at, "must be set when AppArmor type is Localhost")];
  if (local.trim() !== local) return [invalid(at, local, "must not be padded with whitespace")];
  if (local === "") return [required(at, "must be set when AppArmor type is Localhost")];
  return byteLength(local) > APPARMOR_MAX_LENGTH ? [tooLong(at, APPARMOR_MAX_LENGTH)] : [];
}

/** Sysctls of a namespace that the pod shares with the node are the node's. */
function checkSharedSysctl(path: FieldPath, name: string, spec: PodSpec): FieldError[] {
  const dotted = /[./]/.exec(name)?.[0] === "/" ? name.replace(/[./]/g, (separator) => (separator === "/" ? "." : "/")) : name;
  const isIpc = /^(kernel\.shm|kernel\.msg|kernel\.sem$|fs\.mqueue\.)/.test(dotted);
  if (spec.hostNetwork === true && dotted.startsWith("net.")) return [invalid(path, name, "may not be specified when 'hostNetwork' is true")];
  return spec.hostIPC === true && isIpc ? [invalid(path, name, "may not be specified when 'hostIPC' is true")] : [];
}

function checkSysctls(path: FieldPath, sysctls: readonly Sysctl[], spec: PodSpec): FieldError[] {
  const seen = new Set<string>();
  return sysctls.flatMap(({ name }, position) => {
    const at = path.index(position).child("name");
    const errors: FieldError[] = [];
    if (!name) errors.push(required(at));
    else if (name.length > SYSCTL_MAX_LENGTH || !new RegExp(SYSCTL).test(name)) {
      errors.push(invalid(at, name, `must have at most ${SYSCTL_MAX_LENGTH} characters and match regex ${SYSCTL}`));
    } else if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
    return [...errors, ...checkSharedSysctl(at, name, spec)];
  });
}

export function checkPodSecurityContext(path: FieldPath, context: PodSecurityContext | undefined, spec: PodSpec): FieldError[] {
  if (context === undefined) return [];
  const { fsGroup, runAsUser, runAsGroup } = context;
  return [
    ...checkIds(path, { fsGroup, runAsUser, runAsGroup }),
    ...(context.supplementalGroups ?? []).flatMap((id, position) => problemsAt(path.child("supplementalGroups").index(position), id, checkNumericId(id))),
    ...(spec.shareProcessNamespace === true && spec.hostPID === true
      ? [invalid(path.child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled")]
      : []),
    ...checkSysctls(path.child("sysctls"), context.sysctls ?? [], spec),
    ...checkOneOf(path.child("fsGroupChangePolicy"), context.fsGroupChangePolicy, ["Always", "OnRootMismatch"]),
    ...checkSeccomp(path.child("seccompProfile"), context.seccompProfile),
    ...checkAppArmor(path.child("appArmorProfile"), context.appArmorProfile),
    ...checkOneOf(path.child("supplementalGroupsPolicy"), context.supplementalGroupsPolicy, ["Merge", "Strict"]),
    ...checkOneOf(path.child("seLinuxChangePolicy"), context.seLinuxChangePolicy, ["MountOption", "Recursive"]),
  ];
}

/** `hostUsers`: the pod has the node's users, and with them their power. */
export function checkSecurityContext(path: FieldPath, context: SecurityContext | undefined, hostUsers: boolean): FieldError[] {
  if (context === undefined) return [];
  const { runAsUser, runAsGroup, procMount } = context;
  const errors = [...checkIds(path, { runAsUser, runAsGroup }), ...checkOneOf(path.child("procMount"), procMount, ["Default", "Unmasked"])];
  if (hostUsers && procMount === "Unmasked") errors.push(invalid(path.child("procMount"), procMount, "`hostUsers` must be false to use `Unmasked`"));
  errors.push(...checkSeccomp(path.child("seccompProfile"), context.seccompProfile));
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) errors.push(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
    if (context.capabilities?.add?.includes("CAP_SYS_ADMIN") === true) {
      errors.push(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"));
    }
  }
  return [...errors, ...checkAppArmor(path.child("appArmorProfile"), context.appArmorProfile)];
}

const LINUX_ONLY_OF_PODS = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "fsGroup",
  "fsGroupChangePolicy",
  "sysctls",
  "runAsUser",
  "runAsGroup",
  "supplementalGroups",
  "supplementalGroupsPolicy",
  "seLinuxChangePolicy",
] as const;
const LINUX_ONLY_OF_SPECS = ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"] as const;
const LINUX_ONLY_OF_CONTAINERS = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "capabilities",
  "readOnlyRootFilesystem",
  "privileged",
  "allowPrivilegeEscalation",
  "procMount",
  "runAsUser",
  "runAsGroup",
] as const;

/** What the operating system of the pod rules out. */
export function checkOperatingSystem(path: FieldPath, spec: PodSpec, containers: readonly (readonly [FieldPath, Container])[]): FieldError[] {
  const context = path.child("securityContext");
  if (spec.os === undefined) return [];
  if (!spec.os.name) return [required(path.child("os", "name"))];
  if (spec.os.name === "linux") {
    const text = "windows options cannot be set for a linux pod";
    return [
      ...(spec.securityContext?.windowsOptions === undefined ? [] : [forbidden(context.child("windowsOptions"), text)]),
      ...containers
        .filter(([, { securityContext }]) => securityContext?.windowsOptions !== undefined)
        .map(([at]) => forbidden(at.child("securityContext", "windowsOptions"), text)),
    ];
  }
  if (spec.os.name !== "windows") return [notSupported(path.child("os"), spec.os.name, ["linux", "windows"])];
  const text = "cannot be set for a windows pod";
  const isSet = (value: unknown): boolean => value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
  return [
    ...LINUX_ONLY_OF_PODS.filter((name) => isSet(spec.securityContext?.[name])).map((name) => forbidden(context.child(name), text)),
    ...LINUX_ONLY_OF_SPECS.filter((name) => (name === "hostPID" || name === "hostIPC" ? spec[name] === true : spec[name] !== undefined)).map((name) =>
      forbidden(path.child(name), text),
    ),
    ...containers.flatMap(([at, { securityContext }]) =>
      LINUX_ONLY_OF_CONTAINERS.filter((name) => securityContext?.[name] !== undefined).map((name) => forbidden(at.child("securityContext", name), text)),
    ),
  ];
}
