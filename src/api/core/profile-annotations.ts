// AppArmor and seccomp profiles as annotations, as pods named them before there were fields. An AppArmor annotation still means what it
// did: a new pod gets the field that says the same, and both must agree
// (https://kubernetes.io/docs/tutorials/security/apparmor/#specifying-apparmor-confinement). A seccomp annotation means nothing any more,
// but must not contradict the field (https://kubernetes.io/docs/tutorials/security/seccomp/).
import type { Mutable } from "../../base/index.ts";
import { type FieldError, FieldPath, forbidden, invalid } from "../field-errors.ts";
import type { AppArmorProfile, Container, Pod, PodSpec, PodTemplateSpec } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { checkDescendingPath } from "./path-checks.ts";
import { containersWithPath } from "./pod-containers.ts";
import { checkAppArmor } from "./security-validation.ts";

const APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/";
const POD_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/";
const LOCALHOST = "localhost/";
const APP_ARMOR_TEXT = 'deprecated since v1.30; use the "appArmorProfile" field instead';
const SECCOMP_TEXT = 'non-functional in v1.27+; use the "seccompProfile" field instead';

type Annotations = Readonly<Record<string, string>>;
type Templated = Pick<PodTemplateSpec, "metadata" | "spec">;

/** Undefined for what names no profile. */
function appArmorProfileNamed(annotation: string | undefined): AppArmorProfile | undefined {
  if (annotation === "unconfined") return { type: "Unconfined" };
  if (annotation === "runtime/default") return { type: "RuntimeDefault" };
  if (annotation === undefined || !annotation.startsWith(LOCALHOST) || annotation === LOCALHOST) return undefined;
  return { type: "Localhost", localhostProfile: annotation.slice(LOCALHOST.length) };
}

/** The profile that confines a container. Static pods may still have it as an annotation alone. */
export function appArmorProfileOf({ metadata, spec }: Pod, { name, securityContext }: Container): AppArmorProfile | undefined {
  const named = appArmorProfileNamed(metadata.annotations?.[`${APP_ARMOR}${name}`]);
  return securityContext?.appArmorProfile ?? named ?? spec.securityContext?.appArmorProfile;
}

/** Gives a new pod's containers the profiles that its annotations name. Returns what to tell of annotations without a field. */
export function adoptAppArmorAnnotations({ metadata, spec }: Mutable<Pod>): string[] {
  if (spec.os?.name === "windows") return [];
  const containers: Mutable<Container>[] = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  return containers.flatMap((container) => {
    const key = `${APP_ARMOR}${container.name}`;
    const annotation = metadata.annotations?.[key];
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined) return [];
    const named = appArmorProfileNamed(annotation);
    const isSound = named !== undefined && checkAppArmor(FieldPath.empty, named).length === 0;
    if (isSound && sameValue(named, spec.securityContext?.appArmorProfile)) return [];
    if (isSound) container.securityContext = { ...container.securityContext, appArmorProfile: named };
    return [`${FieldPath.root("metadata").child("annotations").key(key)}: ${APP_ARMOR_TEXT}`];
  });
}

