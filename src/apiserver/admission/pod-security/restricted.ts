// The restricted level: current best practice, required.

import { explicitSeccomp, isValidSeccomp, procMount } from "./baseline.ts";
import {
  type AnyContainer,
  badContainers,
  type Check,
  type CheckPod,
  containerNames,
  containersOf,
  distinct,
  hasOwnUsers,
  isWindows,
  plural,
  quoted,
  setters,
} from "./check.ts";

const ALLOWED_VOLUMES = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"];

const restrictedVolumes: CheckPod = (_metadata, spec) => {
  const bad = (spec.volumes ?? []).flatMap((volume) => {
    const types = Object.keys(volume).filter((field) => field !== "name" && (volume as unknown as Record<string, unknown>)[field] !== undefined);
    return types.some((type) => ALLOWED_VOLUMES.includes(type)) ? [] : [{ name: volume.name, type: types[0] ?? "unknown" }];
  });
  if (bad.length === 0) return undefined;
  const types = distinct(bad.map(({ type }) => type));
  const volumes = `${plural(bad.length, "volume")} ${quoted(bad.map(({ name }) => name))}`;
  return {
    reason: "restricted volume types",
    detail: `${volumes} ${plural(bad.length, "uses", "use")} ${plural(types.length, "restricted volume type")} ${quoted(types)}`,
  };
};

const allowPrivilegeEscalation: CheckPod = (_metadata, spec) => {
  const names = badContainers(spec, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (names.length === 0) return undefined;
  return { reason: "allowPrivilegeEscalation != false", detail: `${containerNames(names)} must set securityContext.allowPrivilegeEscalation=false` };
};

const runAsNonRoot: CheckPod = (_metadata, spec) => {
  const own = spec.securityContext?.runAsNonRoot;
  const reason = "runAsNonRoot != true";
  const who = setters(
    own === false,
    badContainers(spec, ({ securityContext }) => securityContext?.runAsNonRoot === false),
  );
  if (who !== undefined) return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  const silent = own === true ? [] : badContainers(spec, ({ securityContext }) => securityContext?.runAsNonRoot === undefined);
  return silent.length === 0 ? undefined : { reason, detail: `pod or ${containerNames(silent)} must set securityContext.runAsNonRoot=true` };
};

const runAsUser: CheckPod = (_metadata, spec) => {
  const who = setters(
    spec.securityContext?.runAsUser === 0,
    badContainers(spec, ({ securityContext }) => securityContext?.runAsUser === 0),
  );
  return who === undefined ? undefined : { reason: "runAsUser=0", detail: `${who} must not set runAsUser=0` };
};

const seccomp: CheckPod = (metadata, spec) => {
  const explicit = explicitSeccomp(metadata, spec);
  if (explicit !== undefined) return explicit;
  const silent = isValidSeccomp(spec.securityContext?.seccompProfile?.type)
    ? []
    : badContainers(spec, ({ securityContext }) => securityContext?.seccompProfile === undefined);
  if (silent.length === 0) return undefined;
  const detail = `pod or ${containerNames(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason: "seccompProfile", detail };
};

const capabilities: CheckPod = (_metadata, spec) => {
  const added = ({ securityContext }: AnyContainer): string[] => (securityContext?.capabilities?.add ?? []).filter((name) => name !== "NET_BIND_SERVICE");
  const keeping = badContainers(spec, ({ securityContext }) => !(securityContext?.capabilities?.drop ?? []).includes("ALL"));
  const adding = badContainers(spec, (container) => added(container).length > 0);
  const what = quoted(distinct(containersOf(spec).flatMap(added)));
  const details = [
    ...(keeping.length > 0 ? [`${containerNames(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding.length > 0 ? [`${containerNames(adding)} must not include ${what} in securityContext.capabilities.add`] : []),
  ];
  return details.length === 0 ? undefined : { reason: "unrestricted capabilities", detail: details.join("; ") };
};

/** Not for pods of another operating system, or whose root is nobody outside. */
function unless(isExempt: (spec: Parameters<CheckPod>[1]) => boolean, check: CheckPod): CheckPod {
  return (metadata, spec) => (isExempt(spec) ? undefined : check(metadata, spec));
}

const level = "restricted";

/** In alphabetical order of their names, as messages list them. */
export const restrictedChecks: readonly Check[] = [
  {
    id: "allowPrivilegeEscalation",
    level,
    versions: [
      { since: 8, check: allowPrivilegeEscalation },
      { since: 25, check: unless(isWindows, allowPrivilegeEscalation) },
    ],
  },
  {
    id: "capabilities_restricted",
    level,
    overrides: "capabilities_baseline",
    versions: [
      { since: 22, check: capabilities },
      { since: 25, check: unless(isWindows, capabilities) },
    ],
  },
  { id: "procMount_restricted", level, overrides: "procMount", versions: [{ since: 35, check: procMount }] },
  { id: "restrictedVolumes", level, overrides: "hostPathVolumes", versions: [{ since: 0, check: restrictedVolumes }] },
  {
    id: "runAsNonRoot",
    level,
    versions: [
      { since: 0, check: runAsNonRoot },
      { since: 35, check: unless(hasOwnUsers, runAsNonRoot) },
    ],
  },
  {
    id: "runAsUser",
    level,
    versions: [
      { since: 23, check: runAsUser },
      { since: 35, check: unless(hasOwnUsers, runAsUser) },
    ],
  },
  {
    id: "seccompProfile_restricted",
    level,
    overrides: "seccompProfile_baseline",
    versions: [
      { since: 19, check: seccomp },
      { since: 25, check: unless(isWindows, seccomp) },
    ],
  },
];
