// The service proxy: keeps the node's ruleset as Services, EndpointSlices and host ports of pods say it should be. A change
// plans what it touches, and only that; changes that come while a transaction runs go into the next. What somebody else does to
// the tables is found and put right within half a minute.
import {
  type EndpointSlice,
  endpointSlices,
  type Node,
  nodeLabels,
  nodes,
  objectKey,
  type Pod,
  podHostPorts,
  type Service,
  serviceLabels,
  services,
} from "../api/index.ts";
import type { Env, Logger, Timer } from "../base/index.ts";
import { type Client, createEventRecorder, createInformer, type EventRecorder, type Informer } from "../client/index.ts";
import { localReadyCount } from "./endpoints.ts";
import { familyOf } from "./family.ts";
import { FamilyRules, type ProxyApplier } from "./family-rules.ts";
import { type OpenHealthPort, ProxyHealth, ServiceHealthPorts } from "./health.ts";
import { hasOwnHostPorts, planHostPorts } from "./host-ports.ts";
import { byAge, LoadBalancerPorts, type PortReserver } from "./load-balancer.ts";
import { planService, type ServicePlan } from "./plan.ts";

export interface ProxyOptions {
  readonly nodeName: string;
  /** Source addresses of all pods, a range of each address family that the cluster has. */
  readonly clusterCidrs: readonly string[];
  /** The pods of this node, for their host ports. Absent: host ports are somebody else's. */
  readonly pods?: Informer<Pod>;
  /** Makes the node answer for load balancers. Absent: only the addresses that others give them are served. */
  readonly loadBalancers?: {
    readonly reserver: PortReserver;
    /** Tells the cluster for which services, by their keys, this node answers. */
    readonly publish: (keys: readonly string[]) => Promise<void>;
  };
  /** Absent: nobody is told how the proxy is. */
  readonly openHealthPort?: OpenHealthPort;
}

export interface ServiceProxy {
  start(): Promise<void>;
  /** The rules stay: connections go on while the proxy is replaced. */
  stop(): Promise<void>;
  /** Resolves when what was seen so far has been brought to the kernel, or was tried to: failures are logged and tried again. */
  settled(): Promise<void>;
}

/** Collects the events that belong together, as those of a rollout do. */
const DELAY_MS = 10;
const FIRST_RETRY_MS = 500;
const LARGEST_RETRY_MS = 30_000;
const CHECK_INTERVAL_MS = 30_000;
export const HEALTH_PORT = 10_256;
const SERVICE_INDEX = "service";
const COMPONENT = "kube-proxy";

export function createProxy(env: Env, client: Client, applier: ProxyApplier, options: ProxyOptions): ServiceProxy {
  return new InformedServiceProxy(env, client, applier, options);
}

class InformedServiceProxy implements ServiceProxy {
  private readonly log: Logger;
  private readonly services: Informer<Service>;
  private readonly slices: Informer<EndpointSlice>;
  private readonly node: Informer<Node>;
  private readonly families: readonly FamilyRules[];
  private readonly recorder: EventRecorder;
  private readonly balancers: LoadBalancerPorts | undefined;
  private readonly health: ProxyHealth;
  private readonly healthPorts: ServiceHealthPorts | undefined;
  private healthServer: { close(): void } | undefined;
  private readonly dirtyServices = new Set<string>();
  private readonly dirtyPods = new Set<string>();
  /** The keys that were published last, as text. */
  private published: string | undefined;
  private removePodHandler: (() => void) | undefined;
  private timer: Timer | undefined;
  private checkTimer: Timer | undefined;
  private running: Promise<void> | undefined;
  private retryMs = FIRST_RETRY_MS;
  private started = false;
  private stopped = false;
  private warnedAboutFlows = false;
  private waiters: (() => void)[] = [];

