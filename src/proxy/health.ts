// What the proxy says of its health over HTTP: of itself (`/healthz`, `/livez` on port 10256), and, on the health check node
// port of each load balancer that leads to local endpoints only, how many of them there are
// (https://kubernetes.io/docs/reference/networking/virtual-ips/#external-traffic-policy).
import { type Node, objectKey, type Service } from "../api/index.ts";
import type { Clock, Logger } from "../base/index.ts";

export interface HealthAnswer {
  readonly code: 200 | 404 | 503;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The machine's side: an HTTP server on all addresses. Rejects when the port is taken. */
export type OpenHealthPort = (port: number, answer: (path: string) => HealthAnswer) => Promise<{ close(): void }>;

/** Rules that wait longer than this for the kernel make the proxy unhealthy. */
const LATE_AFTER_MS = 60_000;
/** The cluster autoscaler is about to take the node away. */
const TO_BE_DELETED_TAINT = "ToBeDeletedByClusterAutoscaler";

export class ProxyHealth {
  #updatedAt: number | undefined;
  #pendingSince: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly families: readonly string[],
  ) {}

  queued(): void {
    this.#pendingSince ??= this.clock.now();
  }
  updated(): void {
    this.#pendingSince = undefined;
    this.#updatedAt = this.clock.now();
  }

  get healthy(): boolean {
    return this.#updatedAt === undefined || this.#pendingSince === undefined || this.clock.now() - this.#pendingSince < LATE_AFTER_MS;
  }

  /** Load balancers ask `/healthz` whether to send new connections here; `/livez` only tells whether the proxy works. */
  answer(path: string, node: Node | undefined): HealthAnswer {
    if (path !== "/healthz" && path !== "/livez") return { code: 404, body: "404 page not found\n" };
    const nodeEligible =
      node !== undefined && node.metadata.deletionTimestamp === undefined && !node.spec.taints?.some(({ key }) => key === TO_BE_DELETED_TAINT);
    const { healthy } = this;
    const isGood = healthy && (path === "/livez" || nodeEligible);
    const text = (ms: number | undefined): string => (ms === undefined ? "0001-01-01T00:00:00Z" : new Date(ms).toISOString());
    const now = this.clock.now();
    const status =
      this.#updatedAt === undefined ? {} : { status: Object.fromEntries(this.families.map((name) => [name, { lastUpdated: text(this.#updatedAt), healthy }])) };
    const body = {
      lastUpdated: text(isGood ? now : this.#updatedAt),
      currentTime: text(now),
      ...(path === "/healthz" ? { nodeEligible } : {}),
      healthy,
      ...status,
    };
    return { code: isGood ? 200 : 503, body: JSON.stringify(body) };
  }
}

/** The health check node ports that are open. */
export class ServiceHealthPorts {
  readonly #open = new Map<string, { readonly port: number; localEndpoints: number; close(): void }>();

  constructor(
    private readonly open: OpenHealthPort,
    private readonly proxyHealth: ProxyHealth,
    private readonly log: Logger,
    /** Tells users that the port is taken. */
    private readonly failed: (service: Service, port: number, error: unknown) => void,
  ) {}

  async settle(key: string, service: Service | undefined, localEndpoints: number): Promise<void> {
    const port = service === undefined ? 0 : healthPortOf(service);
    const current = this.#open.get(key);
    if (current !== undefined && current.port !== port) {
      current.close();
      this.#open.delete(key);
    }
    if (service === undefined || port === 0) return;
    const state = this.#open.get(key) ?? (await this.#listen(service, port));
    if (state !== undefined) state.localEndpoints = localEndpoints;
  }

  close(): void {
    for (const { close } of this.#open.values()) close();
    this.#open.clear();
  }

  async #listen(service: Service, port: number) {
    try {
      const server = await this.open(port, () => this.#answer(service));
      const state = { port, localEndpoints: 0, close: () => server.close() };
      this.#open.set(objectKey(service), state);
      return state;
    } catch (error) {
      this.log.error("a health check port could not be opened", { service: objectKey(service), port, error });
      this.failed(service, port, error);
      return undefined;
    }
  }

  #answer(service: Service): HealthAnswer {
    const { namespace, name } = service.metadata;
    const localEndpoints = this.#open.get(objectKey(service))?.localEndpoints ?? 0;
    const serviceProxyHealthy = this.proxyHealth.healthy;
    return {
      code: localEndpoints > 0 && serviceProxyHealthy ? 200 : 503,
      headers: { "X-Load-Balancing-Endpoint-Weight": String(localEndpoints) },
      body: JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }, undefined, "\t"),
    };
  }
}

function healthPortOf({ spec }: Service): number {
  return spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local" ? (spec.healthCheckNodePort ?? 0) : 0;
}
