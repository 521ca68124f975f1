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
import { answerKubeletRequest, openKubeletStream, Refusal } from "./answers.ts";
import { portsOf, streamOptions } from "./query.ts";
import { permissionFor } from "./routes.ts";

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

class KubeletService {
  private readonly log: Env["log"];

  constructor(
    env: Env,
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
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const { contentType, body } = await answerKubeletRequest(this.options.kubelet, { method: request.method ?? "GET", url, signal: gone.signal });
    response.writeHead(200, { "Content-Type": contentType });
    if (typeof body === "string" || body instanceof Uint8Array) {
      response.end(body);
      return;
    }
    // A quiet log that is followed must still answer at once.
    response.flushHeaders();
    for await (const chunk of body) {
      if (gone.signal.aborted) return;
      if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
    }
    response.end();
  }

  private async stream(connection: UpgradedConnection): Promise<void> {
    const { request } = connection;
    const url = requestUrl(request);
    await this.admit(request, url.pathname);
    const target = await openKubeletStream(this.options.kubelet, url);
    if (!isWebSocketUpgrade(request)) await this.relay(connection, target);
    else if (url.pathname.startsWith("/portForward/")) await bridgePortForward(connection, target, portsOf(url.searchParams));
    else await bridgeRemoteCommand(connection, target, streamOptions(url.searchParams));
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
