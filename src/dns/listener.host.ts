// DNS over UDP and TCP on one address.
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import type { Env } from "../base/index.ts";
import type { Dns } from "./dns.ts";
import { decodeQuery, encodeAnswer, encodeError, type Query } from "./message.host.ts";

export interface DnsListener {
  readonly port: number;
  close(): Promise<void>;
}

const TCP_IDLE_MS = 10_000;
const LARGEST_MESSAGE = 65_535;
/** A client that asks without reading the answers is left. */
const MOST_UNREAD_BYTES = 1024 * 1024;

export async function listenDns(env: Env, dns: Dns, at: { readonly host: string; readonly port: number }): Promise<DnsListener> {
  const log = env.log.child("dns");
  const reply = async (bytes: Buffer, limit: (query: Query) => number): Promise<Buffer | undefined> => {
    const query = decodeQuery(bytes);
    if (query === undefined) return undefined;
    if ("refused" in query) return encodeError(query.id, query.refused);
    try {
      return encodeAnswer(query, await dns.answer(query.question), limit(query));
    } catch (error) {
      log.error("a question could not be answered", { name: query.question.name, type: query.question.type, error });
      return encodeError(query.id, "SERVFAIL");
    }
  };
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
    serveTcp(socket, (bytes) => reply(bytes, () => LARGEST_MESSAGE));
  });
  const udp = createSocket(at.host.includes(":") ? "udp6" : "udp4");
  let closed = false;
  const close = async (): Promise<void> => {
    closed = true;
    for (const socket of connections) socket.destroy();
    await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), new Promise<void>((resolve) => tcp.close(() => resolve()))]);
  };
  udp.on("message", (bytes: Buffer, from: RemoteInfo) => {
    void reply(bytes, ({ udpBytes }) => udpBytes).then((answer) => {
      // A client that is gone is no failure of ours.
      if (answer !== undefined && !closed) udp.send(answer, from.port, from.address, () => undefined);
    });
  });
  try {
    await listening(tcp, at);
    const { port } = tcp.address() as { port: number };
    await bound(udp, { host: at.host, port });
    tcp.on("error", (error) => log.error("connections cannot be taken", { error }));
    udp.on("error", (error) => log.error("packets cannot be taken", { error }));
    return { port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function bound(socket: UdpSocket, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, host, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

/** Messages with two bytes of length in front, several a connection. */
function serveTcp(socket: Socket, reply: (bytes: Buffer) => Promise<Buffer | undefined>): void {
  let pending = Buffer.alloc(0);
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const length = pending.readUInt16BE(0);
      const message = pending.subarray(2, 2 + length);
      pending = pending.subarray(2 + length);
      void reply(message).then((answer) => {
        if (answer === undefined || socket.destroyed) return;
        const head = Buffer.alloc(2);
        head.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([head, answer]));
        if (socket.writableLength > MOST_UNREAD_BYTES) socket.destroy();
      });
    }
  });
}
