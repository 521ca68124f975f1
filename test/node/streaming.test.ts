// exec, attach and port-forward against a real containerd, as clients of every WebSocket protocol and of SPDY see them.
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { StreamOptions } from "../../src/kubelet/kubelet-api.ts";
import { bridgePortForward } from "../../src/kubelet/streaming/port-forward.host.ts";
import { bridgeRemoteCommand } from "../../src/kubelet/streaming/remote-command.host.ts";
import { createSpdyClient } from "../../src/kubelet/streaming/spdy-client.ts";
import { dialSpdy, relaySpdyUpgrade } from "../../src/kubelet/streaming/upgrade.host.ts";
import { containerTests } from "../machine.host.ts";
import { startTestNode, type TestNode } from "./node.host.ts";

const { reason } = containerTests();
if (reason !== undefined) console.log(`left out: streaming against a real containerd; ${reason}`);

const output: StreamOptions = { stdin: false, stdout: true, stderr: true, tty: false };

describe.skipIf(reason !== undefined)("streaming", () => {
  let node: TestNode;
  let busybox: Awaited<ReturnType<TestNode["runPod"]>>;
  let server: Server;
  let base: string;
  /** What the server does with the next upgrade. */
  let target: { readonly url: string; readonly streams: StreamOptions; readonly ports: readonly number[] };

  beforeAll(async () => {
    node = await startTestNode();
    busybox = await node.runPod({ name: "busybox", image: "busybox:local", command: ["sleep", "1000"] });
    server = createServer();
    server.on("upgrade", (request, socket, head) => {
      const connection = { request, socket, head };
      if (request.headers.upgrade?.toLowerCase() === "spdy/3.1") relaySpdyUpgrade(request, socket, head, target.url);
      else if (request.url === "/portForward") bridgePortForward(connection, target.url, target.ports);
      else bridgeRemoteCommand(connection, target.url, target.streams);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }, 120_000);

  afterAll(async () => {
    server?.close();
    server?.closeAllConnections();
    await node?.dispose();
  }, 60_000);

  async function exec(command: readonly string[], streams: StreamOptions, protocol: string, input: readonly (string | Uint8Array)[] = []) {
    const url = await node.runtime.exec({ containerId: busybox.containerId, command, ...streams });
    target = { url, streams, ports: [] };
    return converse(new WebSocket(`ws://${base}/exec`, protocol), input);
  }

  it("gives output and the exit code over v5", async () => {
    const channels = await exec(["sh", "-c", "echo out; echo err >&2; exit 3"], output, "v5.channel.k8s.io");
    expect(channels.text(1)).toBe("out\n");
    expect(channels.text(2)).toBe("err\n");
    expect(JSON.parse(channels.text(3))).toMatchObject({
      status: "Failure",
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: "3" }] },
    });
  });

  it("closes stdin alone over v5", async () => {
    const streams = { ...output, stdin: true };
    const channels = await exec(["cat"], streams, "v5.channel.k8s.io", [Buffer.from("\0first "), Buffer.from("\0second"), Uint8Array.from([255, 0])]);
    expect(channels.text(1)).toBe("first second");
    expect(JSON.parse(channels.text(3))).toMatchObject({ status: "Success" });
  });

  it("carries a megabyte both ways unharmed", async () => {
    const piece = Buffer.alloc(64 * 1024, "0123456789abcdef");
    const input = [...Array.from({ length: 16 }, () => Buffer.concat([Buffer.from([0]), piece])), Uint8Array.from([255, 0])];
    const channels = await exec(["cat"], { ...output, stdin: true }, "v5.channel.k8s.io", input);
    expect(channels.text(1)).toBe(piece.toString().repeat(16));
  });

  it("speaks the older protocols", async () => {
    expect((await exec(["echo", "hi"], output, "channel.k8s.io")).text(1)).toBe("hi\n");
    expect((await exec(["echo", "hi"], output, "v4.channel.k8s.io")).text(1)).toBe("hi\n");
    expect((await exec(["false"], output, "channel.k8s.io")).text(3)).toContain("exit code 1");
  });

  it("resizes a terminal", async () => {
    const streams = { stdin: true, stdout: true, stderr: false, tty: true };
    const size = Buffer.from(`\x04${JSON.stringify({ Width: 77, Height: 22 })}`);
    const channels = await exec(["sh", "-c", "sleep 0.3; stty size"], streams, "v5.channel.k8s.io", [size]);
    expect(channels.text(1)).toBe("22 77\r\n");
  });

  it("refuses protocols it does not know", async () => {
    const url = await node.runtime.exec({ containerId: busybox.containerId, command: ["true"], ...output });
    target = { url, streams: output, ports: [] };
    await expect(converse(new WebSocket(`ws://${base}/exec`, "v9.channel.k8s.io"), [])).rejects.toThrow("403");
  });

  it("attaches to the container's own output", async () => {
    const echo = await node.runPod({ name: "echo", image: "busybox:local", command: ["sh", "-c", "read line; echo got $line"], stdin: true });
    const streams = { ...output, stdin: true };
    target = { url: await node.runtime.attach({ containerId: echo.containerId, ...streams }), streams, ports: [] };
    const channels = await converse(new WebSocket(`ws://${base}/attach`, "v5.channel.k8s.io"), [Buffer.from("\0hello\n")]);
    expect(channels.text(1)).toBe("got hello\n");
  });

  it("forwards a port over tunnelled SPDY, plain SPDY and channels", async () => {
    const web = await node.runPod({ name: "web", image: "nginx:local" });
    await expect
      .poll(() =>
        fetch(`http://${web.ip}/`).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      .toBe(true);
    const forward = async () => {
      target = { url: await node.runtime.portForward(web.sandboxId, [80]), streams: output, ports: [80] };
    };
    await forward();
    const tunnel = await openTunnel(base);
    expect(await fetchOver(tunnel.spdy)).toContain("Welcome to nginx!");
    tunnel.close();

    await forward();
    const { socket, rest } = await dialSpdy(`http://${base}/portForward`, "portforward.k8s.io");
    const plain = createSpdyClient((bytes) => socket.write(bytes));
    plain.receive(rest);
    socket.on("data", (chunk) => plain.receive(chunk));
    socket.resume();
    expect(await fetchOver(plain)).toContain("Welcome to nginx!");
    socket.destroy();

    await forward();
    const request = Buffer.from("\0GET / HTTP/1.0\r\n\r\n");
    const channels = await converse(new WebSocket(`ws://${base}/portForward`, "v4.channel.k8s.io"), [request]);
    expect(channels.text(0)).toContain("Welcome to nginx!");
    expect(channels.bytes(1)).toEqual(Buffer.from([80, 0]));
  });

  it("leaves no connection at the runtime when a client vanishes", async () => {
    const url = await node.runtime.exec({ containerId: busybox.containerId, command: ["sleep", "1000"], ...output });
    target = { url, streams: output, ports: [] };
    const webSocket = new WebSocket(`ws://${base}/exec`, "v5.channel.k8s.io");
    await new Promise((resolve) => webSocket.once("open", resolve));
    webSocket.terminate();
    // A port that is closed refuses; the streaming server itself must go on.
    const { hostname, port } = new URL(url);
    await new Promise((resolve, reject) => connect({ host: hostname, port: Number(port) }, resolve as () => void).once("error", reject));
  });
});

