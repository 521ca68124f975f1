import { createSocket } from "node:dgram";
import { connect } from "node:net";
import packet, { type Packet } from "dns-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import type { Dns } from "./dns.ts";
import { type DnsListener, listenDns } from "./listener.host.ts";

const MANY = Array.from({ length: 59 }, (_, index) => ({ type: "A" as const, name: "many.", ttl: 5, data: `10.0.0.${index}` }));
const DNS: Dns = {
  ready: async () => undefined,
  answer: async ({ name }) => {
    if (name === "broken") throw new Error("planted");
    if (name === "many") return { code: "NOERROR", authoritative: true, answers: MANY, additionals: [] };
    return { code: "NXDOMAIN", authoritative: true, answers: [], additionals: [], soaZone: "cluster.local" };
  },
};

describe("DNS on sockets", () => {
  let listener: DnsListener;
  beforeEach(async () => {
    listener = await listenDns(createVirtualEnv().env, DNS, { host: "127.0.0.1", port: 0 });
  });
  afterEach(() => listener.close());

  const query = (name: string, size?: number): Buffer =>
    packet.encode({
      type: "query",
      id: 7,
      flags: packet.RECURSION_DESIRED,
      questions: [{ type: "A", name }],
      additionals:
        size === undefined ? [] : [{ type: "OPT", name: ".", udpPayloadSize: size, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }],
    });
  const overUdp = (bytes: Buffer): Promise<Packet & { rcode?: string; flag_tc?: boolean }> =>
    new Promise((resolve) => {
      const socket = createSocket("udp4");
      socket.on("message", (reply) => {
        socket.close();
        resolve(packet.decode(reply));
      });
      socket.send(bytes, listener.port, "127.0.0.1");
    });

  it("answers a missing name with the zone's SOA", async () => {
    const reply = await overUdp(query("missing"));
    expect(reply).toMatchObject({ id: 7, rcode: "NXDOMAIN", authorities: [{ type: "SOA", name: "cluster.local" }] });
  });

  it("cuts what does not fit over UDP and gives it whole over TCP", async () => {
    const short = await overUdp(query("many"));
    expect(short.flag_tc).toBe(true);
    // 12 bytes of header, 10 of question, 20 a record: as many as 512 bytes hold.
    expect(short.answers).toHaveLength(24);
    expect((await overUdp(query("many", 4096))).answers).toHaveLength(59);
    const whole = await new Promise<Packet>((resolve, reject) => {
      const socket = connect(listener.port, "127.0.0.1");
      let received = Buffer.alloc(0);
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        received = Buffer.concat([received, chunk]);
        if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
          socket.destroy();
          resolve(packet.decode(received.subarray(2)));
        }
      });
      const message = query("many");
      socket.write(Buffer.from([0, message.length]));
      socket.write(message);
    });
    expect(whole.answers).toHaveLength(59);
  });

  it("answers EDNS0 with EDNS0, and only then", async () => {
    const options = ({ additionals = [] }: Packet) => additionals.filter(({ type }) => type === "OPT");
    expect(options(await overUdp(query("missing", 1232)))).toMatchObject([{ udpPayloadSize: 1232 }]);
    expect(options(await overUdp(query("missing")))).toEqual([]);
  });

  it("closes at once though clients are connected", async () => {
    const socket = connect(listener.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    const ended = new Promise((resolve) => socket.once("close", resolve));
    await Promise.all([listener.close(), ended]);
    listener = await listenDns(createVirtualEnv().env, DNS, { host: "127.0.0.1", port: 0 });
  });

  it("leaves nothing behind when its address is taken", async () => {
    const taken = createSocket("udp4");
    await new Promise<void>((resolve) => taken.bind(0, "127.0.0.1", resolve));
    const { port } = taken.address();
    await expect(listenDns(createVirtualEnv().env, DNS, { host: "127.0.0.1", port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await new Promise<void>((resolve) => taken.close(() => resolve()));
    await (await listenDns(createVirtualEnv().env, DNS, { host: "127.0.0.1", port })).close();
  });

  it("says so when it fails or does not understand, and goes on", async () => {
    expect((await overUdp(query("broken"))).rcode).toBe("SERVFAIL");
    const malformed = Buffer.concat([packet.encode({ type: "query", id: 9, questions: [{ type: "A", name: "x" }] }).subarray(0, 14), Buffer.from([0xff])]);
    expect((await overUdp(malformed)).rcode).toBe("FORMERR");
    const notification = query("missing");
    notification.writeUInt16BE(0x2000, 2);
    expect((await overUdp(notification)).rcode).toBe("NOTIMP");
    expect((await overUdp(query("missing"))).rcode).toBe("NXDOMAIN");
  });
});
