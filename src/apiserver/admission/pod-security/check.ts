// What one check of the Pod Security Standards (https://kubernetes.io/docs/concepts/security/pod-security-standards/) is, and how checks say
// what is wrong.
import type { Container, EphemeralContainer, ObjectMeta, PodSpec } from "../../../api/index.ts";

export interface Violation {
  readonly reason: string;
  readonly detail: string;
}
export type CheckPod = (metadata: ObjectMeta | undefined, spec: PodSpec) => Violation | undefined;

export interface Check {
  readonly id: string;
  readonly level: "baseline" | "restricted";
  /** Newest last; the newest that is not younger than the policy's version counts. `since` is the minor version of Kubernetes. */
  readonly versions: readonly { readonly since: number; readonly check: CheckPod }[];
  /** The baseline check that this one makes needless. */
  readonly overrides?: string;
}

export type AnyContainer = Container | EphemeralContainer;

export function containersOf(spec: PodSpec): readonly AnyContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

/** Names of the containers that `isBad` says are bad. */
export function badContainers(spec: PodSpec, isBad: (container: AnyContainer) => boolean): string[] {
  return containersOf(spec)
    .filter(isBad)
    .map(({ name }) => name);
}

export function quoted(items: Iterable<string>): string {
  return [...items].map((item) => `"${item}"`).join(", ");
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? one : many;
}

/** `container "a"`, `containers "a", "b"`. */
export function containerNames(names: readonly string[]): string {
  return `${plural(names.length, "container")} ${quoted(names)}`;
}

/** Those who set something wrong: the pod itself, containers, or both; undefined when nobody does. */
export function setters(isPod: boolean, containers: readonly string[]): string | undefined {
  const all = [...(isPod ? ["pod"] : []), ...(containers.length > 0 ? [containerNames(containers)] : [])];
  return all.length === 0 ? undefined : all.join(" and ");
}

/** Distinct values in alphabetical order. */
export function distinct(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined))].sort();
}

/** Pods with a user namespace of their own are root only inside. */
export function hasOwnUsers(spec: PodSpec): boolean {
  return spec.hostUsers === false;
}

export function isWindows(spec: PodSpec): boolean {
  return spec.os?.name === "windows";
}
