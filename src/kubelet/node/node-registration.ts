// Keeps the Node object and the node's lease alive (https://kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats): registered
// at start and again when it was deleted, the lease renewed four times in its duration (10 s), the status written when it changed
// and every 5 minutes.
//
// Invariant: what cannot be found out now (the runtime is down, the disk does not tell) is shown as a problem or as it was before;
// it never keeps the heartbeat back.
import { isStatus, type JsonValue, type Node, type NodeStatus, nodes } from "../../api/index.ts";
import type { Env, Logger, Timer } from "../../base/index.ts";
import { type Client, createInformer, delay, type EventRecorder, type Informer } from "../../client/index.ts";
import type { KubeletSettings } from "../configuration/kubelet-settings.ts";
import type { PressureCondition } from "../eviction/thresholds.ts";
import type { KubeletHost } from "../host.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import type { Housekeeping } from "./housekeeping.ts";
import { renewLease } from "./node-lease.ts";
import { type NodeIdentity, type NodeObservation, newNode, nodeLabels, nodeStatus, nodeStatusChanged, staleStatus } from "./node-object.ts";

export interface NodeRegistration {
  /** Resolves once the Node object is there and known. */
  start(): Promise<void>;
  stop(): void;
  /** The Node object as last seen. */
  node(): Node | undefined;
  /** Look again soon: something that the status shows has changed. */
  touch(): void;
  /** The images that the node has are to be listed anew. */
  imagesChanged(): void;
  /** Why the node is not ready now. */
  readonly problems: readonly string[];
}

export interface NodeRegistrationParts {
  readonly client: Client;
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly recorder: EventRecorder;
  readonly identity: NodeIdentity;
  readonly settings: KubeletSettings;
  readonly housekeeping: Housekeeping;
  /** What the node is short of now. */
  readonly pressures: () => ReadonlySet<PressureCondition>;
  /** Why the node is not ready, beside what the runtime says. */
  readonly otherProblems: () => readonly string[];
  /** The Node object came or changed. */
  readonly seen: () => void;
  readonly setUpPodNetwork?: (podCidr: string) => Promise<void>;
}

const REGISTER_RETRY_MS = 500;
/** Images change with an event; this is for what no event told. */
const IMAGES_PERIOD_MS = 5 * 60_000;
const IMAGES_SETTLE_MS = 1000;
const LEASE_RENEWALS = 4;

export function createNodeRegistration(env: Env, parts: NodeRegistrationParts): NodeRegistration {
  return new NodeKeeper(env, parts);
}

class NodeKeeper implements NodeRegistration {
  problems: readonly string[] = [];
  private readonly informer: Informer<Node>;
  private readonly log: Logger;
  private readonly abort = new AbortController();
  private images: NodeObservation["images"] | undefined;
  private imagesListedMs = Number.NEGATIVE_INFINITY;
  /** Absent: not asked since the runtime was last seen down. */
  private runtimeVersion: string | undefined;
  private filesystemFails = false;
  private isTouched = false;
  private settling: Timer | undefined;
  private writtenMs = Number.NEGATIVE_INFINITY;
  private writing: Promise<void> | undefined;
  private podCidr = "";

  constructor(
    private readonly env: Env,
    private readonly parts: NodeRegistrationParts,
  ) {
    this.log = env.log.child("node");
    this.informer = createInformer(env, parts.client, nodes, { fieldSelector: `metadata.name=${parts.identity.nodeName}` });
    this.informer.addHandler({ added: (node) => this.seen(node), updated: (node, old) => this.seen(node, old), deleted: () => this.touch() });
  }

