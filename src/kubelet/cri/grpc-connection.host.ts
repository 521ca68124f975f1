// gRPC over HTTP/2 on a Unix socket (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), as far as a runtime
// client needs it: unary calls, server streams, deadlines. On Node's own HTTP/2, since a pod's start is two dozen calls.
//
// Invariants: a call that cannot reach the server is `unavailable`, and the next call connects anew; an idle connection does
// not keep the process alive.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { RuntimeError } from "../runtime/runtime.ts";

const windowBytes = 1024 * 1024;
const prefixBytes = 5;
const maxMessageBytes = 16 * 1024 * 1024;
/** https://grpc.io/docs/guides/status-codes/ */
const reasonsByStatus: ReadonlyMap<number, RuntimeError["reason"]> = new Map([
  [4, "deadline"],
  [5, "notFound"],
  [14, "unavailable"],
]);

export interface ServerStreamHandler {
  message(bytes: Uint8Array): void;
  /** Called once; not after `cancel`. */
  ended(error: RuntimeError | undefined): void;
}

export class GrpcConnection {
  private session: ClientHttp2Session | undefined;
  private calls = 0;
  private closed = false;

  constructor(private readonly socket: string) {}

  /** Rejects with a `RuntimeError`. */
  call(path: string, request: Uint8Array, timeoutMs: number, headers: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let answer: Uint8Array | undefined;
      this.begin();
      const stream = this.open(path, request, { "grpc-timeout": `${Math.ceil(timeoutMs)}m`, ...headers });
      const timer = setTimeout(() => finish(new RuntimeError("deadline", `${path} took longer than ${timeoutMs} ms`)), timeoutMs);
      const finish = (error: RuntimeError | undefined) => {
        clearTimeout(timer);
        if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
        this.end();
        if (error !== undefined) reject(error);
        else if (answer === undefined) reject(new RuntimeError("other", `${path} was answered without a message`));
        else resolve(answer);
      };
      follow(stream, {
        message: (bytes) => {
          answer = bytes;
        },
        ended: once(finish),
      });
    });
  }

  /** Returns the function that cancels the call. On a closed connection nothing is ever heard. */
  stream(path: string, request: Uint8Array, headers: Readonly<Record<string, string>>, handler: ServerStreamHandler): () => void {
    if (this.closed) return () => undefined;
    const stream = this.open(path, request, headers);
    let cancelled = false;
    const ended = once((error) => {
      if (!cancelled) handler.ended(error);
    });
    follow(stream, { ...handler, ended });
    return () => {
      cancelled = true;
      stream.close(constants.NGHTTP2_CANCEL);
    };
  }

  close(): void {
    this.closed = true;
    this.session?.destroy();
    this.session = undefined;
  }

  private open(path: string, request: Uint8Array, headers: Readonly<Record<string, string>>): ClientHttp2Stream {
    const stream = this.connected().request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const message = Buffer.allocUnsafe(prefixBytes + request.length);
    message[0] = 0;
    message.writeUInt32BE(request.length, 1);
    message.set(request, prefixBytes);
    stream.end(message);
    return stream;
  }

  private connected(): ClientHttp2Session {
    if (this.closed) throw new RuntimeError("unavailable", "the connection to the container runtime is closed");
    if (this.session !== undefined && !this.session.closed && !this.session.destroyed) return this.session;
    const session = connect("http://localhost", { createConnection: () => connectSocket(this.socket), settings: { initialWindowSize: windowBytes } });
    // The streams hear of it too, and tell their callers.
    session.on("error", () => undefined);
    session.on("close", () => {
      if (this.session === session) this.session = undefined;
    });
    session.on("connect", () => session.setLocalWindowSize(windowBytes));
    this.session = session;
    this.keepAliveWhileBusy();
    return session;
  }

  private begin(): void {
    this.calls += 1;
    this.keepAliveWhileBusy();
  }

  private end(): void {
    this.calls -= 1;
    this.keepAliveWhileBusy();
  }

  private keepAliveWhileBusy(): void {
    const { session } = this;
    if (session === undefined || session.destroyed) return;
    if (this.calls > 0) session.ref();
    else session.unref();
  }
}

function once(action: (error: RuntimeError | undefined) => void): (error: RuntimeError | undefined) => void {
  let done = false;
  return (error) => {
    if (done) return;
    done = true;
    action(error);
  };
}

/** Reads messages and the final status off a stream. */
function follow(stream: ClientHttp2Stream, handler: ServerStreamHandler): void {
  let received: Buffer = Buffer.alloc(0);
  let status: IncomingHttpHeaders | undefined;
  stream.on("response", (headers) => {
    // A call that fails at once has no trailers of its own.
    if (headers["grpc-status"] !== undefined) status = headers;
  });
  stream.on("trailers", (trailers) => {
    status = trailers;
  });
  stream.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (;;) {
      if (received.length < prefixBytes) return;
      const length = received.readUInt32BE(1);
      if (length > maxMessageBytes) {
        handler.ended(new RuntimeError("other", `the container runtime sent a message of ${length} bytes; the limit is ${maxMessageBytes}`));
        stream.close(constants.NGHTTP2_CANCEL);
        return;
      }
      if (received.length < prefixBytes + length) return;
      handler.message(received.subarray(prefixBytes, prefixBytes + length));
      received = received.subarray(prefixBytes + length);
    }
  });
  stream.on("end", () => {
    if (status !== undefined) handler.ended(errorOf(status));
  });
  stream.on("error", (error: Error) => handler.ended(new RuntimeError("unavailable", `cannot reach the container runtime: ${error.message}`)));
  stream.on("close", () => handler.ended(status === undefined ? new RuntimeError("unavailable", "the container runtime hung up") : errorOf(status)));
}

function errorOf(status: IncomingHttpHeaders): RuntimeError | undefined {
  const code = Number(status["grpc-status"]);
  if (code === 0) return undefined;
  return new RuntimeError(reasonsByStatus.get(code) ?? "other", decodedMessage(String(status["grpc-message"] ?? `gRPC status ${code}`)));
}

/** Percent-encoded UTF-8, which a broken server may not have encoded. */
function decodedMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
