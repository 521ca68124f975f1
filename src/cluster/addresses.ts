// Addresses of an IPv4 network by their position in it.

/** The `index`-th address of `cidr`, e.g. 10.96.0.10 for (10.96.0.0/16, 10). */
export function addressAt(cidr: string, index: number): string {
  const [base = ""] = cidr.split("/");
  const value = base.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
