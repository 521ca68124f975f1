// The kubelet's HTTPS server, port 10250: health, pods, logs, metrics, and the streaming requests that are handed on to the
// container runtime (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/).
//
// Invariants: nothing is answered before the caller is authenticated and authorized; a request that fails says so in plain
// text with its HTTP status; closing the server ends every connection.

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Env } from "../../base/index.ts";
import { type KubeletApi, KubeletApiError } from "../kubelet-api.ts";
import { bridgePortForward } from "../streaming/port-forward.host.ts";
import { bridgeRemoteCommand, type UpgradedConnection } from "../streaming/remote-command.host.ts";
import { refuseUpgrade, relaySpdyUpgrade } from "../streaming/upgrade.host.ts";
import { isWebSocketUpgrade } from "../streaming/web-socket.host.ts";
import type { KubeletAccess, KubeletUser } from "./access.ts";
import { logOptions, portsOf, streamOptions } from "./query.ts";
import { type KubeletRoute, kubeletRoute, permissionFor } from "./routes.ts";

export interface KubeletServerOptions {
  readonly kubelet: KubeletApi;
  readonly access: KubeletAccess;
  /** 0 takes a free port. */
  readonly port: number;
  /** Address to listen on; all when absent. */
  readonly host?: string;
  readonly tls: {
    readonly certificate: string;
    readonly privateKey: string;
    /** PEM of the authorities whose client certificates name users. */
    readonly clientAuthorities: string;
  };
}

