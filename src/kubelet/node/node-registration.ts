// Keeps the Node object and the node's lease alive (https://kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats): registered
// at start, the lease renewed every 10 s, the status written when it changed and every 5 minutes.
import { isStatus, type JsonValue, type Node, type NodeStatus, nodes } from "../../api/index.ts";
import type { Env, Logger, Timer } from "../../base/index.ts";
import { type Client, createInformer, delay, type EventRecorder, type Informer } from "../../client/index.ts";
import type { KubeletHost } from "../host.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { renewLease } from "./node-lease.ts";
import { type NodeIdentity, type NodeObservation, newNode, nodeLabels, nodeStatus, nodeStatusChanged } from "./node-object.ts";

export interface NodeRegistration {
  /** Resolves once the Node object is there and known. */
  start(): Promise<void>;
  stop(): void;
  /** The Node object as last seen. */
  node(): Node | undefined;
  /** Look again soon: something that the status shows has changed. */
  touch(): void;
  /** Why the node is not ready now. */
  readonly problems: readonly string[];
}

export interface NodeRegistrationParts {
  readonly client: Client;
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly recorder: EventRecorder;
  readonly identity: NodeIdentity;
  readonly taints: NonNullable<Node["spec"]["taints"]>;
  readonly setUpPodNetwork?: (podCidr: string) => Promise<void>;
}

const LEASE_PERIOD_MS = 10_000;
const STATUS_PERIOD_MS = 5 * 60_000;
const REGISTER_RETRY_MS = 500;

export function createNodeRegistration(env: Env, parts: NodeRegistrationParts): NodeRegistration {
  return new NodeKeeper(env, parts);
}

class NodeKeeper implements NodeRegistration {
  problems: readonly string[] = [];
  private readonly informer: Informer<Node>;
  private readonly log: Logger;
  private readonly abort = new AbortController();
  private timer: Timer | undefined;
  private writtenMs = Number.NEGATIVE_INFINITY;
  private writing: Promise<void> | undefined;
  private podCidr = "";

  constructor(
    private readonly env: Env,
    private readonly parts: NodeRegistrationParts,
  ) {
    this.log = env.log.child("node");
    this.informer = createInformer(env, parts.client, nodes, { fieldSelector: `metadata.name=${parts.identity.nodeName}` });
    this.informer.addHandler({ added: (node) => this.seen(node), updated: (node) => this.seen(node), deleted: () => this.touch() });
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
    this.tick();
  }
  stop(): void {
    this.abort.abort();
    this.timer?.cancel();
    this.informer.stop();
  }
  node(): Node | undefined {
    return this.informer.get(this.parts.identity.nodeName);
  }
  touch(): void {
    if (!this.abort.signal.aborted && this.informer.hasSynced()) this.writing ??= this.writeStatus();
  }

  private reference(): { kind: string; name: string; uid: string; apiVersion: string } {
    const { nodeName } = this.parts.identity;
    return { kind: "Node", name: nodeName, uid: nodeName, apiVersion: "v1" };
  }

  /** The pod network's range comes from the control plane. */
  private seen(node: Node): void {
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
    const { client, identity, taints } = this.parts;
    const observation = await this.observe();
    const status = nodeStatus(identity, observation, undefined);
    try {
      await client.create(nodes, newNode(identity, observation.facts, status, taints));
      this.announce(status, undefined);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
      await this.reconcileExisting(observation);
    }
    this.writtenMs = this.env.clock.monotonic();
    await renewLease(this.env, client, identity.nodeName);
  }

  private async reconcileExisting(observation: NodeObservation): Promise<void> {
    const { client, identity } = this.parts;
    const existing = await client.get(nodes, { name: identity.nodeName });
    const labels = nodeLabels(identity, observation.facts);
    if (Object.entries(labels).some(([key, value]) => existing.metadata.labels?.[key] !== value)) {
      await client.patch(nodes, { name: identity.nodeName }, { type: "merge", body: { metadata: { labels } } });
    }
    await this.patchStatus(existing, nodeStatus(identity, observation, existing.status));
  }

  private tick(): void {
    if (this.abort.signal.aborted) return;
    this.timer = this.env.clock.setTimeout(() => this.tick(), LEASE_PERIOD_MS);
    renewLease(this.env, this.parts.client, this.parts.identity.nodeName).catch((error: unknown) => {
      this.log.warn("cannot renew the node's lease, will retry", { error });
    });
    this.touch();
  }

  private async writeStatus(): Promise<void> {
    try {
      const stored = this.node();
      if (stored === undefined) return await this.register();
      const wanted = nodeStatus(this.parts.identity, await this.observe(), stored.status);
      const isDue = this.env.clock.monotonic() - this.writtenMs >= STATUS_PERIOD_MS;
      if (isDue || nodeStatusChanged(stored.status, wanted)) await this.patchStatus(stored, wanted);
    } catch (error) {
      this.log.warn("cannot write the node's status, will retry", { error });
    } finally {
      this.writing = undefined;
    }
  }

  private async patchStatus(stored: Node, wanted: NodeStatus): Promise<void> {
    const { client, identity } = this.parts;
    const { addresses = [], ...rest } = wanted;
    const status = { ...rest, addresses: [{ $patch: "replace" }, ...addresses] } as unknown as JsonValue;
    await client.patch(nodes, { name: identity.nodeName }, { type: "strategic", body: { status } }, { subresource: "status" });
    this.writtenMs = this.env.clock.monotonic();
    this.announce(wanted, stored.status);
  }

  private async observe(): Promise<NodeObservation> {
    const { host, runtime } = this.parts;
    const problems: string[] = [];
    let images: NodeObservation["images"] = [];
    let runtimeVersion = "";
    try {
      const [status, version] = await Promise.all([runtime.status(), runtime.version()]);
      runtimeVersion = `${version.name}://${version.version}`;
      if (!status.runtimeReady) problems.push(`container runtime not ready: ${status.message}`);
      else if (!status.networkReady) {
        problems.push(`container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:${status.message}`);
      }
      images = await runtime.listImages();
    } catch (error) {
      problems.push(`container runtime is down: ${error instanceof Error ? error.message : String(error)}`);
      runtimeVersion = this.node()?.status?.nodeInfo?.containerRuntimeVersion ?? runtimeVersion;
    }
    this.problems = problems;
    const [facts, filesystem] = await Promise.all([host.facts(), host.filesystemUsage()]);
    return { facts, filesystem, images, runtimeVersion, problems, nowMs: this.env.clock.now() };
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
      this.parts.recorder.event(this.reference(), "Normal", name, `Node ${this.parts.identity.nodeName} status is now: ${name}`);
    }
  }
}
