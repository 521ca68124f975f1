// The baseline level: what is known to let a pod out of its box is forbidden.
import type { AppArmorProfile, LifecycleHandler, PodSpec, Probe, SELinuxOptions } from "../../../api/index.ts";
import {
  type AnyContainer,
  badContainers,
  type Check,
  type CheckPod,
  containerNames,
  containersOf,
  distinct,
  hasOwnUsers,
  plural,
  quoted,
  setters,
} from "./check.ts";

const APP_ARMOR_PREFIX = "container.apparmor.security.beta.kubernetes.io/";

const appArmor: CheckPod = (metadata, spec) => {
  const isBad = (profile: AppArmorProfile | undefined): boolean => profile !== undefined && profile.type !== "RuntimeDefault" && profile.type !== "Localhost";
  const podProfile = spec.securityContext?.appArmorProfile;
  const isBadContainer = ({ securityContext }: AnyContainer): boolean => isBad(securityContext?.appArmorProfile);
  const types = containersOf(spec).filter(isBadContainer);
  const annotations = Object.entries(metadata?.annotations ?? {})
    .filter(([key, value]) => key.startsWith(APP_ARMOR_PREFIX) && value !== "" && value !== "runtime/default" && !value.startsWith("localhost/"))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const values = [
    ...distinct([isBad(podProfile) ? podProfile?.type : undefined, ...types.map(({ securityContext }) => securityContext?.appArmorProfile?.type)]),
    ...annotations,
  ];
  const who = setters(isBad(podProfile), badContainers(spec, isBadContainer));
  const all = [...(who === undefined ? [] : [who]), ...(annotations.length > 0 ? [plural(annotations.length, "annotation")] : [])];
  if (all.length === 0) return undefined;
  return {
    reason: plural(values.length, "forbidden AppArmor profile"),
    detail: `${all.join(" and ")} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

const DEFAULT_CAPABILITIES = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
];

const capabilities: CheckPod = (_metadata, spec) => {
  const added = ({ securityContext }: AnyContainer): string[] =>
    (securityContext?.capabilities?.add ?? []).filter((name) => !DEFAULT_CAPABILITIES.includes(name));
  const names = badContainers(spec, (container) => added(container).length > 0);
  if (names.length === 0) return undefined;
  const what = quoted(distinct(containersOf(spec).flatMap(added)));
  return { reason: "non-default capabilities", detail: `${containerNames(names)} must not include ${what} in securityContext.capabilities.add` };
};

const hostNamespaces: CheckPod = (_metadata, spec) => {
  const used = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((field) => spec[field] === true).map((field) => `${field}=true`);
  return used.length === 0 ? undefined : { reason: "host namespaces", detail: used.join(", ") };
};

const hostPathVolumes: CheckPod = (_metadata, spec) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name);
  return names.length === 0 ? undefined : { reason: "hostPath volumes", detail: `${plural(names.length, "volume")} ${quoted(names)}` };
};

const hostPorts: CheckPod = (_metadata, spec) => {
  const ports = ({ ports: all = [] }: AnyContainer): string[] => all.flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [String(hostPort)]));
  const names = badContainers(spec, (container) => ports(container).length > 0);
  if (names.length === 0) return undefined;
  const used = distinct(containersOf(spec).flatMap(ports));
  const uses = plural(names.length, "uses", "use");
  return { reason: "hostPort", detail: `${containerNames(names)} ${uses} ${plural(used.length, "hostPort")} ${used.join(", ")}` };
};

const hostProbes: CheckPod = (_metadata, spec) => {
  const hosts = (handler: Probe | LifecycleHandler | undefined): string[] =>
    [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host): host is string => (host ?? "") !== "");
  const all = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: AnyContainer): string[] =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(hosts);
  const names = distinct(badContainers(spec, (container) => all(container).length > 0));
  if (names.length === 0) return undefined;
  const used = distinct(containersOf(spec).flatMap(all));
  const uses = plural(names.length, "uses", "use");
  return { reason: "probe or lifecycle host", detail: `${containerNames(names)} ${uses} ${plural(used.length, "probe or lifecycle host")} ${quoted(used)}` };
};

const privileged: CheckPod = (_metadata, spec) => {
  const names = badContainers(spec, ({ securityContext }) => securityContext?.privileged === true);
  return names.length === 0 ? undefined : { reason: "privileged", detail: `${containerNames(names)} must not set securityContext.privileged=true` };
};

export const procMount: CheckPod = (_metadata, spec) => {
  const type = ({ securityContext }: AnyContainer): string => securityContext?.procMount ?? "Default";
  const names = badContainers(spec, (container) => type(container) !== "Default");
  if (names.length === 0) return undefined;
  const types = distinct(containersOf(spec).map(type)).filter((name) => name !== "Default");
  return { reason: "procMount", detail: `${containerNames(names)} must not set securityContext.procMount to ${quoted(types)}` };
};

const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t"];

function seLinuxOptions(allowedTypes: readonly string[]): CheckPod {
  const hasBadType = ({ type = "" }: SELinuxOptions): boolean => !allowedTypes.includes(type);
  const isBad = (options: SELinuxOptions | undefined): boolean =>
    options !== undefined && (hasBadType(options) || Boolean(options.user) || Boolean(options.role));
  return (_metadata, spec) => {
    const own = spec.securityContext?.seLinuxOptions;
    const who = setters(
      isBad(own),
      badContainers(spec, ({ securityContext }) => isBad(securityContext?.seLinuxOptions)),
    );
    if (who === undefined) return undefined;
    const all = [own, ...containersOf(spec).map(({ securityContext }) => securityContext?.seLinuxOptions)].filter((options) => options !== undefined);
    const types = distinct(all.filter(hasBadType).map(({ type }) => type));
    const problems = [
      ...(types.length > 0 ? [`${plural(types.length, "type")} ${quoted(types)}`] : []),
      ...(all.some(({ user }) => Boolean(user)) ? ["user may not be set"] : []),
      ...(all.some(({ role }) => Boolean(role)) ? ["role may not be set"] : []),
    ];
    return { reason: "seLinuxOptions", detail: `${who} set forbidden securityContext.seLinuxOptions: ${problems.join("; ")}` };
  };
}

export function isValidSeccomp(type: string | undefined): boolean {
  return type === "Localhost" || type === "RuntimeDefault";
}

/** Those who set a profile that is not allowed, and to what. */
export const explicitSeccomp: CheckPod = (_metadata, spec) => {
  const own = spec.securityContext?.seccompProfile;
  const profiles = containersOf(spec).map(({ securityContext }) => securityContext?.seccompProfile);
  const names = badContainers(
    spec,
    ({ securityContext }) => securityContext?.seccompProfile !== undefined && !isValidSeccomp(securityContext.seccompProfile.type),
  );
  const who = setters(own !== undefined && !isValidSeccomp(own.type), names);
  if (who === undefined) return undefined;
  const types = distinct([own, ...profiles].map((profile) => profile?.type)).filter((type) => !isValidSeccomp(type));
  return { reason: "seccompProfile", detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(types)}` };
};