  async start(): Promise<void> {
    this.parts.recorder.event(this.reference(), "Normal", "Starting", "Starting kubelet.");
    while (!this.abort.signal.aborted) {
      try {
        await this.register();
        break;
      } catch (error) {
        this.log.warn("cannot register the node, will retry", { node: this.parts.identity.nodeName, error });
        await delay(this.env, REGISTER_RETRY_MS, this.abort.signal);
      }
    }
    this.informer.start();
    await this.informer.synced();
    const { nodeLeaseSeconds, nodeStatusUpdateMs } = this.parts.settings;
    this.parts.housekeeping.every((nodeLeaseSeconds * 1000) / LEASE_RENEWALS, "lease", () => this.renew());
    this.parts.housekeeping.every(nodeStatusUpdateMs, "node status", () => this.touch());
    this.touch();
  }
  stop(): void {
    this.abort.abort();
    this.settling?.cancel();
    this.informer.stop();
  }
  node(): Node | undefined {
    return this.informer.get(this.parts.identity.nodeName);
  }
  touch(): void {
    if (this.abort.signal.aborted || !this.informer.hasSynced()) return;
    if (this.writing === undefined) this.writing = this.writeStatus();
    else this.isTouched = true;
  }
  imagesChanged(): void {
    this.images = undefined;
    // One pull is several events.
    this.settling ??= this.env.clock.setTimeout(() => {
      this.settling = undefined;
      this.touch();
    }, IMAGES_SETTLE_MS);
  }

  private reference(): { kind: string; name: string; uid: string; apiVersion: string } {
    const { nodeName } = this.parts.identity;
    return { kind: "Node", name: nodeName, uid: nodeName, apiVersion: "v1" };
  }

  /** The pod network's range comes from the control plane. */
  private seen(node: Node, old?: Node): void {
    const [closed, wasClosed] = [node.spec.unschedulable === true, (old ?? node).spec.unschedulable === true];
    if (closed !== wasClosed) this.tell(closed ? "NodeNotSchedulable" : "NodeSchedulable");
    this.parts.seen();
    const { podCIDR } = node.spec;
    if (podCIDR === undefined || podCIDR === "" || podCIDR === this.podCidr) return;
    this.podCidr = podCIDR;
    this.takePodCidr(podCIDR).then(
      () => this.touch(),
      (error: unknown) => this.log.error("the runtime does not take the pod network's range", { podCIDR, error }),
    );
  }

  private async takePodCidr(podCidr: string): Promise<void> {
    await this.parts.setUpPodNetwork?.(podCidr);
    await this.parts.runtime.updatePodCidr(podCidr);
  }

  private async register(): Promise<void> {
    const { client, identity, settings } = this.parts;
    const observation = await this.observe();
    const status = nodeStatus(identity, settings, observation, undefined);
    try {
      await client.create(nodes, newNode(identity, settings, observation.facts, status));
      this.announce(status, undefined);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
      await this.reconcileExisting(observation);
    }
    this.writtenMs = this.env.clock.monotonic();
    await renewLease(this.env, client, identity.nodeName, settings.nodeLeaseSeconds);
  }

  private async reconcileExisting(observation: NodeObservation): Promise<void> {
    const { client, identity, settings } = this.parts;
    const existing = await client.get(nodes, { name: identity.nodeName });
    const labels = nodeLabels(identity, observation.facts);
    if (Object.entries(labels).some(([key, value]) => existing.metadata.labels?.[key] !== value)) {
      await client.patch(nodes, { name: identity.nodeName }, { type: "merge", body: { metadata: { labels } } });
    }
    const bootId = existing.status?.nodeInfo?.bootID ?? "";
    if (bootId !== "" && bootId !== observation.facts.bootId) {
      const message = `Node ${identity.nodeName} has been rebooted, boot id: ${observation.facts.bootId}`;
      this.parts.recorder.event(this.reference(), "Warning", "Rebooted", message);
    }
    await this.patchStatus(existing, nodeStatus(identity, settings, observation, existing.status));
  }

  private async renew(): Promise<void> {
    const { client, identity, settings } = this.parts;
    if (!this.abort.signal.aborted) await renewLease(this.env, client, identity.nodeName, settings.nodeLeaseSeconds);
  }

