// Reaching kubelets over HTTPS, with the server's client certificate, believing only certificates that the cluster's
// authority signed; pods and services over plain HTTP or unverified HTTPS, as upstream's proxy does; and webhooks over HTTPS that is
// verified for each as its configuration says.
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, type RequestOptions as HttpsRequestOptions, request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { Duplex, Readable } from "node:stream";
import type { Node } from "../api/index.ts";
import { serviceUnavailableError } from "../api/index.ts";
import type { Backend, BackendRequest, BackendResponse, ByteStreams, HeaderValues, NodeConnector, UpgradeResponse, VerifiedServer } from "./node-connector.ts";

export interface HttpsNodeConnectorOptions {
  /** PEM; with this the server proves to kubelets who it is. */
  readonly clientCertificate: { readonly certificate: string; readonly key: string };
  /** PEM certificates that sign the kubelets' serving certificates. */
  readonly authorities: string;
}

const KUBELET_PORT = 10_250;
/** Idle connections to webhooks end after this. */
const KEPT_MS = 90_000;
const ADDRESS_TYPES = ["InternalIP", "ExternalIP", "Hostname"];

export interface HttpsNodeConnector extends NodeConnector {
  /** Ends idle connections. */
  close(): void;
}

export type ServerConnector = Pick<HttpsNodeConnector, "server" | "close">;

/** One pool for all: its connections are told apart by name, address and authorities. */
export function createServerConnector(): ServerConnector {
  const agent = new HttpsAgent({ keepAlive: true, timeout: KEPT_MS });
  return {
    server: (server) => new HttpBackend("https", server.host, server.port, agent, verification(server)),
    close: () => agent.destroy(),
  };
}

export function createNodeConnector({ clientCertificate, authorities }: HttpsNodeConnectorOptions): HttpsNodeConnector {
  const kubelets = new HttpsAgent({ cert: clientCertificate.certificate, key: clientCertificate.key, ca: authorities, keepAlive: true });
  const unverifiedKubelets = new HttpsAgent({ cert: clientCertificate.certificate, key: clientCertificate.key, rejectUnauthorized: false });
  const plain = new HttpAgent();
  const unverified = new HttpsAgent({ rejectUnauthorized: false });
  const servers = createServerConnector();
  return {
    kubelet: (node, isUnverified = false) => new HttpBackend("https", addressOf(node), portOf(node), isUnverified ? unverifiedKubelets : kubelets),
    endpoint: (scheme, host, port) => new HttpBackend(scheme, host, port, scheme === "https" ? unverified : plain),
    server: servers.server,
    close() {
      servers.close();
      for (const agent of [kubelets, unverifiedKubelets, plain, unverified]) agent.destroy();
    },
  };
}

function verification({ serverName, authorities }: VerifiedServer): Pick<HttpsRequestOptions, "servername" | "ca"> {
  // An address is no name that TLS could ask for; the certificate is held against the host then.
  return { ...(isIP(serverName) === 0 ? { servername: serverName } : {}), ...(authorities === undefined ? {} : { ca: authorities }) };
}

/** Throws ServiceUnavailable. */
function addressOf(node: Node): string {
  const addresses = node.status?.addresses ?? [];
  for (const type of ADDRESS_TYPES) {
    const found = addresses.find((address) => address.type === type && address.address !== "");
    if (found !== undefined) return found.address;
  }
  throw serviceUnavailableError(`node ${node.metadata.name} has no address`);
}

function portOf(node: Node): number {
  return node.status?.daemonEndpoints?.kubeletEndpoint?.Port || KUBELET_PORT;
}

const sockets = new WeakMap<ByteStreams, Socket>();

/** The socket behind streams of this connector, so that two sockets can be joined without a detour. */
export function socketOf(streams: ByteStreams): Socket | undefined {
  return sockets.get(streams);
}

class HttpBackend implements Backend {
  constructor(
    private readonly scheme: "http" | "https",
    private readonly host: string,
    private readonly port: number,
    private readonly agent: HttpAgent | HttpsAgent,
    private readonly tls: Pick<HttpsRequestOptions, "servername" | "ca"> = {},
  ) {}

  request(request: BackendRequest): Promise<BackendResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = this.#open(request);
      let answered = false;
      outgoing.once("error", (error) => {
        // The other side ended a kept connection just when it was used again: that is nobody's failure.
        if (!answered && outgoing.reusedSocket && isReset(error) && !(request.body instanceof ReadableStream)) resolve(this.request(request));
        else reject(error);
      });
      outgoing.once("response", (response) => {
        answered = true;
        resolve(backendResponse(response));
      });
      sendBody(outgoing, request.body);
    });
  }

  upgrade(request: BackendRequest): Promise<UpgradeResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = this.#open(request);
      outgoing.once("error", reject);
      outgoing.once("response", (response) => resolve({ upgraded: false, response: backendResponse(response) }));
      outgoing.once("upgrade", (response, socket: Socket, head) => {
        if (head.length > 0) socket.unshift(head);
        socket.setNoDelay(true);
        socket.on("error", () => socket.destroy());
        resolve({ upgraded: true, headers: headersOf(response), streams: streamsOf(socket) });
      });
      outgoing.end();
    });
  }

  #open({ method, target, headers, abort }: BackendRequest): ClientRequest {
    const open = this.scheme === "https" ? httpsRequest : httpRequest;
    const options: HttpsRequestOptions = {
      ...this.tls,
      host: this.host,
      port: this.port,
      method,
      path: target,
      headers: outgoingHeaders(headers),
      agent: this.agent,
      signal: abort,
    };
    return open(options);
  }
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === "ECONNRESET" || error.code === "EPIPE";
}

function outgoingHeaders(headers: HeaderValues): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]));
}

/** The streams are made when somebody reads them: who takes the socket does not. */
function streamsOf(socket: Socket): ByteStreams {
  let web: ByteStreams | undefined;
  const open = (): ByteStreams => {
    web ??= Duplex.toWeb(socket) as unknown as ByteStreams;
    return web;
  };
  const streams: ByteStreams = {
    get readable() {
      return open().readable;
    },
    get writable() {
      return open().writable;
    },
  };
  sockets.set(streams, socket);
  return streams;
}

function sendBody(outgoing: ClientRequest, body: BackendRequest["body"]): void {
  if (body === undefined) outgoing.end();
  else if (body instanceof Uint8Array) outgoing.end(body);
  else {
    const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
    source.on("error", () => outgoing.destroy());
    source.pipe(outgoing);
  }
}

function backendResponse(response: IncomingMessage): BackendResponse {
  return { status: response.statusCode ?? 502, headers: headersOf(response), body: Readable.toWeb(response) as ReadableStream<Uint8Array> };
}

function headersOf(response: IncomingMessage): HeaderValues {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(response.headers)) if (value !== undefined) headers[name] = value;
  return headers;
}
