// The static pods of a node: started and ended as the manifests say, and mirrored into the API.
//
// Invariants: they run with or without an API server; a mirror pod's deletion ends nothing and makes a new mirror; a changed manifest
// starts its new pod when the old one of that name has ended.
import { isStatus, type Node, type Pod, pods } from "../../api/index.ts";
import type { Env, Logger, Timer } from "../../base/index.ts";
import { type Backoff, type Client, createBackoff } from "../../client/index.ts";
import type { KubeletHost } from "../host.ts";
import { podName, podNamespace, podUid } from "../pods/pod-spec.ts";
import type { StatusWriter } from "../pods/status-writer.ts";
import { createManifestFolder, type ManifestFolder } from "./manifest-folder.ts";
import { isMirrorOf, planMirrors } from "./mirror-plan.ts";
import { fullName } from "./static-pod.ts";

export interface StaticPodsParts {
  readonly client: Client;
  readonly host: KubeletHost;
  readonly nodeName: string;
  /** Empty: there are none. */
  readonly path: string;
  readonly statuses: StatusWriter;
  /** The Node object, once it is known. */
  readonly node: () => Node | undefined;
  readonly begin: (pod: Pod) => void;
  readonly end: (pod: Pod) => void;
  readonly invalid: (file: string, problem: string) => void;
}

export interface StaticPods {
  start(): Promise<void>;
  stop(): void;
  /** The mirror pods in the API, as they come and go. */
  mirrorSeen(mirror: Pod): void;
  mirrorGone(mirror: Pod): void;
  /** Nothing of the pod runs any more. */
  ended(pod: Pod): void;
  /** The Node object, or the connection to the API server, may be there now. */
  reconcile(): void;
  /** The static pod of that `namespace/name`. */
  get(name: string): Pod | undefined;
  /** The mirror that shows just this pod. */
  mirrorOf(pod: Pod): Pod | undefined;
}

const RETRY = { firstDelayMs: 1000, largestDelayMs: 30_000, jitter: 0.2 } as const;

export function createStaticPods(env: Env, parts: StaticPodsParts): StaticPods {
  return new FileStaticPods(env, parts);
}

class FileStaticPods implements StaticPods {
  private wanted: ReadonlyMap<string, Pod> = new Map();
  /** By name: what has been begun and has not ended. */
  private readonly running = new Map<string, Pod>();
  private readonly ending = new Set<string>();
  private readonly mirrors = new Map<string, Pod>();
  private readonly folder: ManifestFolder | undefined;
  private readonly retry: Backoff;
  private readonly log: Logger;
  private timer: Timer | undefined;
  private pending = false;
  private working = false;
  private stopped = false;

  constructor(
    private readonly env: Env,
    private readonly parts: StaticPodsParts,
  ) {
    this.log = env.log.child("static-pods");
    this.retry = createBackoff(env, RETRY);
    const { host, nodeName, path, invalid } = parts;
    if (path !== "") this.folder = createManifestFolder(env, { host, nodeName, path, invalid, changed: (found) => this.changed(found) });
  }

  async start(): Promise<void> {
    await this.folder?.start();
  }
  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.folder?.stop();
  }
  get(name: string): Pod | undefined {
    return this.running.get(name);
  }

  mirrorOf(pod: Pod): Pod | undefined {
    const mirror = this.mirrors.get(fullName(pod));
    return mirror !== undefined && isMirrorOf(mirror, pod) ? mirror : undefined;
  }

  mirrorSeen(mirror: Pod): void {
    const name = fullName(mirror);
    this.mirrors.set(name, mirror);
    const shown = this.running.get(name);
    if (shown !== undefined && isMirrorOf(mirror, shown)) this.parts.statuses.mirrored(podUid(shown), mirror);
    this.reconcile();
  }
  mirrorGone(mirror: Pod): void {
    const name = fullName(mirror);
    if (this.mirrors.get(name)?.metadata.uid === mirror.metadata.uid) this.mirrors.delete(name);
    this.reconcile();
  }
  ended(pod: Pod): void {
    const name = fullName(pod);
    if (podUid(this.running.get(name) ?? pod) !== podUid(pod)) return;
    this.running.delete(name);
    this.ending.delete(name);
    this.changed(this.wanted);
  }

  private changed(found: ReadonlyMap<string, Pod>): void {
    this.wanted = found;
    for (const [name, pod] of this.running) {
      const next = found.get(name);
      if (this.ending.has(name) || next === pod) continue;
      this.log.info(next === undefined ? "a manifest is gone" : "a manifest has changed", { pod: name });
      this.ending.add(name);
      this.parts.end(pod);
    }
    for (const [name, pod] of found) {
      if (this.running.has(name)) continue;
      this.running.set(name, pod);
      this.parts.begin(pod);
    }
    this.reconcile();
  }

  reconcile(): void {
    this.pending = true;
    if (!this.working && !this.stopped) this.work().catch((error: unknown) => this.log.error("mirror pods are not looked after any more", { error }));
  }

  private async work(): Promise<void> {
    this.working = true;
    this.timer?.cancel();
    while (this.pending && !this.stopped) {
      this.pending = false;
      try {
        await this.bringMirrorsUpToDate();
        this.retry.reset();
      } catch (error) {
        this.log.debug("cannot bring the mirror pods up to date, will retry", { error });
        this.timer?.cancel();
        this.timer = this.env.clock.setTimeout(() => this.reconcile(), this.retry.next());
      }
    }
    this.working = false;
  }

  private async bringMirrorsUpToDate(): Promise<void> {
    const { client, node } = this.parts;
    const shown = new Map([...this.running].filter(([name, pod]) => !this.ending.has(name) && this.wanted.get(name) === pod));
    const plan = planMirrors({ statics: shown, mirrors: this.mirrors, ending: this.ending, node: node() });
    for (const mirror of plan.delete) {
      const of = { namespace: podNamespace(mirror), name: podName(mirror) };
      try {
        await client.delete(pods, of, { gracePeriodSeconds: 0, preconditions: { uid: podUid(mirror) } });
      } catch (error) {
        // Gone already, or another one by now: the next news tells.
        if (!isStatus(error, "NotFound", "Conflict")) throw error;
      }
    }
    for (const mirror of plan.create) {
      if (this.stopped) return;
      try {
        await client.create(pods, mirror);
      } catch (error) {
        // Its news is on the way; a pod of somebody else by that name is in the way.
        if (!isStatus(error, "AlreadyExists")) throw error;
        this.log.debug("a pod of a mirror's name exists", { pod: fullName(mirror) });
      }
    }
  }
}
