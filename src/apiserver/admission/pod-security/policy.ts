// Which level of the Pod Security Standards a namespace asks for by its labels, and how a pod fares
// (https://kubernetes.io/docs/concepts/security/pod-security-admission/).
import { type FieldError, FieldPath, invalid, type ObjectMeta, type PodSpec } from "../../../api/index.ts";
import { baselineChecks } from "./baseline.ts";
import type { CheckPod, Violation } from "./check.ts";
import { restrictedChecks } from "./restricted.ts";

const LEVELS = ["privileged", "baseline", "restricted"] as const;
export type Level = (typeof LEVELS)[number];
const NEWEST_MINOR = 36;
const PREFIX = "pod-security.kubernetes.io/";

export interface LevelVersion {
  readonly level: Level;
  /** A minor version of Kubernetes. */
  readonly version: number | "latest";
}
export interface Policy {
  readonly enforce: LevelVersion;
  readonly warn: LevelVersion;
}

export function levelVersionText({ level, version }: LevelVersion): string {
  return `${level}:${version === "latest" ? version : `v1.${version}`}`;
}

/** Positive when `a` is the stricter. */
export function compareLevels(a: Level, b: Level): number {
  return LEVELS.indexOf(a) - LEVELS.indexOf(b);
}

/** What labels ask for, and what is wrong with them. A level that cannot be read is taken for the strictest when it is to be enforced, and for none when it is to be warned of. */
export function policyOf(labels: Readonly<Record<string, string>> | undefined): { readonly policy: Policy; readonly errors: FieldError[] } {
  const errors: FieldError[] = [];
  const path = FieldPath.root("metadata").child("labels");
  const readLevel = (label: string, fallback: Level): Level | undefined => {
    const text = labels?.[`${PREFIX}${label}`];
    const known = LEVELS.find((level) => level === text);
    if (text !== undefined && known === undefined) errors.push(invalid(path.key(`${PREFIX}${label}`), text, `must be one of ${LEVELS.join(", ")}`));
    return text === undefined ? undefined : (known ?? fallback);
  };
  const readVersion = (label: string): number | "latest" | undefined => {
    const text = labels?.[`${PREFIX}${label}`];
    if (text === undefined || text === "latest") return text;
    const match = /^v1\.([0-9]|[1-9][0-9]*)$/.exec(text);
    if (match === null) errors.push(invalid(path.key(`${PREFIX}${label}`), text, 'must be "latest" or "v1.x"'));
    return match === null ? "latest" : Number(match[1]);
  };
  const askedLevel = readLevel("enforce", "restricted");
  const enforce: LevelVersion = { level: askedLevel ?? "privileged", version: readVersion("enforce-version") ?? "latest" };
  const isReadable = errors.length === 0;
  // Auditing is not built: its labels are checked all the same.
  readLevel("audit", "privileged");
  readVersion("audit-version");
  const warnLevel = readLevel("warn", "privileged");
  const warnVersion = readVersion("warn-version");
  const follows = warnLevel === undefined && askedLevel !== undefined && isReadable && compareLevels(enforce.level, "privileged") > 0;
  const warn: LevelVersion = follows
    ? { level: enforce.level, version: warnVersion ?? enforce.version }
    : { level: warnLevel ?? "privileged", version: warnVersion ?? "latest" };
  return { policy: { enforce, warn }, errors };
}

function checksOf({ level, version }: LevelVersion): CheckPod[] {
  if (level === "privileged") return [];
  const minor = version === "latest" ? NEWEST_MINOR : Math.min(version, NEWEST_MINOR);
  const inForce = (level === "baseline" ? [] : restrictedChecks).filter(({ versions }) => (versions[0]?.since ?? 0) <= minor);
  const overridden = inForce.map(({ overrides }) => overrides);
  const all = [...baselineChecks.filter(({ id }) => !overridden.includes(id)), ...inForce];
  return all.flatMap(({ versions }) => versions.findLast(({ since }) => since <= minor)?.check ?? []);
}

/** What the pod violates, in the order of the checks. */
export function violations(policy: LevelVersion, metadata: ObjectMeta | undefined, spec: PodSpec): Violation[] {
  return checksOf(policy).flatMap((check) => check(metadata, spec) ?? []);
}

/** `privileged (container "a" must not …), host namespaces (hostNetwork=true)`. */
export function violationsText(found: readonly Violation[]): string {
  return found.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`)).join(", ");
}
