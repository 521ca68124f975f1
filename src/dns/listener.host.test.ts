import { createSocket } from "node:dgram";
import { connect } from "node:net";
import packet, { type Packet } from "dns-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import type { Dns } from "./dns.ts";
import { type DnsListener, listenDns } from "./listener.host.ts";

const MANY = Array.from({ length: 60 }, (_, index) => ({ type: "A" as const, name: "many.", ttl: 5, data: `10.0.0.${index}` }));
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
    expect(await overUdp(query("many"))).toMatchObject({ flag_tc: true, answers: [] });
    expect((await overUdp(query("many", 4096))).answers).toHaveLength(60);
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
    expect(whole.answers).toHaveLength(60);
  });

  it("says so when it fails or does not understand, and goes on", async () => {
    expect((await overUdp(query("broken"))).rcode).toBe("SERVFAIL");
    const malformed = Buffer.concat([packet.encode({ type: "query", id: 9, questions: [{ type: "A", name: "x" }] }).subarray(0, 14), Buffer.from([0xff])]);
    expect((await overUdp(malformed)).rcode).toBe("FORMERR");
    expect((await overUdp(query("missing"))).rcode).toBe("NXDOMAIN");
  });
});
