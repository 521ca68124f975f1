import { describe, expect, it } from "vitest";
import { nodeResolvConf } from "./resolv-conf.ts";

describe("the resolver configuration of a further node", () => {
  it.each([
    ["keeps servers that it reaches too", "search lan\nnameserver 192.0.2.1\n", "search lan\nnameserver 192.0.2.1\n"],
    ["leaves out those that the machine has to itself", "nameserver 127.0.0.53\nnameserver 2001:db8::1\n", "nameserver 2001:db8::1\n"],
    ["asks the cluster where nothing is left", "nameserver 127.0.0.53\noptions edns0\n", "options edns0\nnameserver 10.96.0.10\n"],
    ["asks the cluster where there was nothing", "", "nameserver 10.96.0.10\n"],
    ["leaves out loopback of IPv6", "nameserver ::1", "nameserver 10.96.0.10\n"],
  ])("%s", (_what, machine, expected) => {
    expect(nodeResolvConf(machine, "10.96.0.10")).toBe(expected);
  });
});