export interface KubeletServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Resolves once it listens; rejects when the port is taken. */
export async function startKubeletServer(env: Env, options: KubeletServerOptions): Promise<KubeletServer> {
  const sockets = new Set<Duplex>();
  const service = new KubeletService(env, options);
  const server: Server = createServer({
    cert: options.tls.certificate,
    key: options.tls.privateKey,
    ca: options.tls.clientAuthorities,
    requestCert: true,
    // A caller without a certificate may have a token; access decides.
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  server.on("request", (request, response) => service.request(request, response));
  server.on("upgrade", (request, socket, head) => service.upgrade({ request, socket, head }));
  server.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(options.port, options.host);
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** A request that may not go on. */
class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

class KubeletService {
  private readonly log: Env["log"];

  constructor(
    private readonly env: Env,
    private readonly options: KubeletServerOptions,
  ) {
    this.log = env.log.child("kubelet-server");
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    this.answer(request, response).catch((error: Error) => {
      const { code, message } = this.failure(error, request);
      if (response.headersSent) response.destroy();
      else response.writeHead(code, { "Content-Type": "text/plain; charset=utf-8" }).end(message);
    });
  }

  upgrade(connection: UpgradedConnection): void {
    connection.socket.on("error", () => connection.socket.destroy());
    this.stream(connection).catch((error: Error) => {
      const { code, message } = this.failure(error, connection.request);
      refuseUpgrade(connection.socket, code, reasons[code] ?? "Error", message);
    });
  }

  private failure(error: Error, request: IncomingMessage): { readonly code: number; readonly message: string } {
    if (error instanceof KubeletApiError || error instanceof Refusal) return { code: error.code, message: error.message };
    this.log.warn("a request failed", { path: request.url, error: error.message });
    return { code: 500, message: error.message };
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = requestUrl(request);
    await this.admit(request, url.pathname);
    const route = kubeletRoute(url.pathname);
    if (route === undefined) throw new Refusal(404, "404 page not found\n");
    const { kubelet } = this.options;
    switch (route.type) {
      case "healthz": {
        const problem = kubelet.healthProblem();
        if (problem !== undefined) throw new KubeletApiError(500, problem);
        return sendText(response, "ok");
      }
      case "pods":
        return sendJson(response, podList(kubelet.pods()));
      case "runningPods":
        return sendJson(response, podList(await kubelet.runningPods()));
      case "metrics":
        return sendText(response, this.env.metrics.render(), "text/plain; version=0.0.4; charset=utf-8");
      case "resourceMetrics":
        return sendText(response, await kubelet.resourceMetrics(), "text/plain; version=0.0.4; charset=utf-8");
      case "statsSummary":
        return sendJson(response, await kubelet.statsSummary());
      case "containerLogs":
        return this.sendLogs(route, url.searchParams, response);
      case "run":
        if (request.method !== "POST") throw new Refusal(405, "405: Method Not Allowed\n");
        return sendBytes(response, await kubelet.run(route.target, (url.searchParams.get("cmd") ?? "").split(" ")));
      default:
        throw new KubeletApiError(400, "Upgrade request required");
    }
  }

  private async sendLogs(
    route: KubeletRoute & { readonly type: "containerLogs" | "exec" | "attach" | "run" },
    query: URLSearchParams,
    response: ServerResponse,
  ) {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const chunks = await this.options.kubelet.containerLogs(route.target, logOptions(query), gone.signal);
    response.writeHead(200, { "Content-Type": "text/plain" });
    // A quiet log that is followed must still answer at once.
    response.flushHeaders();
    for await (const chunk of chunks) {
      if (gone.signal.aborted) return;
      if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
    }
    response.end();
  }

  private async stream(connection: UpgradedConnection): Promise<void> {
    const { request } = connection;
    const url = requestUrl(request);
    await this.admit(request, url.pathname);
    const route = kubeletRoute(url.pathname);
    if (route?.type === "portForward") return this.portForward(connection, route.target, url.searchParams);
    if (route?.type !== "exec" && route?.type !== "attach") throw new Refusal(404, "404 page not found\n");
    const streams = streamOptions(url.searchParams);
    const { kubelet } = this.options;
    const target =
      route.type === "exec" ? await kubelet.exec(route.target, url.searchParams.getAll("command"), streams) : await kubelet.attach(route.target, streams);
    if (isWebSocketUpgrade(request)) await bridgeRemoteCommand(connection, target, streams);
    else await this.relay(connection, target);
  }

  private async portForward(connection: UpgradedConnection, target: (KubeletRoute & { type: "portForward" })["target"], query: URLSearchParams) {
    const ports = portsOf(query);
    const url = await this.options.kubelet.portForward(target, ports);
    if (isWebSocketUpgrade(connection.request)) await bridgePortForward(connection, url, ports);
    else await this.relay(connection, url);
  }

  private async relay({ request, socket, head }: UpgradedConnection, url: string): Promise<void> {
    if ((request.headers.upgrade ?? "").toLowerCase() !== "spdy/3.1") throw new KubeletApiError(400, `Unsupported upgrade: ${request.headers.upgrade}`);
    await relaySpdyUpgrade(request, socket, head, url);
  }

  /** Throws a `Refusal` unless the caller may do this. */
  private async admit(request: IncomingMessage, path: string): Promise<void> {
    const user = await this.userOf(request);
    if (user === undefined) throw new Refusal(401, "Unauthorized");
    const permission = permissionFor(request.method ?? "GET", path);
    if (await this.options.access.authorize(user, permission)) return;
    const { verb, subresources } = permission;
    throw new Refusal(403, `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(" ")}])\n`);
  }

  private async userOf(request: IncomingMessage): Promise<KubeletUser | undefined> {
    const socket = request.socket as TLSSocket;
    if (socket.authorized) {
      const { subject } = socket.getPeerCertificate();
      const groups: unknown = subject.O;
      return { name: String(subject.CN), groups: Array.isArray(groups) ? groups.map(String) : groups === undefined ? [] : [String(groups)] };
    }
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    return token === undefined ? undefined : this.options.access.authenticateToken(token);
  }
}

function requestUrl(request: IncomingMessage): URL {
  return new URL(request.url ?? "/", "https://kubelet");
}

function podList(items: readonly object[]): object {
  return { kind: "PodList", apiVersion: "v1", metadata: {}, items };
}

function sendText(response: ServerResponse, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(200, { "Content-Type": type }).end(text);
}

function sendJson(response: ServerResponse, value: object): void {
  sendText(response, JSON.stringify(value), "application/json");
}

function sendBytes(response: ServerResponse, bytes: Uint8Array): void {
  response.writeHead(200, { "Content-Type": "text/plain" }).end(bytes);
}
