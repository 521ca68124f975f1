// The service proxy: keeps the node's ruleset as Services and EndpointSlices say it should be. A change plans the services it
// touches, and only these; changes that come while a transaction runs go into the next.
import { type EndpointSlice, endpointSlices, objectKey, type Service, services } from "../api/index.ts";
import type { Env, Logger, Timer } from "../base/index.ts";
import { type Client, createInformer, type Informer } from "../client/index.ts";
import { type Flow, staleFlows } from "./conntrack.ts";
import { type ProxyOptions, planService, type UdpFrontend } from "./plan.ts";
import { Ruleset } from "./ruleset.ts";

/** The machine's side. Every method may reject; the proxy tries again. */
export interface ProxyApplier {
  /** Runs one atomic nft script. */
  apply(script: string): Promise<void>;
  /** The UDP flows that connection tracking knows; undefined when this machine cannot tell. */
  udpFlows(): Promise<readonly Flow[] | undefined>;
  endFlow(flow: Flow): Promise<void>;
  isLocalAddress(ip: string): boolean;
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
const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const SERVICE_INDEX = "service";

export function createProxy(env: Env, client: Client, applier: ProxyApplier, options: ProxyOptions): ServiceProxy {
  return new InformedServiceProxy(env, client, applier, options);
}

class InformedServiceProxy implements ServiceProxy {
  private readonly log: Logger;
  private readonly services: Informer<Service>;
  private readonly slices: Informer<EndpointSlice>;
  private readonly ruleset = new Ruleset();
  private readonly dirty = new Set<string>();
  private readonly udp = new Map<string, readonly UdpFrontend[]>();
  /** Frontends whose flows must be looked at once the rules are in place. */
  private changedUdp = new Set<string>();
  private timer: Timer | undefined;
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
    this.services.start();
    this.slices.start();
    await Promise.all([this.services.synced(), this.slices.synced()]);
    // Not before: half the endpoints would cut connections that a former proxy's rules still serve.
    this.started = true;
    this.schedule(0);
    await this.settled();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    this.timer = undefined;
    this.services.stop();
    this.slices.stop();
    await this.running;
    this.wake();
  }

  settled(): Promise<void> {
    if (this.stopped || (this.timer === undefined && this.running === undefined)) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }

  private changed(key: string | undefined): void {
    if (key === undefined || this.stopped) return;
    this.dirty.add(key);
    if (this.started) this.schedule(DELAY_MS);
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
      if (this.dirty.size > 0) this.schedule(DELAY_MS);
      else this.wake();
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
    for (const key of this.dirty) {
      // One service that cannot be understood does not stop the others.
      try {
        this.plan(key);
      } catch (error) {
        this.log.error("a service's rules could not be planned", { service: key, error });
      }
    }
    this.dirty.clear();
    const transaction = this.ruleset.transaction();
    if (transaction !== undefined) {
      const startedMs = this.env.clock.monotonic();
      try {
        await this.applier.apply(transaction.script);
      } catch (error) {
        transaction.settled(false);
        this.log.error("service rules could not be set", { error, retryInMs: this.retryMs });
        return false;
      }
      transaction.settled(true);
      this.env.metrics
        .histogram("kubeproxy_sync_proxy_rules_duration_seconds", "Time to bring the node's service rules up to date.")
        .observe((this.env.clock.monotonic() - startedMs) / 1000);
    }
    return this.endStaleFlows();
  }

  private plan(key: string): void {
    const service = this.services.get(key);
    const plan = service === undefined ? undefined : planService(service, this.slices.byIndex(SERVICE_INDEX, key), this.options);
    this.ruleset.set(key, plan?.claims ?? new Map());
    const before = this.udp.get(key) ?? [];
    const after = plan?.udp ?? [];
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    for (const frontend of [...before, ...after]) this.changedUdp.add(frontend.key);
    if (after.length === 0) this.udp.delete(key);
    else this.udp.set(key, after);
  }

  private async endStaleFlows(): Promise<boolean> {
    if (this.changedUdp.size === 0) return true;
    const changed = this.changedUdp;
    this.changedUdp = new Set();
    try {
      const flows = await this.applier.udpFlows();
      if (flows === undefined) {
        if (!this.warnedAboutFlows)
          this.log.warn("conntrack is not installed: UDP clients keep talking to endpoints that are gone until they pause for some minutes");
        this.warnedAboutFlows = true;
        return true;
      }
      const frontends = [...this.udp.values()].flat();
      const present = new Set(frontends.map(({ key }) => key));
      const gone = new Set([...changed].filter((key) => !present.has(key)));
      for (const flow of staleFlows(flows, frontends, gone, (ip) => this.applier.isLocalAddress(ip))) await this.applier.endFlow(flow);
      return true;
    } catch (error) {
      for (const key of changed) this.changedUdp.add(key);
      this.log.error("stale UDP flows could not be ended", { error, retryInMs: this.retryMs });
      return false;
    }
  }
}

function serviceKey(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  return name === undefined ? undefined : `${slice.metadata.namespace}/${name}`;
}
