// The texts of an eviction, as tools that read pod statuses and events know them.
import type { Pod } from "../../api/index.ts";
import { parseQuantity, Quantity } from "../../base/index.ts";
import { allContainers, podName } from "../pods/pod-spec.ts";
import type { Observations } from "./observations.ts";
import { thresholdAmount } from "./pressure.ts";
import type { PodUsage } from "./ranking.ts";
import { resourceOf, type StarvedResource, type Threshold } from "./thresholds.ts";

export const EVICTED = "Evicted";

export function pressureMessage(
  resource: StarvedResource,
  pod: Pod,
  usage: PodUsage | undefined,
  due: readonly Threshold[],
  observations: Observations,
): string {
  const parts = [`The node was low on resource: ${resource}. `];
  const threshold = due.find(({ signal }) => resourceOf(signal) === resource && observations.has(signal));
  const observed = threshold === undefined ? undefined : observations.get(threshold.signal);
  if (threshold !== undefined && observed !== undefined) {
    const [quantity, available] = [thresholdAmount(threshold, observed), observed.available].map((value) => amountText(resource, value));
    parts.push(`Threshold quantity: ${quantity}, available: ${available}. `);
  }
  if (usage === undefined || (resource !== "memory" && resource !== "ephemeral-storage")) return parts.join("");
  const podRequest = resource === "memory" ? pod.spec.resources?.requests?.[resource] : undefined;
  if (podRequest !== undefined) {
    parts.push(`Pod ${podName(pod)} was using ${amountText(resource, usage.memoryBytes)}, request is ${podRequest}, has larger consumption of ${resource}. `);
  }
  for (const { name, resources } of allContainers(pod)) {
    const used = usage.containers.get(name);
    const request = resources?.requests?.[resource];
    const amount = used === undefined ? 0 : resource === "memory" ? used.memoryBytes : used.diskBytes;
    if (amount <= (request === undefined ? 0 : parseQuantity(request).value())) continue;
    parts.push(`Container ${name} was using ${amountText(resource, amount)}, request is ${request ?? "0"}, has larger consumption of ${resource}. `);
  }
  return parts.join("");
}

function amountText(resource: StarvedResource, value: number): string {
  return Quantity.fromValue(value, resource === "memory" || resource === "ephemeral-storage" ? "BinarySI" : "DecimalSI").toString();
}

export function emptyDirMessage(volume: string, limit: string): string {
  return `Usage of EmptyDir volume ${JSON.stringify(volume)} exceeds the limit ${JSON.stringify(limit)}. `;
}
export function containerStorageMessage(container: string, limit: string): string {
  return `Container ${container} exceeded its local ephemeral storage limit ${JSON.stringify(limit)}. `;
}
export function podStorageMessage(limit: string): string {
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `;
}
export function admissionMessage(conditions: ReadonlySet<string>): string {
  return `The node had condition: [${[...conditions].join(" ")}]. `;
}