  private async writeStatus(): Promise<void> {
    try {
      const stored = this.node();
      if (stored === undefined) return await this.register();
      const { identity, settings } = this.parts;
      const wanted = nodeStatus(identity, settings, await this.observe(), stored.status);
      const isDue = this.env.clock.monotonic() - this.writtenMs >= settings.nodeStatusReportMs;
      if (isDue || nodeStatusChanged(stored.status, wanted)) await this.patchStatus(stored, wanted);
    } catch (error) {
      this.log.warn("cannot write the node's status, will retry", { error });
    } finally {
      this.writing = undefined;
      if (this.isTouched) {
        this.isTouched = false;
        this.touch();
      }
    }
  }

  private async patchStatus(stored: Node, wanted: NodeStatus): Promise<void> {
    const { client, identity } = this.parts;
    const { addresses = [], ...rest } = wanted;
    const status = { ...rest, ...staleStatus(stored.status, wanted), addresses: [{ $patch: "replace" }, ...addresses] } as unknown as JsonValue;
    await client.patch(nodes, { name: identity.nodeName }, { type: "strategic", body: { status } }, { subresource: "status" });
    this.writtenMs = this.env.clock.monotonic();
    this.announce(wanted, stored.status);
  }

  private async observe(): Promise<NodeObservation> {
    const { host, runtime, pressures, otherProblems } = this.parts;
    const problems: string[] = [];
    let features: Pick<NodeObservation, "runtimeHandlers" | "supplementalGroupsPolicy"> = { runtimeHandlers: [] };
    try {
      const status = await runtime.status();
      features = status;
      if (!status.runtimeReady) problems.push(`container runtime not ready: ${status.message}`);
      else if (!status.networkReady) {
        problems.push(`container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:${status.message}`);
      }
      this.runtimeVersion ??= await runtime.version().then(({ name, version }) => `${name}://${version}`);
      await this.listImages();
    } catch (error) {
      problems.push(`container runtime is down: ${error instanceof Error ? error.message : String(error)}`);
      this.runtimeVersion = undefined;
    }
    problems.push(...otherProblems());
    this.problems = problems;
    return {
      facts: await host.facts(),
      filesystem: await this.filesystem(),
      images: this.images ?? [],
      runtimeVersion: this.runtimeVersion ?? this.node()?.status?.nodeInfo?.containerRuntimeVersion ?? "",
      runtimeHandlers: features.runtimeHandlers,
      supplementalGroupsPolicy: features.supplementalGroupsPolicy,
      pressures: pressures(),
      problems,
      nowMs: this.env.clock.now(),
    };
  }

  private async listImages(): Promise<void> {
    const nowMs = this.env.clock.monotonic();
    if (this.images !== undefined && nowMs - this.imagesListedMs < IMAGES_PERIOD_MS) return;
    this.images = await this.parts.runtime.listImages();
    this.imagesListedMs = nowMs;
  }

  private async filesystem(): Promise<NodeObservation["filesystem"]> {
    try {
      const usage = await this.parts.host.filesystemUsage();
      this.filesystemFails = false;
      return usage;
    } catch (error) {
      if (!this.filesystemFails) this.log.warn("cannot look at the node's file system", { error });
      this.filesystemFails = true;
      return undefined;
    }
  }

  /** Tells of every condition that turned. */
  private announce(status: NodeStatus, before: NodeStatus | undefined): void {
    const names: Readonly<Record<string, readonly [whenTrue: string, whenFalse: string]>> = {
      Ready: ["NodeReady", "NodeNotReady"],
      MemoryPressure: ["NodeHasInsufficientMemory", "NodeHasSufficientMemory"],
      DiskPressure: ["NodeHasDiskPressure", "NodeHasNoDiskPressure"],
      PIDPressure: ["NodeHasInsufficientPID", "NodeHasSufficientPID"],
    };
    for (const { type, status: value } of status.conditions ?? []) {
      const name = names[type]?.[value === "True" ? 0 : 1];
      const old = before?.conditions?.find((condition) => condition.type === type);
      if (name === undefined || old?.status === value) continue;
      this.tell(name);
    }
  }
  private tell(reason: string): void {
    this.parts.recorder.event(this.reference(), "Normal", reason, `Node ${this.parts.identity.nodeName} status is now: ${reason}`);
  }
}