  constructor(
    private readonly env: Env,
    client: Client,
    private readonly applier: ProxyApplier,
    private readonly options: ProxyOptions,
  ) {
    this.log = env.log.child("proxy");
    this.services = createInformer(env, client, services);
    this.slices = createInformer(env, client, endpointSlices);
    this.slices.addIndex(SERVICE_INDEX, (slice) => [serviceKey(slice)].filter((key) => key !== undefined));
    this.node = createInformer(env, client, nodes, { fieldSelector: `metadata.name=${options.nodeName}` });
    this.recorder = createEventRecorder(env, client, COMPONENT, { host: options.nodeName, style: "series" });
    const { clusterCidrs, loadBalancers, pods, openHealthPort } = options;
    this.families = clusterCidrs.map((cidr) => new FamilyRules(familyOf(cidr), applier));
    this.health = new ProxyHealth(
      env.clock,
      this.families.map(({ family }) => family.name),
    );
    const isHostPort = (name: string): boolean =>
      pods?.list().some((pod) => hasOwnHostPorts(pod) && podHostPorts(pod).some(({ protocol, port }) => `${protocol}/${port}` === name)) ?? false;
    this.balancers = loadBalancers === undefined ? undefined : new LoadBalancerPorts(loadBalancers.reserver, isHostPort);
    this.healthPorts =
      openHealthPort === undefined
        ? undefined
        : new ServiceHealthPorts(openHealthPort, this.health, this.log, (service, port, error) => {
            const message = `node ${options.nodeName} failed to start healthcheck "${objectKey(service)}" on port ${port}: ${error instanceof Error ? error.message : String(error)}`;
            this.recorder.event(service, "Warning", "FailedToStartServiceHealthcheck", message, { action: "Listen" });
          });
  }

  async start(): Promise<void> {
    const service = (object: Service) => this.changed(objectKey(object));
    const slice = (object: EndpointSlice) => this.changed(serviceKey(object));
    this.services.addHandler({ added: service, updated: service, deleted: service });
    this.slices.addHandler({
      added: slice,
      updated: (object, old) => {
        slice(old);
        slice(object);
      },
      deleted: slice,
    });
    this.node.addHandler({ updated: (object, old) => zoneOf(object) !== zoneOf(old) && this.everythingChanged() });
    this.services.start();
    this.slices.start();
    this.node.start();
    await Promise.all([this.services.synced(), this.slices.synced(), this.node.synced(), this.followPods()]);
    // Not before: half the endpoints would cut connections that a former proxy's rules still serve.
    this.started = true;
    this.healthServer = await this.options.openHealthPort?.(HEALTH_PORT, (path) => this.health.answer(path, this.node.get(this.options.nodeName)));
    this.schedule(0);
    await this.settled();
    this.checkLater();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    this.timer = undefined;
    this.checkTimer?.cancel();
    this.removePodHandler?.();
    this.services.stop();
    this.slices.stop();
    this.node.stop();
    await this.running;
    this.balancers?.releaseAll();
    this.healthPorts?.close();
    this.healthServer?.close();
    this.recorder.stop();
    this.wake();
  }

  settled(): Promise<void> {
    if (this.stopped || (this.timer === undefined && this.running === undefined)) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }

  private async followPods(): Promise<void> {
    const { pods } = this.options;
    if (pods === undefined) return;
    const changed = (pod: Pod): void => {
      if (podHostPorts(pod).length === 0 || this.stopped) return;
      this.dirtyPods.add(objectKey(pod));
      if (this.started) this.schedule(DELAY_MS);
    };
    this.removePodHandler = pods.addHandler({ added: changed, updated: changed, deleted: changed });
    await pods.synced();
  }

  private changed(key: string | undefined): void {
    if (key === undefined || this.stopped) return;
    this.dirtyServices.add(key);
    this.health.queued();
    if (this.started) this.schedule(DELAY_MS);
  }

  private everythingChanged(): void {
    for (const service of this.services.list()) this.changed(objectKey(service));
  }

