// The rules at work: a node, two pods on its bridge and a machine outside, as network namespaces with the kernel's own nftables.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { EndpointSlice, Pod, Service } from "../api/index.ts";
import { type Family, IPV4, IPV6 } from "./family.ts";
import { FamilyRules } from "./family-rules.ts";
import { planHostPorts } from "./host-ports.ts";
import { createNftApplier, removeServiceRules } from "./nft.host.ts";
import { type PlanOptions, planService } from "./plan.ts";
import { Ruleset } from "./ruleset.ts";
import { servicePort, testService, testSlice } from "./testing.ts";

const hasTools =
  process.getuid?.() === 0 && process.platform === "linux" && ["nft", "ip"].every((tool) => existsSync(`/usr/sbin/${tool}`) || existsSync(`/sbin/${tool}`));
/** Replies on TCP and UDP port 8080 with its own address and the client's. */
const SERVER = `
const reply = (me, from) => me + " from " + from.replace("::ffff:", "");
require("net").createServer((s) => s.end(reply(s.localAddress.replace("::ffff:", ""), s.remoteAddress))).listen(8080, "::", () => console.log("up"));
const u = require("dgram").createSocket("udp4");
u.on("message", (m, r) => u.send(reply(process.argv[1], r.address), r.port, r.address)).bind(8080, process.argv[1]);`;
/** Asks each \`protocol/address/port\` and prints one answer a line. */
const CLIENT = `
const ask = (target) => new Promise((done) => {
  const [protocol, host, port] = target.split("/");
  const timer = setTimeout(() => done("no answer"), 1000);
  const end = (text) => { clearTimeout(timer); done(String(text)); };
  if (protocol === "tcp") {
    const s = require("net").connect(Number(port), host);
    s.on("data", end).on("error", (e) => end(e.code));
  } else {
    const s = require("dgram").createSocket(host.includes(":") ? "udp6" : "udp4");
    s.on("error", (e) => end(e.code)).on("message", end);
    s.connect(Number(port), host, () => s.send("?"));
  }
});
(async () => { for (const t of process.argv.slice(1)) console.log(await ask(t)); process.exit(0); })();`;

/** Sends from one socket whenever it reads a line, and prints the answer, or "nothing". */
const TALKER = `
const u = require("dgram").createSocket("udp4");
let answered;
u.on("message", (m) => { clearTimeout(answered); console.log(String(m)); });
u.on("error", () => undefined);
u.bind(4000);
process.stdin.on("data", () => {
  answered = setTimeout(() => console.log("nothing"), 1000);
  u.send("?", Number(process.argv[2]), process.argv[1], () => undefined);
});`;

const name = (of: string) => `kubets-t${process.pid}-${of}`;
const inside = (of: string) => `--net=/run/netns/${name(of)}`;
const NODE_IP = "192.0.2.1";
const options: PlanOptions = { family: IPV4, nodeName: "node", clusterCidr: "10.244.0.0/16" };