const SECCOMP_POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER_PREFIX = "container.seccomp.security.alpha.kubernetes.io/";

const seccompAnnotations: CheckPod = (metadata, spec) => {
  const keys = [SECCOMP_POD_ANNOTATION, ...containersOf(spec).map(({ name }) => `${SECCOMP_CONTAINER_PREFIX}${name}`)];
  const isValid = (value: string): boolean => value === "runtime/default" || value === "docker/default" || value.startsWith("localhost/");
  const forbidden = distinct(
    keys.map((key) => {
      const value = metadata?.annotations?.[key];
      return value === undefined || isValid(value) ? undefined : `${key}=${JSON.stringify(value)}`;
    }),
  );
  return forbidden.length === 0
    ? undefined
    : { reason: "seccompProfile", detail: `forbidden ${plural(forbidden.length, "annotation")} ${forbidden.join(", ")}` };
};

const SYSCTLS_1_0 = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
];
const SYSCTLS_1_27 = [...SYSCTLS_1_0, "net.ipv4.ip_local_reserved_ports"];
const SYSCTLS_1_29 = [
  ...SYSCTLS_1_27,
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];
const SYSCTLS_1_32 = [...SYSCTLS_1_29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];

function sysctls(allowed: readonly string[]): CheckPod {
  return (_metadata, spec) => {
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.includes(name));
    return names.length === 0 ? undefined : { reason: "forbidden sysctls", detail: names.join(", ") };
  };
}

const windowsHostProcess: CheckPod = (_metadata, spec: PodSpec) => {
  const who = setters(
    spec.securityContext?.windowsOptions?.hostProcess === true,
    badContainers(spec, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true),
  );
  return who === undefined ? undefined : { reason: "hostProcess", detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` };
};

const procMountBaseline: CheckPod = (metadata, spec) => (hasOwnUsers(spec) ? undefined : procMount(metadata, spec));

const level = "baseline";

/** In alphabetical order of their names, as messages list them. */
export const baselineChecks: readonly Check[] = [
  { id: "appArmorProfile", level, versions: [{ since: 0, check: appArmor }] },
  { id: "capabilities_baseline", level, versions: [{ since: 0, check: capabilities }] },
  { id: "hostNamespaces", level, versions: [{ since: 0, check: hostNamespaces }] },
  { id: "hostPathVolumes", level, versions: [{ since: 0, check: hostPathVolumes }] },
  { id: "hostPorts", level, versions: [{ since: 0, check: hostPorts }] },
  { id: "hostProbesAndHostLifecycle", level, versions: [{ since: 34, check: hostProbes }] },
  { id: "privileged", level, versions: [{ since: 0, check: privileged }] },
  {
    id: "procMount",
    level,
    versions: [
      { since: 0, check: procMount },
      { since: 35, check: procMountBaseline },
    ],
  },
  {
    id: "seLinuxOptions",
    level,
    versions: [
      { since: 0, check: seLinuxOptions(SELINUX_TYPES) },
      { since: 31, check: seLinuxOptions([...SELINUX_TYPES, "container_engine_t"]) },
    ],
  },
  {
    id: "seccompProfile_baseline",
    level,
    versions: [
      { since: 0, check: seccompAnnotations },
      { since: 19, check: explicitSeccomp },
    ],
  },
  {
    id: "sysctls",
    level,
    versions: [
      { since: 0, check: sysctls(SYSCTLS_1_0) },
      { since: 27, check: sysctls(SYSCTLS_1_27) },
      { since: 29, check: sysctls(SYSCTLS_1_29) },
      { since: 32, check: sysctls(SYSCTLS_1_32) },
    ],
  },
  { id: "windowsHostProcess", level, versions: [{ since: 0, check: windowsHostProcess }] },
];
