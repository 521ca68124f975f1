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

export async function listenDns(env: Env, dns: Dns, at: { readonly host: string; readonly port: number }): Promise<DnsListener> {
  const log = env.log.child("dns");
  const reply = async (bytes: Buffer, limit: (query: Query) => number): Promise<Buffer | undefined> => {
    const query = decodeQuery(bytes);
    if (query === undefined) return undefined;
    if ("malformed" in query) return encodeError(query.id, "FORMERR");
    try {
      return encodeAnswer(query, await dns.answer(query.question), limit(query));
    } catch (error) {
      log.error("a question could not be answered", { name: query.question.name, type: query.question.type, error });
      return encodeError(query.id, "SERVFAIL");
    }
  };
  const tcp = createServer((socket) => serveTcp(socket, (bytes) => reply(bytes, () => LARGEST_MESSAGE)));
  await listening(tcp, at);
  const { port } = tcp.address() as { port: number };
  const udp = createSocket(at.host.includes(":") ? "udp6" : "udp4");
  udp.on("message", (bytes: Buffer, from: RemoteInfo) => {
    void reply(bytes, ({ udpBytes }) => udpBytes).then((answer) => {
      if (answer !== undefined) udp.send(answer, from.port, from.address, () => undefined);
    });
  });
  await bound(udp, { host: at.host, port });
  return {
    port,
    close: async () => {
      await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), new Promise<void>((resolve) => tcp.close(() => resolve()))]);
    },
  };
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}

function bound(socket: UdpSocket, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, host, () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
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
      });
    }
  });
}
