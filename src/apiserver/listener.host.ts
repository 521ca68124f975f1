// The server's port: HTTPS with HTTP/2 and HTTP/1.1 side by side, client certificates asked for but not demanded, upgraded
// connections handed over to whoever answers them.
//
// Bounds: a body holds at most 3 MiB, as upstream's; a slow reader of a stream is waited for, not buffered for.
import { type IncomingMessage, ServerResponse } from "node:http";
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { Readable, Writable } from "node:stream";
import type { TLSSocket } from "node:tls";
import { gzip } from "node:zlib";
import { badRequestError, requestTooLargeError, StatusError, unauthorizedError } from "../api/index.ts";
import type { Env, Logger } from "../base/index.ts";
import { type ApiRequest, type ApiResponse, type Handler, header, type StreamWriter } from "./http/message.ts";
import { statusResponse } from "./http/status-response.ts";
import { socketOf } from "./node-connector.host.ts";
import type { ByteStreams } from "./node-connector.ts";
import type { Credentials } from "./user.ts";

export interface ListenOptions {
  /** Default: all addresses. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: {
    /** PEM; the server's certificate first, then what leads to its authority. */
    readonly certificate: string;
    readonly privateKey: string;
    /** PEM certificates that vouch for clients. Absent: client certificates are not asked for. */
    readonly clientAuthorities?: string;
  };
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Takes no new requests, ends streams, and resolves when the last connection is closed. */
  close(): Promise<void>;
}

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;

/** As much as Go's servers take: selectors and tokens may be long. */
const MAX_HEADER_BYTES = 1024 * 1024;
const MAX_BODY_BYTES = 3 * 1024 * 1024;
const GZIP_FROM_BYTES = 128 * 1024;
/** Joining the pieces of a smaller answer takes less than writing each. */
const ONE_WRITE_BYTES = 64 * 1024;
const CLOSE_GRACE_MS = 2_000;

export function listen(env: Env, server: { readonly handler: Handler }, options: ListenOptions): Promise<Listener> {
  const { certificate, privateKey, clientAuthorities } = options.tls;
  const http = createSecureServer({
    cert: certificate,
    key: privateKey,
    ca: clientAuthorities,
    requestCert: clientAuthorities !== undefined,
    rejectUnauthorized: false,
    allowHTTP1: true,
    minVersion: "TLSv1.2",
    settings: { maxConcurrentStreams: 1000, maxHeaderListSize: MAX_HEADER_BYTES },
  });
  // Read by HTTP/1.1 connections, and missing from the types of a server of both.
  Object.assign(http, { maxHeaderSize: MAX_HEADER_BYTES });
  const log = env.log.child("listener");
  const connections = new Connections(http, log);
  http.on("request", (request: Http2ServerRequest, response: Http2ServerResponse) => {
    serve(server.handler, connections.streams, request, response).catch((error: unknown) => {
      log.debug("an answer could not be sent", { target: request.url, error: String(error) });
      response.stream?.destroy();
      request.socket?.destroy();
    });
  });
  http.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    serveUpgrade(server.handler, connections.streams, request, socket, head).catch((error: unknown) => {
      log.debug("a connection could not be handed over", { target: request.url, error: String(error) });
      socket.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(options.port, options.host, () => {
      http.off("error", reject);
      const { address, port } = http.address() as AddressInfo;
      resolve({ host: address, port, close: () => connections.close() });
    });
  });
}

