// The containers of a pod, wherever its spec lists them.
import type { FieldPath } from "../field-errors.ts";
import type { Container, PodSpec } from "../generated/types.ts";

const LISTS = ["initContainers", "containers", "ephemeralContainers"] as const;

/** Every container with its path, init containers first. */
export function containersWithPath(path: FieldPath, spec: PodSpec): readonly (readonly [FieldPath, Container])[] {
  return LISTS.flatMap((list) => (spec[list] ?? []).map((container, position) => [path.child(list).index(position), container] as const));
}
