// What differs between IPv4 and IPv6 in nftables: each family has a table of its own, alike but for these words.

export interface Family {
  readonly name: "IPv4" | "IPv6";
  /** The table's family, and the name of the packet header. */
  readonly header: "ip" | "ip6";
  readonly addressType: "ipv4_addr" | "ipv6_addr";
  readonly loopback: string;
}

export const IPV4: Family = { name: "IPv4", header: "ip", addressType: "ipv4_addr", loopback: "127.0.0.0/8" };
export const IPV6: Family = { name: "IPv6", header: "ip6", addressType: "ipv6_addr", loopback: "::1" };

/** Of an address or a range. */
export function familyOf(text: string): Family {
  return text.includes(":") ? IPV6 : IPV4;
}

/** `address:port` as nft writes it. */
export function socketAddress(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
