// Accepting WebSockets on upgraded connections, and their flow control: neither side of a bridge may run ahead of the other.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";

/** Above this much unsent output the source is paused. */
const highWaterBytes = 1024 * 1024;
const maxMessageBytes = 32 * 1024 * 1024;

/** The subprotocols that the client offers, in its order. */
export function offeredProtocols(request: IncomingMessage): string[] {
  const header = request.headers["sec-websocket-protocol"] ?? "";
  return header
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

export function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return (request.headers.upgrade ?? "").toLowerCase() === "websocket";
}

/** Completes the handshake with `protocol` (empty: none). A bad handshake is answered by `ws` itself and never resolves. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string): Promise<WebSocket> {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: maxMessageBytes });
  // `ws` refuses subprotocols that are no HTTP tokens, and Kubernetes' tunnel has a slash in its name: chosen by hand.
  delete request.headers["sec-websocket-protocol"];
  if (protocol !== "") server.on("headers", (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve));
}

export function messageBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

/** Sends, and pauses `source` while too much is unsent. */
export function sendWithFlow(webSocket: WebSocket, message: string | Uint8Array, source: Socket): void {
  if (webSocket.readyState !== webSocket.OPEN) return;
  webSocket.send(message, () => {
    if (source.isPaused() && webSocket.bufferedAmount < highWaterBytes) source.resume();
  });
  if (webSocket.bufferedAmount >= highWaterBytes) source.pause();
}

/** Pauses the WebSocket until `target` has room again. */
export function waitForDrain(webSocket: WebSocket, target: Socket): void {
  if (webSocket.isPaused) return;
  webSocket.pause();
  target.once("drain", () => webSocket.resume());
}
