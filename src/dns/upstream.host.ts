// The machine's own resolvers, for names outside the cluster: each nameserver of resolv.conf in turn, over UDP, over TCP when an
// answer was cut; or the servers that are named. Addresses of ours are left out, so that a question cannot go in circles.
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Upstream } from "./dns.ts";
import type { Nameserver } from "./forwarding.ts";
import { decodeReply, encodeQuestion } from "./message.host.ts";
import type { Question } from "./records.ts";

const TIMEOUT_MS = 2000;
const DNS_PORT = 53;
/** Each has a socket; further questions are answered that it is not possible now. */
const MOST_AT_A_TIME = 1000;
/** A machine may change networks. */
const REREAD_AFTER_MS = 5000;
/** Where systemd-resolved keeps the real servers when resolv.conf names only itself. */
const RESOLV_CONF = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];

/** `own`: addresses that this cluster answers on. */
export function createUpstream(own: readonly string[]): Upstream {
  let waiting = 0;
  let servers: readonly Nameserver[] = [];
  let readAtMs = Number.NEGATIVE_INFINITY;
  const currentServers = (): readonly Nameserver[] => {
    const nowMs = performance.now();
    if (nowMs - readAtMs < REREAD_AFTER_MS) return servers;
    readAtMs = nowMs;
    servers = nameservers()
      .filter((address) => !own.includes(address))
      .map((address) => ({ address, port: DNS_PORT }));
    return servers;
  };
  return {
    resolve: async (question, given) => {
      if (waiting >= MOST_AT_A_TIME) return undefined;
      waiting++;
      try {
        for (const server of given ?? currentServers()) {
          const reply = await ask(server, question);
          if (reply !== undefined) return { code: reply.code, answers: reply.answers, authorities: reply.authorities };
        }
        return undefined;
      } finally {
        waiting--;
      }
    },
  };
}

function nameservers(): string[] {
  const file = RESOLV_CONF.find((name) => existsSync(name));
  if (file === undefined) return [];
  return [...readFileSync(file, "utf8").matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? "");
}

type Reply = NonNullable<ReturnType<typeof decodeReply>>;

async function ask(server: Nameserver, question: Question): Promise<Reply | undefined> {
  const id = randomInt(0x10000);
  const query = encodeQuestion(id, question);
  const reply = await overUdp(server, query, id);
  return reply?.truncated === true ? ((await overTcp(server, query, id)) ?? reply) : reply;
}

function overUdp({ address, port }: Nameserver, query: Buffer, id: number): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    let ended = false;
    const end = (reply?: Reply): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(end, TIMEOUT_MS);
    socket.on("error", () => end());
    socket.on("message", (bytes) => {
      const reply = understood(bytes, id);
      if (reply !== undefined) end(reply);
    });
    socket.on("connect", () => socket.send(query));
    // A connected socket takes answers from that server alone. Given a function it would call that even when no way leads there.
    socket.connect(port, address);
  });
}

function overTcp({ address, port }: Nameserver, query: Buffer, id: number): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: TIMEOUT_MS });
    let received = Buffer.alloc(0);
    const end = (reply?: Reply): void => {
      socket.destroy();
      resolve(reply);
    };
    socket.on("connect", () => {
      const head = Buffer.alloc(2);
      head.writeUInt16BE(query.length);
      socket.write(Buffer.concat([head, query]));
    });
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) end(understood(received.subarray(2), id));
    });
    socket.on("timeout", () => end());
    socket.on("error", () => end());
    socket.on("close", () => resolve(undefined));
  });
}

/** Undefined for noise: whoever sent it may still send the answer. */
function understood(bytes: Buffer, id: number): Reply | undefined {
  try {
    return decodeReply(bytes, id);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
