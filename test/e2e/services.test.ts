// Services as users meet them: load balancers on the machine's own addresses, host ports, affinity, two address families, names.

import { Resolver } from "node:dns/promises";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestImages } from "../images/build.host.ts";
import { containerTests } from "../machine.host.ts";
import { eventually, type TestCluster, testCluster } from "./cluster.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";

const { reason } = containerTests();
const WEB_PORT = 18_080;
const TAKEN_PORT = 18_081;
const HOST_PORT = 18_082;
const IPV6_SWITCH = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
const hasIpv6 = existsSync(IPV6_SWITCH) && readFileSync(IPV6_SWITCH, "utf8").trim() === "0";
const BOTH_FAMILIES = ["--pod-network-cidr", "10.244.0.0/16,fd00:244::/56", "--service-cidr", "10.96.0.0/16,fd00:96::/108"];
/** Tells each client its own name, on both families. */
const NAME_SERVER = ["sh", "-c", "mkdir /www; hostname > /www/index.html; exec httpd -f -p [::]:80 -h /www"];

const web = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: "web", image: "busybox:local", command: NAME_SERVER, ports: [{ name: "http", containerPort: 80 }] }],
      },
    },
  },
};

function service(name: string, spec: object): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }], ...spec },
  };
}

describe.skipIf(reason !== undefined)("services", () => {
  let cluster: TestCluster;
  let before: MachineState;
  let folder: string;
  let taken: Server;
  let nodeIp: string;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-services-"));
    taken = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => taken.listen(TAKEN_PORT, "0.0.0.0", resolve));
    cluster = testCluster();
    await cluster.kubets("start", ...(hasIpv6 ? BOTH_FAMILIES : []));
    nodeIp = (await cluster.kubets("ip")).trim();
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
    await create(web);
    await kubectl("run", "client", "--image=busybox:local", "--restart=Never", "--", "sleep", "100000");
    await kubectl("rollout", "status", "deployment/web", "--timeout=60s");
    await kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s");
  });

  afterAll(async () => {
    taken?.close();
    await cluster?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl.run(args);
  const create = (object: object): Promise<string> => cluster.kubectl.run(["create", "-f", "-"], { input: JSON.stringify(object) });
  const jsonPath = (resource: string, path: string): Promise<string> => kubectl("get", ...resource.split(" "), "-o", `jsonpath={${path}}`);
  const ingress = (name: string): Promise<string> => jsonPath(`service ${name}`, ".status.loadBalancer.ingress[*].ip");

  it("of type LoadBalancer answer on the machine's addresses and on localhost", async () => {
    await create(service("lb", { type: "LoadBalancer", ports: [{ port: WEB_PORT, targetPort: "http" }] }));
    await eventually(
      () => ingress("lb"),
      (ips) => ips === nodeIp,
    );
    for (const host of [nodeIp, "127.0.0.1", "localhost"]) expect(await ask(`http://${host}:${WEB_PORT}/`)).toMatch(/^web-/);
    expect(await kubectl("get", "service", "lb", "--no-headers")).toContain(nodeIp);
  });

  it("of type LoadBalancer stay pending while somebody else has the port, and say who", async () => {
    await create(service("late", { type: "LoadBalancer", ports: [{ port: WEB_PORT, targetPort: "http" }] }));
    await create(service("blocked", { type: "LoadBalancer", ports: [{ port: TAKEN_PORT, targetPort: "http" }] }));
    for (const [name, who] of [
      ["late", "is taken by service default/lb"],
      ["blocked", "is taken by another program of this machine"],
    ] as const) {
      await eventually(
        () => kubectl("describe", "service", name),
        (text) => text.includes("SyncLoadBalancerFailed") && text.includes(who),
      );
      expect(await kubectl("get", "service", name, "--no-headers")).toContain("<pending>");
    }
    await kubectl("delete", "service", "lb", "blocked");
    await eventually(
      () => ingress("late"),
      (ips) => ips === nodeIp,
    );
    expect(await ask(`http://127.0.0.1:${WEB_PORT}/`)).toMatch(/^web-/);
    await kubectl("patch", "service", "late", "-p", '{"spec":{"type":"ClusterIP"}}');
    await eventually(
      () => ask(`http://127.0.0.1:${WEB_PORT}/`).catch((error: NodeJS.ErrnoException) => error.code),
      (answer) => answer === "ECONNREFUSED",
    );
    expect(await ingress("late")).toBe("");
  });

  it("tell load balancers how many endpoints a node has of its own", async () => {
    await create(service("local", { type: "LoadBalancer", externalTrafficPolicy: "Local", ports: [{ port: WEB_PORT + 10, targetPort: "http" }] }));
    const port = await jsonPath("service local", ".spec.healthCheckNodePort");
    const answer = await eventually(
      () => ask(`http://${nodeIp}:${port}/`).catch(String),
      (text) => text.includes('"localEndpoints": 2'),
    );
    expect(JSON.parse(answer)).toEqual({ service: { namespace: "default", name: "local" }, localEndpoints: 2, serviceProxyHealthy: true });
    expect(JSON.parse(await ask("http://127.0.0.1:10256/healthz"))).toMatchObject({ nodeEligible: true, healthy: true });
    expect(await ask(`http://127.0.0.1:${WEB_PORT + 10}/`)).toMatch(/^web-/);
    await kubectl("delete", "service", "local");
  });

  it("remember their clients while they are told to", async () => {
    await create(service("sticky", { sessionAffinity: "ClientIP" }));
    const ip = await jsonPath("service sticky", ".spec.clusterIP");
    const answers = async (): Promise<number> => new Set(await Promise.all(Array.from({ length: 16 }, () => ask(`http://${ip}/`)))).size;
    await eventually(
      () => ask(`http://${ip}/`).catch(String),
      (text) => text.startsWith("web-"),
    );
    expect(await answers()).toBe(1);
    await kubectl("patch", "service", "sticky", "-p", '{"spec":{"sessionAffinity":"None"}}');
    await eventually(answers, (count) => count === 2);
  });

  it("leave host ports to pods, by address", async () => {
    const pod = (name: string, hostIP: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: "web", image: "busybox:local", command: NAME_SERVER, ports: [{ containerPort: 80, hostPort: HOST_PORT, hostIP }] }],
      },
    });
    await create(pod("on-loopback", "127.0.0.1"));
    await create(pod("on-node", nodeIp));
    await kubectl("wait", "--for=condition=Ready", "pod/on-loopback", "pod/on-node", "--timeout=60s");
    for (const [host, name] of [
      ["127.0.0.1", "on-loopback"],
      [nodeIp, "on-node"],
    ] as const)
      await eventually(
        () => ask(`http://${host}:${HOST_PORT}/`).catch(String),
        (text) => text.trim() === name,
      );
    await kubectl("delete", "pod", "on-loopback", "on-node", "--now");
    await eventually(
      () => ask(`http://127.0.0.1:${HOST_PORT}/`).catch((error: NodeJS.ErrnoException) => error.code),
      (answer) => answer === "ECONNREFUSED",
    );
  });

  it.skipIf(!hasIpv6)("have addresses of both families when they want to, and records of them", async () => {
    await create(service("dual", { ipFamilyPolicy: "PreferDualStack" }));
    const [first = "", second = ""] = (await jsonPath("service dual", ".spec.clusterIPs[*]")).split(" ");
    expect([first, second]).toEqual([expect.stringMatching(/^10\.96\./), expect.stringMatching(/^fd00:96::/)]);
    const inside = await eventually(
      () => cluster.kubectl.try(["exec", "client", "--", "wget", "-q", "-O", "-", `http://[${second}]/`]),
      ({ stdout }) => stdout.startsWith("web-"),
    );
    expect(inside.code).toBe(0);
    expect(await ask(`http://[${second}]/`)).toMatch(/^web-/);
    expect(await jsonPath("pod client", ".status.podIPs[*].ip")).toMatch(/^10\.244\.\S+ fd00:244:/);
    await eventually(
      () => cluster.kubectl.try(["get", "ipaddresses", first, second, "--no-headers"]),
      ({ stdout }) => stdout.split("services/default/dual").length === 3,
    );
    await kubectl("patch", "service", "dual", "-p", '{"spec":{"ipFamilyPolicy":"SingleStack"}}');
    expect(await jsonPath("service dual", ".spec.clusterIPs[*]")).toBe(first);
  });

  it("take addresses of a range that was added", async () => {
    await create({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "more" }, spec: { cidrs: ["10.97.0.0/24"] } });
    await kubectl("wait", "--for=condition=Ready", "servicecidr/more", "--timeout=30s");
    await create(service("extra", { clusterIP: "10.97.0.9" }));
    await eventually(
      () => ask("http://10.97.0.9/").catch(String),
      (text) => text.startsWith("web-"),
    );
    await kubectl("delete", "service", "extra");
  });

  it("have names, and so have their ports, pods and addresses", async () => {
    const resolver = new Resolver({ timeout: 2000, tries: 2 });
    resolver.setServers(["10.96.0.10"]);
    await create(service("headless", { clusterIP: "None" }));
    await create({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "alias" },
      spec: { type: "ExternalName", externalName: "sticky.default.svc.cluster.local" },
    });
    await create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "named", labels: { app: "web" } },
      spec: {
        hostname: "busy",
        subdomain: "headless",
        containers: [{ name: "web", image: "busybox:local", command: NAME_SERVER, ports: [{ name: "http", containerPort: 80 }] }],
      },
    });
    await kubectl("wait", "--for=condition=Ready", "pod/named", "--timeout=60s");
    const podIp = await jsonPath("pod named", ".status.podIP");
    const zone = "default.svc.cluster.local";
    expect(
      await eventually(
        () => resolver.resolve4(`busy.headless.${zone}`).catch(String),
        (answer) => typeof answer !== "string",
      ),
    ).toEqual([podIp]);
    expect(await resolver.resolve4(`headless.${zone}`)).toHaveLength(3);
    const clusterIp = await jsonPath("service sticky", ".spec.clusterIP");
    expect(await resolver.resolveSrv(`_http._tcp.sticky.${zone}`)).toEqual([{ name: `sticky.${zone}`, port: 80, priority: 0, weight: 100 }]);
    expect(await resolver.reverse(clusterIp)).toEqual([`sticky.${zone}`]);
    expect(await resolver.resolve4(`${podIp.replaceAll(".", "-")}.default.pod.cluster.local`)).toEqual([podIp]);
    expect(await resolver.resolveCname(`alias.${zone}`)).toEqual([`sticky.${zone}`]);
    expect(await resolver.resolve4(`alias.${zone}`)).toEqual([clusterIp]);
    expect(await resolver.resolveTxt("dns-version.cluster.local")).toEqual([["1.1.0"]]);
    await expect(resolver.resolve4(`nobody.${zone}`)).rejects.toMatchObject({ code: "ENOTFOUND" });
    await expect(resolver.resolve6(`sticky.${zone}`)).rejects.toMatchObject({ code: "ENODATA" });
    expect((await kubectl("exec", "named", "--", "hostname", "-f")).trim()).toBe(`busy.headless.${zone}`);
    expect(await kubectl("exec", "client", "--", "wget", "-q", "-O", "-", "http://sticky")).toMatch(/^(web-|busy)/);
    await kubectl("patch", "service", "alias", "--type=merge", "-p", `{"spec":{"externalName":"headless.${zone}"}}`);
    await eventually(
      () => resolver.resolveCname(`alias.${zone}`),
      ([target]) => target === `headless.${zone}`,
    );
  });
});

/** Over a connection of its own. */
function ask(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: 3000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve(body));
    });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", reject);
  });
}