/** Sends `input`, waits for the end, gives what came on each channel. */
function converse(webSocket: WebSocket, input: readonly (string | Uint8Array)[]) {
  const received = new Map<number, Buffer[]>();
  return new Promise<{ text(channel: number): string; bytes(channel: number): Buffer }>((resolve, reject) => {
    webSocket.on("open", () => {
      for (const message of input) webSocket.send(message);
    });
    webSocket.on("message", (data: Buffer) => received.set(data[0] ?? -1, [...(received.get(data[0] ?? -1) ?? []), data.subarray(1)]));
    webSocket.on("error", reject);
    const bytes = (channel: number) => Buffer.concat(received.get(channel) ?? []);
    webSocket.on("close", () => resolve({ bytes, text: (channel) => bytes(channel).toString() }));
  });
}

function fetchOver(spdy: ReturnType<typeof createSpdyClient>): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const headers = { port: "80", requestID: "0" };
    spdy.end(spdy.open({ ...headers, streamtype: "error" }, { data: (data) => resolve(`error: ${Buffer.from(data)}`), ended: () => undefined }));
    const stream = spdy.open(
      { ...headers, streamtype: "data" },
      {
        data: (data) => {
          answer += Buffer.from(data).toString();
        },
        ended: () => resolve(answer),
      },
    );
    spdy.write(stream, Buffer.from("GET / HTTP/1.0\r\n\r\n"));
  });
}

/** A WebSocket client with the tunnel's subprotocol, whose slash `ws` refuses. Frames are masked with zeros: sent as they are. */
async function openTunnel(server: string) {
  const [host = "", port] = server.split(":");
  const socket = connect({ host, port: Number(port) });
  socket.write(
    `GET /portForward HTTP/1.1\r\nHost: ${server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}\r\nSec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n\r\n`,
  );
  let received = Buffer.alloc(0);
  await new Promise<void>((resolve) => {
    socket.on("data", function head(chunk: Buffer) {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      expect(received.subarray(0, end).toString()).toContain("Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io");
      received = received.subarray(end + 4);
      socket.off("data", head);
      resolve();
    });
  });
  const spdy = createSpdyClient((bytes) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    return socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | 126]), length, Buffer.alloc(4), bytes]));
  });
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const short = (received[1] ?? 0) & 0x7f;
      const start = short === 126 ? 4 : 2;
      if (received.length < start) return;
      const length = short === 126 ? received.readUInt16BE(2) : short;
      if (received.length < start + length) return;
      if (received[0] === 0x82) spdy.receive(received.subarray(start, start + length));
      received = received.subarray(start + length);
    }
  });
  return { spdy, close: () => socket.destroy() };
}
