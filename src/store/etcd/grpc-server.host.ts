// A gRPC server on Node's HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), without compression. Plain HTTP/1.1
// requests on the same port are answered beside it, as etcd does.
//
// Bounds: a message holds at most `maxRequestBytes`; a call that has more than a megabyte waiting to be sent is told to wait, and what its
// client sends meanwhile is left with the client.
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { createServer as createSocketServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import type { Logger } from "../../base/index.ts";
import { grpcErrorOf } from "./convert.ts";
import type { EtcdFace } from "./face.ts";
import { type CallHandler, GrpcError, type GrpcMethods, grpcStatus, type ServerCall } from "./grpc.ts";

const PREFIX_BYTES = 5;
const WINDOW_BYTES = 1024 * 1024;
const WAITING_BYTES = 1024 * 1024;
const CLOSE_GRACE_MS = 1_000;
const HTTP2_PREFACE = "PRI * HTTP/2.0";

export interface GrpcServerOptions {
  readonly face: EtcdFace;
  readonly log: Logger;
  readonly maxRequestBytes: number;
  /** Absent: plain text. */
  readonly tls?: TlsOptions;
}

export interface GrpcServer {
  /** For `listen`. */
  readonly sockets: Server;
  /** Ends every call and connection. */
  close(): Promise<void>;
}

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { face, log, tls } = options;
  const http2 = createHttp2Server({ settings: { initialWindowSize: WINDOW_BYTES, maxConcurrentStreams: 0xffff_ffff } });
  http2.on("stream", (stream, headers) => serveStream(stream, { path: String(headers[":path"]), type: String(headers["content-type"]) }, options));
  const http1 = createHttpServer((request, response) => {
    const answer = request.method === "GET" ? face.http(request.url ?? "") : undefined;
    response.writeHead(answer?.status ?? 404, { "content-type": answer?.type ?? "text/plain; charset=utf-8" });
    response.end(answer?.body ?? "404 page not found\n");
  });
  const sessions = new Set<ServerHttp2Session>();
  const connections = new Set<Socket>();
  http2.on("session", (session) => {
    session.setLocalWindowSize(WINDOW_BYTES);
    track(sessions, session);
  });
  // What goes wrong on a connection concerns only who is at its other end.
  http2.on("sessionError", (error: Error) => log.debug("an HTTP/2 connection failed", { error: error.message }));
  const hand = (socket: Socket, isHttp2: boolean) => (isHttp2 ? http2 : http1).emit("connection", socket);
  const accept = (socket: Socket): void => {
    socket.on("error", (error) => log.debug("a connection failed", { error: error.message }));
  };
  const sockets: Server =
    tls === undefined
      ? createSocketServer((socket) => {
          accept(socket);
          socket.once("data", (first: Buffer) => {
            socket.pause();
            socket.unshift(first);
            hand(socket, first.toString("latin1").startsWith(HTTP2_PREFACE.slice(0, first.length)));
            process.nextTick(() => socket.resume());
          });
        })
      : createTlsServer({ ...tls, ALPNProtocols: ["h2", "http/1.1"] }, (socket: TLSSocket) => {
          accept(socket);
          hand(socket, socket.alpnProtocol === "h2");
        });
  // Also those that never finish their handshake.
  sockets.on("connection", (socket: Socket) => track(connections, socket));
  sockets.on("tlsClientError", (error: Error) => log.debug("a TLS handshake failed", { error: error.message }));
  return { sockets, close: () => closeAll(sockets, sessions, connections) };
}

function track<Item extends { on(event: "close", listener: () => void): unknown }>(items: Set<Item>, item: Item): void {
  items.add(item);
  item.on("close", () => items.delete(item));
}

function closeAll(sockets: Server, sessions: ReadonlySet<ServerHttp2Session>, connections: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      for (const socket of connections) socket.destroy();
    }, CLOSE_GRACE_MS);
    sockets.close(() => {
      clearTimeout(timer);
      resolve();
    });
    for (const session of sessions) session.close();
  });
}

