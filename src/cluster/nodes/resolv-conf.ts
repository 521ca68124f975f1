// The resolver configuration of a further node, out of the machine's (resolv.conf(5)). Loopback is another one there: a resolver that the
// machine has to itself is reached through the cluster's DNS, which forwards to it.

/** `dns` is the address of the cluster's DNS. */
export function nodeResolvConf(machine: string, dns: string): string {
  const lines = machine.split("\n").filter((line) => !isServer(line) || !isOwn(line.trim().split(/\s+/)[1] ?? ""));
  return `${[...lines.filter((line) => line.trim() !== ""), ...(lines.some(isServer) ? [] : [`nameserver ${dns}`])].join("\n")}\n`;
}

function isServer(line: string): boolean {
  return /^\s*nameserver\s/.test(line);
}

function isOwn(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address === "0.0.0.0" || address === "::";
}
