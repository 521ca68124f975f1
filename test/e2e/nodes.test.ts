// Several nodes on this machine: joined as any machine would be, one network, power cuts, and nothing left afterwards.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestImages } from "../images/build.host.ts";
import { containerTests } from "../machine.host.ts";
import { eventually, type TestCluster, testCluster } from "./cluster.host.ts";
import { kubectlFor } from "./kubectl.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";

const { reason } = containerTests();

describe.skipIf(reason !== undefined)("several nodes on one machine", () => {
  let cluster: TestCluster;
  let before: MachineState;
  let folder: string;
  let first: string;
  let second: string;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-nodes-"));
    cluster = testCluster();
    await cluster.kubets("start", "--nodes", "2");
    [first = "", second = ""] = (await machineNodes()).map(({ name }) => name);
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
    await cluster.kubectl.run(["create", "-f", "-"], { input: JSON.stringify(daemonSet) });
    await cluster.kubectl.run(["create", "service", "clusterip", "web", "--tcp=80"]);
    await kubectl("rollout", "status", "daemonset/web", "--timeout=90s");
  });

  afterAll(async () => {
    await cluster?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl.run(args);
  const machineNodes = async () =>
    JSON.parse(await cluster.kubets("node", "list", "-o", "json")) as { name: string; addresses: string[]; state: string; ready: boolean }[];
  const ofPod = (node: string, path: string): Promise<string> =>
    kubectl("get", "pods", "-l", "app=web", `--field-selector=spec.nodeName=${node}`, "-o", `jsonpath={.items[0]${path}}`);
  const inPod = async (node: string, ...command: string[]): Promise<string> =>
    kubectl("exec", await ofPod(node, ".metadata.name"), "-c", "client", "--", ...command);
  const fetchIn = (node: string, host: string): Promise<string> => inPod(node, "wget", "-q", "-O", "-", `http://${host}`);

  it("has two nodes with ranges of their own, one of them in a process of its own", async () => {
    const states = await machineNodes();
    expect(states).toMatchObject([{ ready: true }, { name: `${first}-2`, state: "running", ready: true }]);
    const ranges = (await kubectl("get", "nodes", "-o", "jsonpath={.items[*].spec.podCIDR}")).split(" ");
    expect(new Set(ranges).size).toBe(2);
    expect(await cluster.kubets("status")).toMatch(new RegExp(`${second} \\(.*\\), Ready`));
  });

  it("let the second node in by its own requests, which were signed, and lets it be itself alone", async () => {
    const requests = await kubectl("get", "csr", "--no-headers");
    expect(requests).toMatch(/kube-apiserver-client-kubelet\s+system:bootstrap:\S+\s+<none>\s+Approved,Issued/);
    expect(requests).toMatch(new RegExp(`kubelet-serving\\s+system:node:${second}\\s+<none>\\s+Approved,Issued`));
    const asNode = kubectlFor(join(cluster.dataDirectory, "nodes", second, "kubelet.conf"));
    expect((await asNode.try(["label", "node", first, "mine=yes"])).stderr).toMatch(/forbidden/i);
    expect((await asNode.try(["get", "secrets", "-A"])).stderr).toMatch(/forbidden/i);
  });

  it("carries traffic from every node to pods, services, names and node ports of every node", async () => {
    const addresses = (await machineNodes()).map(({ addresses: [address = ""] }) => address);
    const nodePort = await exposeNodePort();
    for (const node of [first, second]) {
      for (const target of [first, second]) expect(await fetchIn(node, await ofPod(target, ".status.podIP"))).toContain("Welcome to nginx!");
      expect(await fetchIn(node, "web.default.svc.cluster.local")).toContain("Welcome to nginx!");
      for (const address of addresses) expect(await fetchIn(node, `${address}:${nodePort}`)).toContain("Welcome to nginx!");
    }
  });

  const exposeNodePort = async (): Promise<string> => {
    await kubectl("patch", "service", "web", "-p", '{"spec":{"type":"NodePort"}}');
    const port = await kubectl("get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}");
    // Every node's own rules must have it.
    for (const { addresses } of await machineNodes())
      await eventually(
        () => inPod(first, "sh", "-c", `wget -q -O - http://${addresses[0]}:${port} || true`),
        (page) => page.includes("Welcome"),
      );
    return port;
  };

  it("reaches the second node's kubelet and pods from the API server", async () => {
    const name = await ofPod(second, ".metadata.name");
    expect((await inPod(second, "hostname")).trim()).toBe(name);
    expect(await kubectl("get", "--raw", `/api/v1/namespaces/default/pods/${name}/proxy/`)).toContain("Welcome to nginx!");
    expect(await kubectl("logs", name, "-c", "web")).toContain("GET /");
    expect(await kubectl("get", "--raw", `/api/v1/nodes/${second}/proxy/healthz`)).toBe("ok");
  });

  it("leaves the second node's containers alone when kubets is killed", async () => {
    const startedAt = await ofPod(second, ".status.containerStatuses[0].state.running.startedAt");
    const { pid } = JSON.parse(await cluster.kubets("status", "-o", "json")) as { pid: number };
    process.kill(pid, "SIGKILL");
    await cluster.start();
    expect(await ofPod(second, ".status.containerStatuses[0].state.running.startedAt")).toBe(startedAt);
    expect((await inPod(second, "hostname")).trim()).toMatch(/^web-/);
  });

  it("cuts a node's power, and gives it back with its disk and without its containers", async () => {
    await inPod(second, "sh", "-c", "echo kept > /data/file");
    await cluster.kubets("node", "stop", second);
    expect((await machineNodes()).find(({ name }) => name === second)).toMatchObject({ state: "stopped", ready: false });
    await cluster.kubets("node", "start", second);
    await eventually(
      () => ofPod(second, ".status.containerStatuses[*].restartCount"),
      (counts) => counts === "1 1",
    );
    await kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
    expect(await inPod(second, "cat", "/data/file")).toBe("kept\n");
    expect(await fetchIn(first, await ofPod(second, ".status.podIP"))).toContain("Welcome to nginx!");
  });

  it("takes a node more while it runs, and lets go of it without a trace", async () => {
    await cluster.kubets("node", "add", "third", "--node-labels=disk=ssd");
    expect(await kubectl("get", "nodes", "-l", "disk=ssd", "--no-headers")).toMatch(/^third\s+Ready\s/);
    expect(await cluster.kubets("image", "ls", "--node", "third")).toContain("nginx:local");
    expect((await cluster.tryKubets("node", "add", "third")).stderr).toContain("there is a node third already");
    await cluster.kubets("node", "delete", "third");
    expect((await cluster.kubectl.try(["get", "node", "third"])).stderr).toContain("not found");
    expect(existsSync(join(cluster.dataDirectory, "nodes", "third"))).toBe(false);
    expect(leftBehind(before, machineState()).filter((line) => line.includes("third") || line.includes("kubets-n3"))).toEqual([]);
    const { code, stderr } = await cluster.tryKubets("node", "stop", "third");
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(`there is no node third, but there is ${second}`) });
  });

  it("stops and starts all nodes", async () => {
    await cluster.kubets("stop");
    await cluster.start();
    expect(await machineNodes()).toMatchObject([{ ready: true }, { name: second, state: "running", ready: true }]);
  });
});

/** A web server and a client on every node, and a folder on the node's disk. */
const daemonSet = {
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "web" },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: "client", image: "busybox:local", command: ["sleep", "100000"], volumeMounts: [{ name: "data", mountPath: "/data" }] },
          { name: "web", image: "nginx:local" },
        ],
        volumes: [{ name: "data", emptyDir: {} }],
      },
    },
  },
};
