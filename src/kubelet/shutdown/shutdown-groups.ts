// In which order pods end when the machine shuts down, and how long each step may take
// (https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#pod-priority-graceful-node-shutdown). Pure.
import { type Pod, podPriority } from "../../api/index.ts";
import type { ShutdownGracePeriod } from "../configuration/kubelet-configuration.ts";

export interface ShutdownGroup<Candidate> {
  readonly seconds: number;
  readonly pods: readonly Candidate[];
}

/** `periods` begin with the lowest priority. A pod belongs to the highest period that it reaches, or to the first. Empty groups are left out. */
export function shutdownGroups<Candidate extends { readonly pod: Pod }>(
  periods: readonly ShutdownGracePeriod[],
  pods: readonly Candidate[],
): ShutdownGroup<Candidate>[] {
  const placeOf = ({ pod }: Candidate): number =>
    Math.max(
      0,
      periods.findLastIndex(({ priority }) => podPriority(pod) >= priority),
    );
  return periods
    .map(({ shutdownGracePeriodSeconds: seconds }, place) => ({ seconds, pods: pods.filter((candidate) => placeOf(candidate) === place) }))
    .filter((group) => group.pods.length > 0);
}

/** How long the machine's shutdown is held up at most. */
export function shutdownDelayMs(periods: readonly ShutdownGracePeriod[]): number {
  return periods.reduce((sum, { shutdownGracePeriodSeconds }) => sum + shutdownGracePeriodSeconds, 0) * 1000;
}