function serveStream(stream: ServerHttp2Stream, { path, type }: { path: string; type: string }, options: GrpcServerOptions): void {
  // A client that resets its call is no error of ours; `close` follows.
  stream.on("error", (error) => options.log.debug("a call was reset", { path, error: error.message }));
  if (!type.startsWith("application/grpc")) {
    const answer = options.face.http(path);
    stream.respond({ ":status": answer?.status ?? 404, "content-type": answer?.type ?? "text/plain; charset=utf-8" });
    stream.end(answer?.body ?? "404 page not found\n");
    return;
  }
  const call = new StreamCall(stream, options.log);
  const method = methodAt(options.face.methods, path);
  if (method === undefined) call.fail(new GrpcError(grpcStatus.unimplemented, `unknown method ${path.slice(path.lastIndexOf("/") + 1)}`));
  else {
    try {
      call.handledBy(method(call), options.maxRequestBytes);
    } catch (error) {
      call.fail(error);
    }
  }
}

function methodAt(methods: GrpcMethods, path: string) {
  return Object.hasOwn(methods, path) ? methods[path] : undefined;
}

class StreamCall implements ServerCall {
  readonly #stream: ServerHttp2Stream;
  readonly #log: Logger;
  #over = false;

  constructor(stream: ServerHttp2Stream, log: Logger) {
    this.#stream = stream;
    this.#log = log;
  }

  handledBy(handler: CallHandler, maxRequestBytes: number): void {
    const stream = this.#stream;
    readMessages(stream, maxRequestBytes, {
      message: (bytes) => {
        if (!this.#over) handler.message(bytes);
      },
      tooLarge: () => this.fail(new GrpcError(grpcStatus.invalidArgument, "etcdserver: request is too large")),
      compressed: () => this.fail(new GrpcError(grpcStatus.unimplemented, "etcdserver: compressed messages are not understood")),
    });
    stream.on("end", () => {
      if (!this.#over) handler.ended?.();
    });
    stream.on("drain", () => {
      stream.resume();
      if (!this.#over) handler.drained?.();
    });
    stream.on("close", () => {
      this.#over = true;
      handler.closed?.();
    });
  }

  send(message: Uint8Array): boolean {
    if (this.#over || this.#stream.destroyed) return true;
    this.#respond();
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(message.length, 1);
    const writable = this.#stream.write(Buffer.concat([prefix, message]));
    if (writable || this.#stream.writableLength < WAITING_BYTES) return true;
    this.#stream.pause();
    return false;
  }

  end(): void {
    this.#finish({ "grpc-status": "0", "grpc-message": "" });
  }

  fail(error: unknown): void {
    const { code, message } = grpcErrorOf(error);
    if (code === grpcStatus.internal) this.#log.error("a call failed", { error });
    else this.#log.debug("a call was refused", { code, error: message });
    this.#finish({ "grpc-status": String(code), "grpc-message": encodeURIComponent(message) });
  }

  #respond(): void {
    if (!this.#stream.headersSent) this.#stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  }

  #finish(trailers: Readonly<Record<string, string>>): void {
    if (this.#over || this.#stream.destroyed) return;
    this.#over = true;
    this.#stream.on("wantTrailers", () => this.#stream.sendTrailers(trailers));
    this.#respond();
    this.#stream.end();
    // What the client may still send is of no interest, but must be taken for the call to end.
    this.#stream.resume();
  }
}

interface MessageSink {
  message(bytes: Uint8Array): void;
  tooLarge(): void;
  compressed(): void;
}

function readMessages(stream: ServerHttp2Stream, maxBytes: number, sink: MessageSink): void {
  let received: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    while (received.length >= PREFIX_BYTES) {
      const length = received.readUInt32BE(1);
      if (length > maxBytes) {
        received = Buffer.alloc(0);
        sink.tooLarge();
        return;
      }
      if (received[0] !== 0) {
        received = Buffer.alloc(0);
        sink.compressed();
        return;
      }
      if (received.length < PREFIX_BYTES + length) return;
      sink.message(received.subarray(PREFIX_BYTES, PREFIX_BYTES + length));
      received = received.subarray(PREFIX_BYTES + length);
    }
  });
}
