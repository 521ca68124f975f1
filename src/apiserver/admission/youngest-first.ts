// The order in which a default is chosen among several: the youngest, then by name.
import type { KubeObject } from "../../api/index.ts";

export function youngestFirst(a: KubeObject, b: KubeObject): number {
  const [createdA, createdB] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  if (createdA !== createdB) return createdA > createdB ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
