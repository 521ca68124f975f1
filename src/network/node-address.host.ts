// The address of this machine that others reach it by.
import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { POD_BRIDGE } from "./cni.ts";

/** Addresses that nobody has (RFC 5737, RFC 3849): the way to them is the default route. */
const OUTSIDE = { IPv4: ["udp4", "198.51.100.1"], IPv6: ["udp6", "2001:db8::1"] } as const;
const ANY_PORT = 9;

/** The one that packets to the outside carry, else any that is neither loopback nor of this link alone; undefined: none. */
export async function findNodeAddress(family: "IPv4" | "IPv6"): Promise<string | undefined> {
  const own = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ address, internal, ...rest }) => rest.family === family && !internal && !address.startsWith("fe80:"))
      .map(({ address }) => ({ name, address })),
  );
  const source = await sourceAddress(family);
  const outward = own.find(({ address }) => address === source);
  // Of IPv6 the kernel may choose one that changes every day (RFC 8981).
  const found = family === "IPv6" ? own.find(({ name }) => name === outward?.name) : outward;
  return (found ?? own.find(({ name }) => name !== POD_BRIDGE))?.address;
}

/** What the kernel chooses as the source of packets to the outside. Connecting a UDP socket sends none. */
function sourceAddress(family: "IPv4" | "IPv6"): Promise<string | undefined> {
  const [type, outside] = OUTSIDE[family];
  return new Promise((resolve) => {
    const socket = createSocket(type);
    const end = (address: string | undefined): void => {
      socket.close();
      resolve(address);
    };
    socket.on("error", () => end(undefined));
    socket.connect(ANY_PORT, outside, () => end(socket.address().address));
  });
}