  private schedule(delayMs: number): void {
    if (this.timer !== undefined || this.running !== undefined || this.stopped) return;
    this.timer = this.env.clock.setTimeout(() => {
      this.timer = undefined;
      this.running = this.run();
    }, delayMs);
  }

  private async run(): Promise<void> {
    const succeeded = await this.synchronise();
    this.running = undefined;
    if (succeeded) {
      this.retryMs = FIRST_RETRY_MS;
      if (this.dirtyServices.size + this.dirtyPods.size > 0) this.schedule(DELAY_MS);
      else {
        this.health.updated();
        this.wake();
      }
      return;
    }
    this.schedule(this.retryMs);
    this.retryMs = Math.min(LARGEST_RETRY_MS, this.retryMs * 2);
    this.wake();
  }

  private wake(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** False: it must be tried again. */
  private async synchronise(): Promise<boolean> {
    await this.planServices();
    this.planPods();
    return (await this.applyRules()) && (await this.endStaleFlows()) && (await this.publish());
  }

  private async planServices(): Promise<void> {
    const keys = this.inOrder();
    this.dirtyServices.clear();
    for (const key of keys) {
      // One service that cannot be understood does not stop the others.
      try {
        const service = this.services.get(key);
        const slices = this.slices.byIndex(SERVICE_INDEX, key);
        const balancerPorts = await this.settleBalancer(key, service);
        for (const { family, plan } of this.plansOf(service, slices, balancerPorts)) family.set(key, plan);
        await this.healthPorts?.settle(key, service, localReadyCount(slices, this.options));
      } catch (error) {
        this.log.error("a service's rules could not be planned", { service: key, error });
      }
    }
  }

  /** Those that want ports of the node in the order in which they came; first what is gone, for it may free some. */
  private inOrder(): string[] {
    const known = [...this.dirtyServices].map((key) => this.services.get(key)).filter((service) => service !== undefined);
    return [...[...this.dirtyServices].filter((key) => this.services.get(key) === undefined), ...byAge(known)];
  }

  private plansOf(service: Service | undefined, slices: readonly EndpointSlice[], balancerPorts: ReadonlySet<string>) {
    const { nodeName, clusterCidrs } = this.options;
    const zone = zoneOf(this.node.get(nodeName));
    return this.families.map((family, index): { family: FamilyRules; plan: ServicePlan | undefined } => ({
      family,
      plan:
        service === undefined
          ? undefined
          : planService(service, slices, {
              family: family.family,
              clusterCidr: clusterCidrs[index] ?? "",
              nodeName,
              balancerPorts,
              ...(zone === undefined ? {} : { zone }),
            }),
    }));
  }

  private async settleBalancer(key: string, service: Service | undefined): Promise<ReadonlySet<string>> {
    if (this.balancers === undefined) return new Set();
    const wasWaiting = this.balancers.waiting.has(key);
    const before = this.balancers.heldCount;
    const holding = await this.balancers.settle(key, service);
    // What was let go may be what others wait for.
    if (this.balancers.heldCount < before) for (const other of this.balancers.waiting) this.changed(other);
    if ("takenPort" in holding && service !== undefined && !wasWaiting) {
      const message = `Error syncing load balancer: port ${holding.takenPort} of node ${this.options.nodeName} is taken by ${holding.by}`;
      this.recorder.event(service, "Warning", "SyncLoadBalancerFailed", message, { action: "Reserve" });
    }
    return holding.held;
  }

  private planPods(): void {
    const keys = [...this.dirtyPods];
    this.dirtyPods.clear();
    for (const key of keys) {
      const pod = this.options.pods?.get(key);
      for (const rules of this.families) rules.set(`pod ${key}`, pod === undefined ? undefined : planHostPorts(pod, rules.family));
    }
    // A host port that came takes its port from a load balancer; one that is gone may be what a load balancer waits for.
    if (keys.length > 0) for (const key of [...(this.balancers?.published() ?? []), ...(this.balancers?.waiting ?? [])]) this.changed(key);
  }

  private async applyRules(): Promise<boolean> {
    const transactions = this.families.map(({ ruleset }) => ruleset.transaction()).filter((transaction) => transaction !== undefined);
    if (transactions.length === 0) return true;
    const startedMs = this.env.clock.monotonic();
    try {
      await this.applier.apply(transactions.map(({ script }) => script).join(""));
    } catch (error) {
      for (const transaction of transactions) transaction.settled(false);
      this.log.error("service rules could not be set", { error, retryInMs: this.retryMs });
      // The first failure may be of the moment. Another one may be of one service, which shall not keep the others waiting.
      if (this.retryMs > FIRST_RETRY_MS) await this.refuseWhatDoesNotApply();
      return false;
    }
    for (const transaction of transactions) transaction.settled(true);
    this.env.metrics
      .histogram("kubeproxy_sync_proxy_rules_duration_seconds", "Time to bring the node's service rules up to date.")
      .observe((this.env.clock.monotonic() - startedMs) / 1000);
    return true;
  }

  private async refuseWhatDoesNotApply(): Promise<void> {
    for (const rules of this.families) {
      for (const key of await rules.refuseWhatDoesNotApply()) {
        this.log.error("the kernel does not take a service's rules; it is left out until it changes", { service: key, family: rules.family.name });
        const service = this.services.get(key);
        if (service === undefined) continue;
        const message = `Node ${this.options.nodeName} cannot set the ${rules.family.name} rules of the service; it is left out until it changes`;
        this.recorder.event(service, "Warning", "ServiceRulesRefused", message, { action: "Apply" });
      }
    }
  }

  private async endStaleFlows(): Promise<boolean> {
    try {
      const told = await Promise.all(this.families.map((rules) => rules.endStaleFlows()));
      if (told.includes(false) && !this.warnedAboutFlows) {
        this.log.warn("conntrack is not installed: UDP clients keep talking to endpoints that are gone until they pause for some minutes");
        this.warnedAboutFlows = true;
      }
      return true;
    } catch (error) {
      this.log.error("stale UDP flows could not be ended", { error, retryInMs: this.retryMs });
      return false;
    }
  }

  /** Only once the rules are in place: who reads it may send traffic. */
  private async publish(): Promise<boolean> {
    const keys = this.balancers?.published();
    if (keys === undefined || keys.join() === this.published) return true;
    try {
      await this.options.loadBalancers?.publish(keys);
      this.published = keys.join();
      return true;
    } catch (error) {
      this.log.error("the load balancers of this node could not be published", { error, retryInMs: this.retryMs });
      return false;
    }
  }

  private checkLater(): void {
    if (this.stopped) return;
    this.checkTimer = this.env.clock.setTimeout(() => void this.check().finally(() => this.checkLater()), CHECK_INTERVAL_MS);
  }

  /** Looks for what others did: to the tables, and to ports that load balancers wait for. */
  private async check(): Promise<void> {
    for (const key of this.balancers?.waiting ?? []) this.changed(key);
    if (this.timer !== undefined || this.running !== undefined) return;
    for (const rules of this.families) {
      try {
        if (await rules.isIntact()) continue;
        // A transaction that ran meanwhile has its own idea of what is there, and the next check will see.
        if (this.timer !== undefined || this.running !== undefined) return;
        this.log.warn("somebody changed the service rules; they are put back", { family: rules.family.name });
        rules.ruleset.distrust();
        this.schedule(0);
      } catch (error) {
        this.log.error("the service rules could not be looked at", { error });
      }
    }
  }
}

function serviceKey(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[serviceLabels.serviceName];
  return name === undefined ? undefined : `${slice.metadata.namespace}/${name}`;
}

function zoneOf(node: Node | undefined): string | undefined {
  return node?.metadata.labels?.[nodeLabels.zone];
}