/** `path` is that of the annotations. */
export function checkProfileAnnotations(path: FieldPath, annotations: Annotations, spec: PodSpec): FieldError[] {
  const names = new Set(containersWithPath(path, spec).map(([, { name }]) => name));
  return Object.entries(annotations).flatMap(([key, profile]) => {
    if (key === POD_SECCOMP || key.startsWith(CONTAINER_SECCOMP)) return checkSeccompName(path.child(key), profile);
    if (!key.startsWith(APP_ARMOR)) return [];
    const name = key.slice(APP_ARMOR.length);
    const known = ["", "runtime/default", "unconfined"].includes(profile) || profile.startsWith(LOCALHOST);
    return [
      ...(names.has(name) ? [] : [invalid(path.key(key), name, "container not found")]),
      ...(known ? [] : [invalid(path.key(key), profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`)]),
    ];
  });
}

function checkSeccompName(path: FieldPath, profile: string): FieldError[] {
  if (["runtime/default", "docker/default", "unconfined"].includes(profile)) return [];
  if (profile.startsWith(LOCALHOST)) return checkDescendingPath(path, profile.slice(LOCALHOST.length));
  return [invalid(path, profile, "must be a valid seccomp profile")];
}

/** What annotations and fields both say must be the same. `path` is that of the spec. */
export function checkProfilesAgree(path: FieldPath, annotations: Annotations, spec: PodSpec): FieldError[] {
  const own = spec.securityContext;
  const containers = containersWithPath(path, spec).map(([at, container]) => ({ at: at.child("securityContext"), ...container }));
  const appArmor = spec.os?.name === "windows" ? [] : containers;
  return [
    ...checkAgreement(path.child("securityContext", "seccompProfile"), "seccomp", annotations[POD_SECCOMP], own?.seccompProfile),
    ...containers.flatMap(({ at, name, securityContext }) =>
      checkAgreement(at.child("seccompProfile"), "seccomp", annotations[`${CONTAINER_SECCOMP}${name}`], securityContext?.seccompProfile),
    ),
    ...appArmor.flatMap(({ at, name, securityContext }) => {
      const profile = securityContext?.appArmorProfile ?? own?.appArmorProfile;
      return checkAgreement(at.child("appArmorProfile"), "apparmor", annotations[`${APP_ARMOR}${name}`], profile);
    }),
  ];
}

function checkAgreement(
  path: FieldPath,
  what: "seccomp" | "apparmor",
  annotation: string | undefined,
  profile: { readonly type: string; readonly localhostProfile?: string } | undefined,
): FieldError[] {
  if (annotation === undefined || profile === undefined) return [];
  const type = forbidden(path.child("type"), `${what} type in annotation and field must match`);
  if (profile.type === "Unconfined") return annotation === "unconfined" ? [] : [type];
  if (profile.type === "RuntimeDefault") return annotation === "runtime/default" || (what === "seccomp" && annotation === "docker/default") ? [] : [type];
  if (profile.type !== "Localhost") return [];
  if (!annotation.startsWith(LOCALHOST)) return [type];
  if (annotation.slice(LOCALHOST.length) === profile.localhostProfile) return [];
  return [forbidden(path.child("localhostProfile"), `${what} profile in annotation and field must match`)];
}

/** AppArmor annotations of a pod neither change nor come nor go. */
export function checkAppArmorAnnotationChanges(path: FieldPath, annotations: Annotations, old: Annotations): FieldError[] {
  const isChanged = (key: string): boolean => key.startsWith(APP_ARMOR) && annotations[key] !== old[key];
  return [
    ...Object.keys(old)
      .filter(isChanged)
      .map((key) => forbidden(path.key(key), "may not remove or update AppArmor annotations")),
    ...Object.keys(annotations)
      .filter((key) => isChanged(key) && !Object.hasOwn(old, key))
      .map((key) => forbidden(path.key(key), "may not add AppArmor annotations")),
  ];
}

/** Of annotations that have no field beside them. `path` is that of the template; a pod is told of AppArmor when its fields are filled in. */
export function profileAnnotationWarnings(path: FieldPath, { metadata, spec }: Templated): string[] {
  const annotations = metadata?.annotations ?? {};
  const at = path.child("metadata", "annotations");
  const own = spec.securityContext;
  const told = (key: string, text: string): string[] => (Object.hasOwn(annotations, key) ? [`${at.key(key)}: ${text}`] : []);
  return [
    ...(own?.seccompProfile === undefined ? told(POD_SECCOMP, SECCOMP_TEXT) : []),
    ...containersWithPath(path, spec).flatMap(([, { name, securityContext }]) => {
      const key = `${APP_ARMOR}${name}`;
      const isField =
        securityContext?.appArmorProfile !== undefined ||
        (own?.appArmorProfile !== undefined && sameValue(own.appArmorProfile, appArmorProfileNamed(annotations[key])));
      return [
        ...(securityContext?.seccompProfile === undefined ? told(`${CONTAINER_SECCOMP}${name}`, SECCOMP_TEXT) : []),
        ...(path === FieldPath.empty || isField ? [] : told(key, APP_ARMOR_TEXT)),
      ];
    }),
  ];
}