/** All that is open, so that it can be closed. */
class Connections {
  readonly streams = new OpenStreams();
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(
    private readonly server: Http2SecureServer,
    log: Logger,
  ) {
    server.on("secureConnection", (socket) => track(this.#sockets, socket));
    server.on("session", (session) => track(this.#sessions, session));
    // Broken handshakes and connections concern only those who broke them.
    server.on("tlsClientError", (error: Error) => log.debug("a TLS handshake failed", { error: error.message }));
    server.on("sessionError", (error: Error) => log.debug("an HTTP/2 connection failed", { error: error.message }));
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
      log.debug("an HTTP/1.1 connection failed", { error: error.message });
      const reason = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
      if (socket.writable) socket.end(`HTTP/1.1 ${reason}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      else socket.destroy();
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const socket of this.#sockets) socket.destroy();
      }, CLOSE_GRACE_MS);
      timer.unref();
      this.server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.streams.endAll();
      for (const session of this.#sessions) session.close();
      const http1 = [...this.#sockets].filter((socket) => (socket as TLSSocket).alpnProtocol !== "h2");
      for (const socket of http1) socket.end();
    });
  }
}

/** Answers that are still being written: watches, logs. */
class OpenStreams {
  readonly #open = new Map<Writable, StreamWriter>();

  add(stream: Writable, writer: StreamWriter): void {
    stream.on("drain", () => writer.drained());
    // Who went away while his answer was made does not say so again.
    if (stream.destroyed) {
      writer.closed();
      return;
    }
    this.#open.set(stream, writer);
    stream.on("close", () => {
      this.#open.delete(stream);
      writer.closed();
    });
  }

  endAll(): void {
    for (const [stream, writer] of this.#open) {
      writer.closed();
      stream.end();
    }
  }
}

function track<T extends { once(event: "close", listener: () => void): unknown }>(all: Set<T>, one: T): void {
  all.add(one);
  one.once("close", () => all.delete(one));
}

async function serve(handler: Handler, streams: OpenStreams, request: AnyRequest, response: AnyResponse): Promise<void> {
  response.on("error", () => undefined);
  request.on("error", () => undefined);
  const answer = await answerOf(handler, request, response);
  await send(streams, request, response, answer);
}

async function answerOf(handler: Handler, request: AnyRequest, response: AnyResponse): Promise<ApiResponse> {
  const certificate = clientCertificate(connectionOf(request), request.socket as TLSSocket);
  // A certificate that nobody vouches for is a failed proof, not the lack of one.
  if (certificate === "invalid" && request.headers.authorization === undefined) return statusResponse(unauthorizedError().status);
  return handler(apiRequest(request, response, certificate === "invalid" ? undefined : certificate));
}

/** By connection: reading a certificate takes longer than all the rest of a small request. */
const certificates = new WeakMap<object, Credentials["clientCertificate"] | "invalid">();

function clientCertificate(connection: object, socket: TLSSocket): Credentials["clientCertificate"] | "invalid" {
  if (certificates.has(connection)) return certificates.get(connection);
  const read = readClientCertificate(socket);
  certificates.set(connection, read);
  return read;
}

/** What all requests of a connection share. The socket of an HTTP/2 request is a stand-in of that request's own. */
function connectionOf(request: AnyRequest): object {
  return "stream" in request ? (request.stream.session ?? request.stream) : request.socket;
}

function readClientCertificate(socket: TLSSocket): Credentials["clientCertificate"] | "invalid" {
  const peer = socket.getPeerCertificate();
  if (peer === null || peer === undefined || peer.subject === undefined) return undefined;
  if (!socket.authorized) return "invalid";
  const { CN, O = [] } = peer.subject as unknown as { CN?: string | string[]; O?: string | string[] };
  const commonName = typeof CN === "string" ? CN : (CN?.[0] ?? "");
  return { commonName, organizations: typeof O === "string" ? [O] : O, fingerprint: peer.fingerprint256.replaceAll(":", "").toLowerCase() };
}

function apiRequest(request: AnyRequest, response: AnyResponse | Socket, certificate: Credentials["clientCertificate"]): ApiRequest {
  let abort: AbortSignal | undefined;
  return {
    method: request.method ?? "GET",
    target: request.url ?? "/",
    headers: headersOf(request),
    clientCertificate: certificate,
    body: () => readBody(request),
    bodyStream: () => Readable.toWeb(request) as ReadableStream<Uint8Array>,
    // Few ask for it, and making one for each request is felt.
    get abort() {
      abort ??= closeSignal(response);
      return abort;
    },
  };
}

function closeSignal(response: AnyResponse | Socket): AbortSignal {
  const abort = new AbortController();
  // An answer over HTTP/2 does not tell by itself, but its stream does.
  if (("stream" in response ? response.stream : response).destroyed) abort.abort();
  else response.once("close", () => abort.abort());
  return abort.signal;
}

/** Node joins a header that comes several times into one text; what impersonation asks for may hold commas itself. */
function headersOf({ headers, rawHeaders }: AnyRequest): ApiRequest["headers"] {
  if (headers["impersonate-user"] === undefined) return headers;
  const lists: Record<string, string[]> = {};
  for (let position = 0; position + 1 < rawHeaders.length; position += 2) {
    const name = rawHeaders[position]?.toLowerCase() ?? "";
    if (name.startsWith("impersonate-")) lists[name] = [...(lists[name] ?? []), rawHeaders[position + 1] ?? ""];
  }
  return { ...headers, ...lists };
}

async function readBody(request: AnyRequest): Promise<Uint8Array> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw requestTooLargeError(`limit is ${MAX_BODY_BYTES}`);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > MAX_BODY_BYTES) throw requestTooLargeError(`limit is ${MAX_BODY_BYTES}`);
    }
  } catch (error) {
    // The client went away: its affair, and no failure of the server's.
    if (!(error instanceof StatusError) && request.destroyed) throw badRequestError("the connection was closed before the whole body had come");
    throw error;
  }
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

async function send(streams: OpenStreams, request: AnyRequest, response: AnyResponse, answer: ApiResponse): Promise<void> {
  const { status, body } = answer;
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(answer.headers)) headers[name] = typeof value === "string" ? value : [...value];
  if (body.type === "upgrade") throw new Error("an upgrade was answered on a connection that cannot leave HTTP");
  if (body.type === "stream") {
    head(response, status, headers);
    streams.add(response as Writable, openStream(response, body.open));
    return;
  }
  if (request.method === "HEAD") {
    head(response, status, headers);
    response.end();
    return;
  }
  const chunks = await compressed(request, headers, body.chunks);
  if (status !== 304) headers["content-length"] = String(lengthOf(chunks));
  head(response, status, headers);
  const length = lengthOf(chunks);
  const pieces = length > 0 && length <= ONE_WRITE_BYTES ? [Buffer.concat(chunks)] : chunks;
  for (const piece of pieces.slice(0, -1)) (response as Writable).write(piece);
  (response as Writable).end(pieces.at(-1));
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((length, chunk) => length + chunk.length, 0);
}

function head(response: AnyResponse, status: number, headers: Record<string, string | string[]>): void {
  (response as ServerResponse).writeHead(status, headers);
}

/** Large answers are compressed for who takes them so. */
function compressed(request: AnyRequest, headers: Record<string, string | string[]>, chunks: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const accepted = header({ headers: request.headers }, "accept-encoding");
  if (lengthOf(chunks) < GZIP_FROM_BYTES || !/\bgzip\b/.test(accepted)) return Promise.resolve(chunks);
  headers["content-encoding"] = "gzip";
  headers["vary"] = "Accept-Encoding";
  return new Promise((resolve, reject) => gzip(Buffer.concat(chunks), { level: 1 }, (error, result) => (error === null ? resolve([result]) : reject(error))));
}

function openStream(response: AnyResponse, open: Extract<ApiResponse["body"], { type: "stream" }>["open"]): StreamWriter {
  const stream = response as Writable;
  (response as ServerResponse).flushHeaders();
  return open({
    write: (chunk) => (stream.destroyed ? false : stream.write(chunk)),
    end: () => void stream.end(),
    fail: () => void stream.destroy(),
  });
}

async function serveUpgrade(handler: Handler, streams: OpenStreams, request: IncomingMessage, socket: Socket, first: Buffer): Promise<void> {
  socket.on("error", () => socket.destroy());
  const certificate = clientCertificate(socket, socket as TLSSocket);
  const answer =
    certificate === "invalid" && request.headers.authorization === undefined
      ? statusResponse(unauthorizedError().status)
      : await handler(apiRequest(request, socket, certificate === "invalid" ? undefined : certificate));
  if (answer.body.type === "upgrade") {
    joinStreams(socket, first, answer, answer.body.streams);
    return;
  }
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  response.shouldKeepAlive = false;
  response.on("finish", () => {
    response.detachSocket(socket);
    socket.end();
  });
  await send(streams, request, response, answer);
}

function joinStreams(socket: Socket, first: Buffer, { headers }: ApiResponse, streams: ByteStreams): void {
  const lines = Object.entries(headers).flatMap(([name, value]) => (typeof value === "string" ? [value] : value).map((text) => `${name}: ${text}`));
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
  if (first.length > 0) socket.unshift(first);
  socket.setTimeout(0);
  socket.setNoDelay(true);
  const other = socketOf(streams);
  if (other !== undefined) {
    socket.pipe(other).pipe(socket);
    socket.once("close", () => other.destroy());
    other.once("close", () => socket.destroy());
    return;
  }
  const readable = Readable.fromWeb(streams.readable as Parameters<typeof Readable.fromWeb>[0]);
  const writable = Writable.fromWeb(streams.writable);
  for (const stream of [readable, writable]) stream.on("error", () => socket.destroy());
  readable.pipe(socket);
  socket.pipe(writable);
  socket.once("close", () => {
    readable.destroy();
    writable.destroy();
  });
}
