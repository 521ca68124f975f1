// HTTP/1.1 upgrades on raw sockets: refusing one, asking the runtime's streaming server for one, and relaying one.
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

const dialTimeoutMs = 10_000;
const maxHeadBytes = 64 * 1024;

/** The runtime's streaming server did not switch protocols. */
export class UpgradeError extends Error {
  override readonly name = "UpgradeError";
}

/** Answers an upgrade request with a plain HTTP error and closes the connection. */
export function refuseUpgrade(socket: Duplex, code: number, reason: string, message: string): void {
  const body = Buffer.from(message);
  socket.end(
    `HTTP/1.1 ${code} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body.toString("latin1")}`,
    "latin1",
  );
}

/** Opens a SPDY/3.1 connection to a streaming URL. `rest` is what came after the response's head. */
export async function dialSpdy(url: string, streamProtocol: string): Promise<{ readonly socket: Socket; readonly rest: Uint8Array }> {
  const socket = await dial(url);
  socket.write(upgradeHead(url, "POST", [`X-Stream-Protocol-Version: ${streamProtocol}`]));
  const { head, rest } = await responseHead(socket);
  const status = head.split("\r\n", 1)[0] ?? "";
  if (!/^HTTP\/1\.1 101 /.test(status)) {
    socket.destroy();
    throw new UpgradeError(`the container runtime refused to stream: ${status}`);
  }
  return { socket, rest };
}

/**
 * Passes a client's SPDY upgrade on to a streaming URL and from then on every byte both ways, the runtime's answer to the
 * upgrade included. Rejects when the streaming server cannot be reached; the client has then heard nothing yet.
 */
export async function relaySpdyUpgrade(request: IncomingMessage, client: Duplex, head: Uint8Array, url: string): Promise<void> {
  const runtime = await dial(url);
  const offered = request.headers["x-stream-protocol-version"];
  const protocols = (Array.isArray(offered) ? offered.join(",") : (offered ?? "")).split(",").map((name) => name.trim());
  runtime.write(
    upgradeHead(
      url,
      request.method ?? "POST",
      protocols.filter((name) => name !== "").map((name) => `X-Stream-Protocol-Version: ${name}`),
    ),
  );
  if (head.length > 0) runtime.write(head);
  joinSockets(client, runtime);
}

/** Pipes both ways; the end of one direction is passed on, a broken side breaks the other. */
export function joinSockets(left: Duplex, right: Duplex): void {
  left.pipe(right);
  right.pipe(left);
  left.on("error", () => right.destroy());
  right.on("error", () => left.destroy());
  left.on("close", () => right.destroy());
  // What was already written to the left side still leaves before it ends.
  right.on("close", () => left.end());
}

function upgradeHead(url: string, method: string, headers: readonly string[]): string {
  const { host, pathname, search } = new URL(url);
  return [`${method} ${pathname}${search} HTTP/1.1`, `Host: ${host}`, "Connection: Upgrade", "Upgrade: SPDY/3.1", "Content-Length: 0", ...headers, "", ""].join(
    "\r\n",
  );
}

function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port === "" ? 80 : port), allowHalfOpen: true, noDelay: true });
    socket.setTimeout(dialTimeoutMs, () => socket.destroy(new UpgradeError(`the container runtime's streaming server ${hostname}:${port} does not answer`)));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", reject);
      // An error is followed by `close`, which is what the users of the socket look at.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

function responseHead(socket: Socket): Promise<{ readonly head: string; readonly rest: Uint8Array }> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const settle = () => {
      socket.off("data", onData);
      socket.off("error", onEnd);
      socket.off("close", onEnd);
    };
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0 && received.length < maxHeadBytes) return;
      settle();
      socket.pause();
      resolve({ head: received.subarray(0, Math.max(end, 0)).toString("latin1"), rest: received.subarray(end < 0 ? 0 : end + 4) });
    };
    const onEnd = () => {
      settle();
      reject(new UpgradeError("the container runtime's streaming server hung up"));
    };
    socket.on("data", onData);
    socket.on("error", onEnd);
    socket.on("close", onEnd);
  });
}
