import { createSocket } from "node:dgram";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { createUpstream } from "./upstream.host.ts";

/** No way leads there, as to every server on a machine without a network. */
const UNREACHABLE = { address: "255.255.255.255", port: 53 };
const NAME_ERROR = 0x8183;

it("asks the next server when no way leads to one", async () => {
  const socket = createSocket("udp4").on("message", (query, { port, address }) => {
    const reply = Buffer.from(query);
    reply.writeUInt16BE(NAME_ERROR, 2);
    socket.send(reply, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const server = { address: "127.0.0.1", port: (socket.address() as AddressInfo).port };
  const upstream = createUpstream([]);
  expect(await upstream.resolve({ name: "example.com", type: "A" }, [UNREACHABLE, server])).toMatchObject({ code: "NXDOMAIN" });
  expect(await upstream.resolve({ name: "example.com", type: "A" }, [UNREACHABLE])).toBeUndefined();
  socket.close();
});
