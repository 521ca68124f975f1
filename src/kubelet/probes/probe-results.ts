// The newest verdict of each probe about each container; tells when one changes.
import type { ProbeVerdict } from "../pods/pod-actions.ts";

export type ProbeKind = "startup" | "liveness" | "readiness";

export class ProbeResults {
  private readonly verdicts = new Map<string, ProbeVerdict>();
  constructor(private readonly changed: (podUid: string) => void) {}

  get(kind: ProbeKind, containerId: string): ProbeVerdict | undefined {
    return this.verdicts.get(`${kind}/${containerId}`);
  }
  set(kind: ProbeKind, containerId: string, verdict: ProbeVerdict, podUid: string): void {
    const key = `${kind}/${containerId}`;
    if (this.verdicts.get(key) === verdict) return;
    this.verdicts.set(key, verdict);
    this.changed(podUid);
  }
  remove(kind: ProbeKind, containerId: string): void {
    this.verdicts.delete(`${kind}/${containerId}`);
  }
}
