// exec and attach over WebSocket, translated to the SPDY streams of the runtime's streaming server
// (https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets).
//
// Invariants: the outcome is sent after all output; the WebSocket closes normally only after the runtime has ended its side.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { StreamOptions } from "../kubelet-api.ts";
import {
  type ChannelProtocol,
  chooseRemoteCommandProtocol,
  decodeMessage,
  encodeMessage,
  encodeOutcome,
  errorChannel,
  resizeChannel,
  stderrChannel,
  stdinChannel,
  stdoutChannel,
} from "./channels.ts";
import { createSpdyClient, type SpdyClient } from "./spdy-client.ts";
import { dialSpdy, refuseUpgrade } from "./upgrade.host.ts";
import { acceptWebSocket, messageBytes, offeredProtocols, sendWithFlow, waitForDrain } from "./web-socket.host.ts";

export interface UpgradedConnection {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Resolves once the connection is bridged or refused; rejects when the streaming server at `url` cannot be used. */
export async function bridgeRemoteCommand({ request, socket, head }: UpgradedConnection, url: string, streams: StreamOptions): Promise<void> {
  const protocol = chooseRemoteCommandProtocol(offeredProtocols(request));
  if (protocol === undefined) {
    refuseUpgrade(socket, 403, "Forbidden", `no supported WebSocket subprotocol among: ${offeredProtocols(request).join(", ")}`);
    return;
  }
  const runtime = await dialSpdy(url, "v4.channel.k8s.io");
  // A handshake that `ws` refuses only closes the client's socket.
  socket.once("close", () => runtime.socket.destroy());
  const webSocket = await acceptWebSocket(request, socket, head, protocol.name);
  const spdy = createSpdyClient((bytes) => runtime.socket.write(bytes));
  const send = (channel: number, data: Uint8Array) => sendWithFlow(webSocket, encodeMessage(protocol, channel, data), runtime.socket);

  const inputs = openStreams(spdy, streams, protocol, send);
  // An empty message on the first readable channel tells the client that the streams are open.
  send(streams.stdout ? stdoutChannel : streams.stderr ? stderrChannel : errorChannel, new Uint8Array(0));

  webSocket.on("message", (data) => {
    if (!receive(spdy, inputs, protocol, messageBytes(data))) waitForDrain(webSocket, runtime.socket);
  });
  webSocket.on("error", () => runtime.socket.destroy());
  webSocket.on("close", () => runtime.socket.destroy());
  runtime.socket.on("data", (chunk) => spdy.receive(chunk));
  runtime.socket.on("error", () => webSocket.close(1011));
  runtime.socket.on("close", () => closeNormally(webSocket));
  runtime.socket.on("end", () => runtime.socket.end());
  spdy.receive(runtime.rest);
  if (runtime.socket.destroyed) closeNormally(webSocket);
  runtime.socket.resume();
}

/** Opens the runtime's streams and returns those that the client may write to, by channel. */
function openStreams(
  spdy: SpdyClient,
  streams: StreamOptions,
  protocol: ChannelProtocol,
  send: (channel: number, data: Uint8Array) => void,
): ReadonlyMap<number, number> {
  const silent = { data: () => undefined, ended: () => undefined };
  const output = (channel: number) => ({ data: (data: Uint8Array) => send(channel, data), ended: () => undefined });
  const outcome: Uint8Array[] = [];
  spdy.open(
    { streamtype: "error" },
    {
      data: (data) => outcome.push(data.slice()),
      ended: () => {
        if (outcome.length === 0) return;
        const message = encodeOutcome(protocol, Buffer.concat(outcome));
        if (message !== undefined) send(errorChannel, message);
      },
    },
  );
  const inputs = new Map<number, number>();
  if (streams.stdin) inputs.set(stdinChannel, spdy.open({ streamtype: "stdin" }, silent));
  if (streams.stdout) spdy.open({ streamtype: "stdout" }, output(stdoutChannel));
  if (streams.stderr && !streams.tty) spdy.open({ streamtype: "stderr" }, output(stderrChannel));
  if (streams.tty) inputs.set(resizeChannel, spdy.open({ streamtype: "resize" }, silent));
  return inputs;
}

/** False when the runtime's connection has no room for more. */
function receive(spdy: SpdyClient, inputs: ReadonlyMap<number, number>, protocol: ChannelProtocol, message: Uint8Array): boolean {
  const decoded = decodeMessage(protocol, message);
  const streamId = decoded === undefined ? undefined : inputs.get(decoded.channel);
  if (decoded === undefined || streamId === undefined) return true;
  if (decoded.type === "data") return spdy.write(streamId, decoded.data);
  spdy.end(streamId);
  return true;
}

function closeNormally(webSocket: WebSocket): void {
  if (webSocket.isPaused) webSocket.resume();
  webSocket.close(1000);
}