describe.skipIf(!hasTools)("service rules in the kernel (needs root, nft and ip)", () => {
  const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });
  const on = (of: string, ...args: string[]) => execFileSync("nsenter", [inside(of), ...args], { stdio: "pipe" }).toString();
  const servers: ChildProcess[] = [];
  const applier = createNftApplier({ networkNamespace: `/run/netns/${name("node")}` });
  let ruleset: Ruleset;
  let ruleset6: Ruleset;

  const ask = (from: string, ...targets: string[]) =>
    on(from, process.execPath, "-e", CLIENT, ...targets)
      .trim()
      .split("\n");
  const apply = async (...all: [Service, EndpointSlice[]][]) => {
    for (const [service, slices] of all) ruleset.set(service.metadata.name ?? "", planService(service, slices, options).claims);
    const transaction = ruleset.transaction();
    if (transaction === undefined) return;
    await applier.apply(transaction.script);
    transaction.settled(true);
  };

  beforeAll(async () => {
    for (const of of ["node", "pod2", "pod3", "outside"]) ip("netns", "add", name(of));
    on("node", "ip", "link", "add", "br0", "type", "bridge");
    on("node", "ip", "address", "add", "10.244.0.1/24", "dev", "br0");
    on("node", "ip", "address", "add", "fd00:244::1/64", "dev", "br0", "nodad");
    for (const link of ["br0", "lo"]) on("node", "ip", "link", "set", link, "up");
    on(
      "node",
      "sh",
      "-c",
      "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; echo 1 > /proc/sys/net/bridge/bridge-nf-call-ip6tables; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; echo 1 > /proc/sys/net/ipv4/conf/br0/route_localnet",
    );
    for (const number of ["2", "3"]) {
      const pod = `pod${number}`;
      ip("link", "add", "eth0", "netns", name(pod), "type", "veth", "peer", "name", pod, "netns", name("node"));
      on("node", "ip", "link", "set", pod, "master", "br0", "up");
      on("node", "ip", "link", "set", "dev", pod, "type", "bridge_slave", "hairpin", "on");
      on(pod, "ip", "address", "add", `10.244.0.${number}/24`, "dev", "eth0");
      on(pod, "ip", "address", "add", `fd00:244::${number}/64`, "dev", "eth0", "nodad");
      on(pod, "ip", "link", "set", "eth0", "up");
      on(pod, "ip", "route", "add", "default", "via", "10.244.0.1");
      on(pod, "ip", "-6", "route", "add", "default", "via", "fd00:244::1");
      await startServer(pod, `10.244.0.${number}`);
    }
    ip("link", "add", "eth0", "netns", name("outside"), "type", "veth", "peer", "name", "uplink", "netns", name("node"));
    on("node", "ip", "address", "add", `${NODE_IP}/24`, "dev", "uplink");
    on("node", "ip", "address", "add", "fd00:192::1/64", "dev", "uplink", "nodad");
    on("node", "ip", "link", "set", "uplink", "up");
    on("outside", "ip", "address", "add", "192.0.2.2/24", "dev", "eth0");
    on("outside", "ip", "address", "add", "fd00:192::2/64", "dev", "eth0", "nodad");
    on("outside", "ip", "link", "set", "eth0", "up");
    // The node reaches service addresses by its default route; the outside knows the way to external ones.
    on("node", "ip", "route", "add", "default", "via", "192.0.2.2");
    on("node", "ip", "-6", "route", "add", "default", "via", "fd00:192::2");
    on("outside", "ip", "route", "add", "default", "via", NODE_IP);
    await startServer("node", NODE_IP);
  });

  afterAll(() => {
    for (const server of servers) server.kill("SIGKILL");
    for (const of of ["node", "pod2", "pod3", "outside"]) ip("netns", "del", name(of));
  });

  beforeEach(() => {
    ruleset = new Ruleset(IPV4);
    ruleset6 = new Ruleset(IPV6);
  });

  async function startServer(pod: string, address: string): Promise<void> {
    const server = spawn("nsenter", [inside(pod), process.execPath, "-e", SERVER, address], { stdio: ["ignore", "pipe", "inherit"] });
    servers.push(server);
    await new Promise((resolve) => server.stdout.once("data", resolve));
  }

  const ports = [servicePort("TCP", 80, 30080), servicePort("UDP", 80, 30080)];
  const both = testSlice("web", ports, [{ ip: "10.244.0.2" }, { ip: "10.244.0.3" }]);
  const only = (number: number, node = "node") => testSlice("web", ports, [{ ip: `10.244.0.${number}`, node }]);

  it("answers on the cluster address from a pod, from the node and for the pod itself", async () => {
    await apply([testService("web", { clusterIP: "10.96.0.20", ports }), [only(2)]]);
    const service = ["tcp/10.96.0.20/80", "udp/10.96.0.20/80"];
    // A pod's own address is kept; towards itself, and from the node, the reply must come back through the node.
    expect(ask("pod3", ...service)).toEqual(["10.244.0.2 from 10.244.0.3", "10.244.0.2 from 10.244.0.3"]);
    expect(ask("pod2", ...service)).toEqual(["10.244.0.2 from 10.244.0.1", "10.244.0.2 from 10.244.0.1"]);
    expect(ask("node", ...service)).toEqual(["10.244.0.2 from 10.244.0.1", "10.244.0.2 from 10.244.0.1"]);
  });

  it("leads to a server of the node itself, as those of the API and of DNS are", async () => {
    await apply([testService("web", { clusterIP: "10.96.0.20", ports }), [testSlice("web", ports, [{ ip: NODE_IP }])]]);
    const service = ["tcp/10.96.0.20/80", "udp/10.96.0.20/80"];
    expect(ask("pod3", ...service)).toEqual([`${NODE_IP} from 10.244.0.3`, `${NODE_IP} from 10.244.0.3`]);
    for (const answer of ask("node", ...service)) expect(answer).toContain(`${NODE_IP} from `);
  });

  it("spreads over all endpoints, and follows when they change", async () => {
    const service = testService("web", { clusterIP: "10.96.0.20", ports });
    await apply([service, [both]]);
    const many = Array<string>(24).fill("tcp/10.96.0.20/80");
    expect(new Set(ask("node", ...many))).toEqual(new Set(["10.244.0.2 from 10.244.0.1", "10.244.0.3 from 10.244.0.1"]));
    await apply([service, [only(3)]]);
    expect(new Set(ask("node", ...many))).toEqual(new Set(["10.244.0.3 from 10.244.0.1"]));
  });

  it("answers on node ports, external and load balancer addresses", async () => {
    const service = testService("web", { type: "LoadBalancer", clusterIP: "10.96.0.20", externalIPs: ["198.51.100.7"], ports }, ["203.0.113.9"]);
    await apply([service, [only(2)]]);
    const answer = "10.244.0.2 from 10.244.0.1";
    const targets = [`tcp/${NODE_IP}/30080`, `udp/${NODE_IP}/30080`, "tcp/198.51.100.7/80", "tcp/203.0.113.9/80"];
    expect(ask("outside", ...targets)).toEqual([answer, answer, answer, answer]);
    expect(ask("pod3", `tcp/${NODE_IP}/30080`)).toEqual([answer]);
    expect(ask("node", `tcp/${NODE_IP}/30080`)).toEqual([answer]);
  });

  it("refuses at once what has no endpoints, or no such port", async () => {
    const service = testService("web", { clusterIP: "10.96.0.20", ports });
    await apply([service, []]);
    const targets = ["tcp/10.96.0.20/80", "udp/10.96.0.20/80"];
    expect(ask("pod3", ...targets)).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
    expect(ask("node", ...targets)).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
    expect(ask("outside", `tcp/${NODE_IP}/30080`)).toEqual(["ECONNREFUSED"]);
    await apply([service, [only(2)]]);
    expect(ask("pod3", "tcp/10.96.0.20/80", "tcp/10.96.0.20/81")).toEqual(["10.244.0.2 from 10.244.0.3", "ECONNREFUSED"]);
  });

  it("keeps the client's address when only local endpoints are wanted, and drops without one", async () => {
    const service = testService("web", { type: "NodePort", clusterIP: "10.96.0.20", externalTrafficPolicy: "Local", ports });
    const slices = (local: string) => [
      testSlice("web", ports, [
        { ip: "10.244.0.2", node: local },
        { ip: "10.244.0.3", node: "other" },
      ]),
    ];
    await apply([service, slices("node")]);
    const many = Array<string>(8).fill(`tcp/${NODE_IP}/30080`);
    expect(new Set(ask("outside", ...many))).toEqual(new Set(["10.244.0.2 from 192.0.2.2"]));
    await apply([service, slices("other")]);
    expect(ask("outside", `tcp/${NODE_IP}/30080`)).toEqual(["no answer"]);
    expect(ask("pod3", `tcp/${NODE_IP}/30080`)[0]).toMatch(/^10\.244\.0\.[23] from /);
  });

  it("remembers a client with session affinity, until its endpoint is gone", async () => {
    const service = testService("web", { clusterIP: "10.96.0.20", sessionAffinity: "ClientIP", ports });
    await apply([service, [both]]);
    const many = Array<string>(12).fill("tcp/10.96.0.20/80");
    const first = new Set(ask("pod2", ...many));
    expect(first.size).toBe(1);
    const chosen = [...first][0]?.startsWith("10.244.0.2") ? 2 : 3;
    await apply([service, [only(5 - chosen)]]);
    expect(ask("node", "tcp/10.96.0.20/80")[0]).toContain(`10.244.0.${5 - chosen}`);
    await apply([testService("web", { clusterIP: "10.96.0.20", ports }), [both]]);
    expect(new Set(ask("node", ...many, ...many)).size).toBe(2);
  });

  it("lets only the wanted sources to the load balancer's address", async () => {
    const guarded = (range: string) =>
      testService("web", { type: "LoadBalancer", clusterIP: "10.96.0.20", loadBalancerSourceRanges: [range], ports }, ["203.0.113.9"]);
    await apply([guarded("192.0.2.0/24"), [only(2)]]);
    expect(ask("outside", "tcp/203.0.113.9/80")).toEqual(["10.244.0.2 from 10.244.0.1"]);
    await apply([guarded("198.51.100.0/24"), [only(2)]]);
    expect(ask("outside", "tcp/203.0.113.9/80", `tcp/${NODE_IP}/30080`)).toEqual(["no answer", "10.244.0.2 from 10.244.0.1"]);
  });

  it("leaves nothing behind when a service goes, and when the proxy goes", async () => {
    await apply([testService("web", { clusterIP: "10.96.0.20", sessionAffinity: "ClientIP", ports }), [both]]);
    ruleset.set("web", new Map());
    await apply();
    const rules = on("node", "nft", "list", "ruleset");
    expect(rules).not.toContain("10.96.0.20");
    expect(rules).not.toContain("web");
    await removeServiceRules({ networkNamespace: `/run/netns/${name("node")}` });
    await removeServiceRules({ networkNamespace: `/run/netns/${name("node")}` });
    expect(on("node", "nft", "list", "ruleset")).toBe("");
  });

  const settle = async (rules: Ruleset) => {
    const transaction = rules.transaction();
    if (transaction === undefined) return;
    await applier.apply(transaction.script);
    transaction.settled(true);
  };

  it("does all of it for IPv6 as well", async () => {
    const options6: PlanOptions = { family: IPV6, nodeName: "node", clusterCidr: "fd00:244::/64", balancerPorts: new Set(["TCP/80"]) };
    const service = testService("web", { type: "LoadBalancer", clusterIP: "fd00:96::20", sessionAffinity: "ClientIP", ports }, ["fd00:192::1"]);
    const slice6 = (number: number) => ({ ...testSlice("web", ports, [{ ip: `fd00:244::${number}` }]), addressType: "IPv6" });
    ruleset6.set("web", planService(service, [slice6(2)], options6).claims);
    await settle(ruleset6);
    expect(ask("pod3", "tcp/fd00:96::20/80")).toEqual(["fd00:244::2 from fd00:244::3"]);
    expect(ask("pod2", "tcp/fd00:96::20/80")).toEqual(["fd00:244::2 from fd00:244::1"]);
    expect(ask("outside", "tcp/fd00:192::1/30080", "tcp/fd00:192::1/80")).toEqual(Array(2).fill("fd00:244::2 from fd00:244::1"));
    expect(ask("node", "tcp/fd00:192::1/80", "tcp/::1/80")).toEqual(["fd00:244::2 from fd00:244::1", "ECONNREFUSED"]);
    expect(await applier.chains(IPV6)).toEqual(ruleset6.shape()?.chains);
    ruleset6.set("web", planService(service, [], options6).claims);
    await settle(ruleset6);
    expect(ask("pod3", "tcp/fd00:96::20/80")).toEqual(["ECONNREFUSED"]);
  });

  it("opens host ports by address, port and protocol, on loopback as well, and closes them", async () => {
    const pod = (name: string, number: number, port: { hostIP?: string; protocol?: string; hostPort: number }): Pod => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default" },
      spec: { containers: [{ name: "main", image: "app:1", ports: [{ containerPort: 8080, ...port }] }] },
      status: { phase: "Running", podIPs: [{ ip: `10.244.0.${number}` }] },
    });
    const set = (of: Pod, family: Family = IPV4) => ruleset.set(`pod ${of.metadata.name}`, planHostPorts(of, family).claims);
    set(pod("a", 2, { hostIP: "127.0.0.1", hostPort: 54323 }));
    set(pod("b", 3, { hostIP: NODE_IP, hostPort: 54323 }));
    set(pod("c", 2, { hostIP: NODE_IP, hostPort: 54323, protocol: "UDP" }));
    set(pod("d", 3, { hostPort: 54324 }));
    await settle(ruleset);
    expect(ask("node", "tcp/127.0.0.1/54323", `tcp/${NODE_IP}/54323`, `udp/${NODE_IP}/54323`, "tcp/127.0.0.1/54324")).toEqual([
      "10.244.0.2 from 10.244.0.1",
      `10.244.0.3 from ${NODE_IP}`,
      `10.244.0.2 from ${NODE_IP}`,
      "10.244.0.3 from 10.244.0.1",
    ]);
    expect(ask("outside", `tcp/${NODE_IP}/54323`, `tcp/${NODE_IP}/54324`)).toEqual(Array(2).fill("10.244.0.3 from 192.0.2.2"));
    // A pod itself, through the node.
    expect(ask("pod3", `tcp/${NODE_IP}/54324`)).toEqual(["10.244.0.3 from 10.244.0.1"]);
    ruleset.set("pod d", new Map());
    await settle(ruleset);
    expect(ask("node", "tcp/127.0.0.1/54324")).toEqual(["ECONNREFUSED"]);
  });

  it("answers for load balancers on all of the node's addresses, and keeps others away from its loopback", async () => {
    const service = testService("web", { type: "LoadBalancer", clusterIP: "10.96.0.20", externalTrafficPolicy: "Local", ports }, [NODE_IP]);
    ruleset.set("web", planService(service, [only(2)], { ...options, balancerPorts: new Set(["TCP/80", "UDP/80"]) }).claims);
    await settle(ruleset);
    expect(ask("outside", `tcp/${NODE_IP}/80`, `udp/${NODE_IP}/80`)).toEqual(Array(2).fill("10.244.0.2 from 192.0.2.2"));
    expect(ask("node", "tcp/127.0.0.1/80", "tcp/127.0.0.1/30080")).toEqual(["10.244.0.2 from 10.244.0.1", "ECONNREFUSED"]);
    on("pod3", "ip", "route", "add", "127.0.0.2/32", "via", "10.244.0.1");
    expect(ask("pod3", "tcp/127.0.0.2/8080")).not.toContain(expect.stringContaining("from"));
  });

  it("finds out when somebody empties a chain, a map or takes the table away", async () => {
    ruleset.set("web", planService(testService("web", { clusterIP: "10.96.0.20", ports }), [only(2)], options).claims);
    await settle(ruleset);
    const shape = ruleset.shape();
    expect(await applier.chains(IPV4)).toEqual(shape?.chains);
    expect(await applier.chainNames(IPV4)).toEqual(new Set(shape?.chains.keys()));
    expect(await applier.finds(shape?.probe ?? "")).toBe(true);
    expect([await applier.wouldApply(ruleset.scriptOf(["web"])), await applier.wouldApply("add nonsense\n")]).toEqual([true, false]);
    on("node", "nft", "flush", "map", "ip", "kubets-proxy", "service-ips");
    expect(await applier.finds(shape?.probe ?? "")).toBe(false);
    on("node", "nft", "flush", "chain", "ip", "kubets-proxy", "prerouting");
    expect(await applier.chains(IPV4)).not.toEqual(shape?.chains);
    on("node", "nft", "flush", "ruleset");
    expect(await applier.chains(IPV4)).toBeUndefined();
    expect(await applier.chainNames(IPV4)).toEqual(new Set());
  });

  it.skipIf(!existsSync("/usr/sbin/conntrack"))("ends UDP flows that lead where their service no longer does", async () => {
    const rules = new FamilyRules(IPV4, applier);
    const set = async (slices: EndpointSlice[] | undefined) => {
      const service = testService("web", { clusterIP: "10.96.0.20", ports });
      rules.set("web", slices === undefined ? undefined : planService(service, slices, options));
      await settle(rules.ruleset);
    };
    // One socket, as a client that goes on talking has it.
    const talker = spawn("nsenter", [inside("pod3"), process.execPath, "-e", TALKER, "10.96.0.20", "80"], { stdio: ["pipe", "pipe", "inherit"] });
    servers.push(talker);
    const say = (): Promise<string> =>
      new Promise((resolve) => {
        talker.stdout?.once("data", (text: Buffer) => resolve(text.toString().trim()));
        talker.stdin?.write("?\n");
      });
    await set([only(2)]);
    expect(await say()).toBe("10.244.0.2 from 10.244.0.3");
    await set([testSlice("web", ports, [{ ip: NODE_IP }])]);
    // The rules alone do not reach a flow that is known.
    expect(await say()).toBe("10.244.0.2 from 10.244.0.3");
    expect(await rules.endStaleFlows()).toBe(true);
    expect(await say()).toBe(`${NODE_IP} from 10.244.0.3`);
    await set(undefined);
    await rules.endStaleFlows();
    expect(await say()).toBe("nothing");
  });
});
