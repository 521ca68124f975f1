// Brings pod statuses to the API server: the newest wins, writes of one pod never overlap, what fails is tried again. Nothing
// is written that the server holds already.
import { type Pod, type PodStatus, pods, StatusError } from "../../api/index.ts";
import type { Env, Logger } from "../../base/index.ts";
import { type Backoff, type Client, createBackoff, delay } from "../../client/index.ts";
import { isStaticPod } from "../static-pods/static-pod.ts";
import { podName, podNamespace, podUid } from "./pod-spec.ts";
import { podStatusPatch } from "./status-patch.ts";

export interface StatusWriter {
  /** Reports `status` as the pod's; `pod` is the newest object known. */
  report(pod: Pod, status: PodStatus): void;
  /** The pod as the API server sent it last; keeps the comparison fresh. */
  seen(pod: Pod): void;
  /** The pod in the API that shows the static pod of that UID. */
  mirrored(uid: string, mirror: Pod): void;
  /** What was reported last. */
  latest(uid: string): PodStatus | undefined;
  /** Resolves when the newest report is stored, or the pod is gone from the server. */
  flushed(uid: string): Promise<void>;
  forget(uid: string): void;
  stop(): void;
}

interface Entry {
  /** As the API has it; absent: a static pod whose mirror is not known yet. */
  pod: Pod | undefined;
  status: PodStatus;
  dirty: boolean;
  writing: Promise<void> | undefined;
  readonly backoff: Backoff;
}

const BACKOFF = { firstDelayMs: 500, largestDelayMs: 10_000 } as const;

/** `mirrorOf` gives the pod in the API that shows a static pod. */
export function createStatusWriter(env: Env, client: Client, mirrorOf: (pod: Pod) => Pod | undefined): StatusWriter {
  return new PatchingWriter(env, client, mirrorOf);
}

class PatchingWriter implements StatusWriter {
  private readonly entries = new Map<string, Entry>();
  private readonly log: Logger;
  private readonly abort = new AbortController();

  constructor(
    private readonly env: Env,
    private readonly client: Client,
    private readonly mirrorOf: (pod: Pod) => Pod | undefined,
  ) {
    this.log = env.log.child("pod-status");
  }

  report(pod: Pod, status: PodStatus): void {
    const uid = podUid(pod);
    const known = this.entries.get(uid);
    const isStatic = isStaticPod(pod);
    const entry = known ?? { pod: isStatic ? this.mirrorOf(pod) : pod, status, dirty: true, writing: undefined, backoff: createBackoff(this.env, BACKOFF) };
    this.entries.set(uid, entry);
    if (!isStatic) entry.pod = newer(entry.pod ?? pod, pod);
    entry.status = status;
    entry.dirty = true;
    entry.writing ??= this.write(uid, entry);
  }
  seen(pod: Pod): void {
    const entry = this.entries.get(podUid(pod));
    if (entry?.pod === undefined) return;
    entry.pod = newer(entry.pod, pod);
    // Someone else may have written over it.
    if (entry.writing === undefined && podStatusPatch(entry.pod.status ?? {}, entry.status) !== undefined) this.report(pod, entry.status);
  }
  mirrored(uid: string, mirror: Pod): void {
    const entry = this.entries.get(uid);
    if (entry === undefined) return;
    const isSame = entry.pod !== undefined && podUid(entry.pod) === podUid(mirror);
    entry.pod = isSame && entry.pod !== undefined ? newer(entry.pod, mirror) : mirror;
    entry.dirty = true;
    entry.writing ??= this.write(uid, entry);
  }
  latest(uid: string): PodStatus | undefined {
    return this.entries.get(uid)?.status;
  }
  async flushed(uid: string): Promise<void> {
    await this.entries.get(uid)?.writing;
  }
  forget(uid: string): void {
    const entry = this.entries.get(uid);
    if (entry !== undefined) entry.dirty = false;
    this.entries.delete(uid);
  }
  stop(): void {
    this.abort.abort();
  }

  private async write(uid: string, entry: Entry): Promise<void> {
    // Several reports of one turn become one write.
    await Promise.resolve();
    while (entry.dirty && !this.abort.signal.aborted) {
      entry.dirty = false;
      const { pod } = entry;
      const patch = pod === undefined ? undefined : podStatusPatch(pod.status ?? {}, entry.status);
      if (pod === undefined || patch === undefined) continue;
      const name = { pod: podName(pod), namespace: podNamespace(pod) };
      try {
        const of = { namespace: podNamespace(pod), name: podName(pod) };
        const body = { metadata: { uid: podUid(pod) }, status: patch };
        const stored = await this.client.patch(pods, of, { type: "strategic", body }, { subresource: "status" });
        if (podUid(entry.pod ?? stored) === podUid(stored)) entry.pod = newer(entry.pod ?? stored, stored);
        entry.backoff.reset();
      } catch (error) {
        // Deleted, or another pod of the same name by now: there is nobody to report to.
        if (error instanceof StatusError && (error.reason === "NotFound" || error.reason === "Conflict")) {
          this.log.debug("the pod is gone from the API server", { uid, ...name });
          if (entry.pod === pod) break;
          continue;
        }
        const delayMs = entry.backoff.next();
        this.log.warn("cannot write a pod's status, will retry", { ...name, error });
        entry.dirty = true;
        await delay(this.env, delayMs, this.abort.signal);
      }
    }
    entry.writing = undefined;
  }
}

/** Of two revisions of a pod the later one. */
export function newer(a: Pod, b: Pod): Pod {
  const [left, right] = [a, b].map((pod) => BigInt(pod.metadata.resourceVersion ?? "0"));
  return (right ?? 0n) >= (left ?? 0n) ? b : a;
}
