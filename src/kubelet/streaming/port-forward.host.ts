// Port-forward over WebSocket: either SPDY/3.1 tunnelled in binary messages (KEP-4006, what kubectl speaks), unwrapped and
// passed on, or the older channel protocol with the ports in the query, translated to SPDY streams.
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { choosePortForwardProtocol, decodeMessage, encodeMessage } from "./channels.ts";
import type { UpgradedConnection } from "./remote-command.host.ts";
import { createSpdyClient } from "./spdy-client.ts";
import { dialSpdy, refuseUpgrade } from "./upgrade.host.ts";
import { acceptWebSocket, messageBytes, offeredProtocols, sendWithFlow, waitForDrain } from "./web-socket.host.ts";

const tunnelProtocol = "SPDY/3.1+portforward.k8s.io";
const streamProtocol = "portforward.k8s.io";

/** Resolves once the connection is bridged or refused; rejects when the streaming server at `url` cannot be used. */
export async function bridgePortForward(connection: UpgradedConnection, url: string, ports: readonly number[]): Promise<void> {
  const { request, socket, head } = connection;
  const offered = offeredProtocols(request);
  const protocol = offered.includes(tunnelProtocol) ? undefined : choosePortForwardProtocol(offered);
  if (protocol === undefined && !offered.includes(tunnelProtocol)) {
    refuseUpgrade(socket, 403, "Forbidden", `no supported WebSocket subprotocol among: ${offered.join(", ")}`);
    return;
  }
  const runtime = await dialSpdy(url, streamProtocol);
  // A handshake that `ws` refuses only closes the client's socket.
  socket.once("close", () => runtime.socket.destroy());
  const webSocket = await acceptWebSocket(request, socket, head, protocol?.name ?? tunnelProtocol);
  closeTogether(webSocket, runtime.socket);
  if (protocol === undefined) bridgeTunnel(webSocket, runtime.socket, runtime.rest);
  else bridgeChannels(webSocket, runtime, protocol, ports);
  runtime.socket.resume();
}

function bridgeTunnel(webSocket: WebSocket, runtime: Socket, rest: Uint8Array): void {
  if (rest.length > 0) sendWithFlow(webSocket, rest, runtime);
  runtime.on("data", (chunk) => sendWithFlow(webSocket, chunk, runtime));
  webSocket.on("message", (data) => {
    if (!runtime.write(messageBytes(data))) waitForDrain(webSocket, runtime);
  });
}

function bridgeChannels(
  webSocket: WebSocket,
  runtime: { readonly socket: Socket; readonly rest: Uint8Array },
  protocol: Parameters<typeof encodeMessage>[0],
  ports: readonly number[],
): void {
  const spdy = createSpdyClient((bytes) => runtime.socket.write(bytes));
  const send = (channel: number, data: Uint8Array) => sendWithFlow(webSocket, encodeMessage(protocol, channel, data), runtime.socket);
  let open = ports.length;
  const dataStreams = ports.map((port, index) => {
    const headers = { port: String(port), requestID: String(index) };
    const portBytes = Uint8Array.from([port & 0xff, port >> 8]);
    const errors = spdy.open({ ...headers, streamtype: "error" }, { data: (data) => send(2 * index + 1, data), ended: () => undefined });
    spdy.end(errors);
    const ended = () => {
      open -= 1;
      if (open === 0) webSocket.close(1000);
    };
    const stream = spdy.open({ ...headers, streamtype: "data" }, { data: (data) => send(2 * index, data), ended });
    // Both channels begin with the port's number, low byte first.
    send(2 * index, portBytes);
    send(2 * index + 1, portBytes);
    return stream;
  });
  webSocket.on("message", (data) => {
    const message = decodeMessage(protocol, messageBytes(data));
    const stream = message?.type === "data" && message.channel % 2 === 0 ? dataStreams[message.channel / 2] : undefined;
    if (message?.type === "data" && stream !== undefined && !spdy.write(stream, message.data)) waitForDrain(webSocket, runtime.socket);
  });
  runtime.socket.on("data", (chunk) => spdy.receive(chunk));
  spdy.receive(runtime.rest);
}

function closeTogether(webSocket: WebSocket, runtime: Socket): void {
  webSocket.on("error", () => runtime.destroy());
  webSocket.on("close", () => runtime.destroy());
  runtime.on("error", () => webSocket.close(1011));
  runtime.on("end", () => runtime.end());
  const finish = () => {
    if (webSocket.isPaused) webSocket.resume();
    webSocket.close(1000);
  };
  runtime.on("close", finish);
  if (runtime.destroyed) finish();
}
