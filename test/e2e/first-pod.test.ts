// The first pod: one command, real containers, an unmodified kubectl. Runs `./kubets start` as a user would.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestImages } from "../images/build.host.ts";
import { containerTests } from "../machine.host.ts";
import { eventually, type TestCluster, testCluster } from "./cluster.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";

const { reason } = containerTests();
/** Debian's start page of nginx. */
const WELCOME = "Welcome to nginx!";

describe.skipIf(reason !== undefined)("the first pod", () => {
  let cluster: TestCluster;
  let before: MachineState;
  let folder: string;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-first-pod-"));
    cluster = testCluster();
    const printed = await cluster.start();
    expect(printed).toContain("kubectl");
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
  });

  afterAll(async () => {
    await cluster?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl.run(args);
  const jsonPath = async (resource: string, path: string): Promise<string> => kubectl("get", ...resource.split(" "), "-o", `jsonpath={${path}}`);
  /** What busybox's wget prints from inside the pod `client`. */
  const fetchInside = async (url: string): Promise<string> => kubectl("exec", "client", "--", "wget", "-q", "-O", "-", url);

  it("has a Ready node of v1.36 and DNS", async () => {
    expect(await kubectl("get", "nodes", "--no-headers")).toMatch(/\sReady\s.*v1\.36\./);
    expect(await kubectl("version")).toMatch(/Server Version.*v1\.36\./);
    expect(await kubectl("get", "--raw", "/readyz")).toBe("ok");
    expect(await kubectl("get", "service", "-n", "kube-system", "kube-dns", "--no-headers")).toContain("10.96.0.10");
  });

  it("creates a deployment whose pods run", async () => {
    expect(await kubectl("create", "deployment", "web", "--image=nginx:local", "--replicas=2")).toContain("deployment.apps/web created");
    expect(await kubectl("rollout", "status", "deployment/web", "--timeout=60s")).toContain("successfully rolled out");
    expect(await kubectl("get", "deployment", "web", "--no-headers")).toMatch(/^web\s+2\/2\s+2\s+2\s/);
    expect(await kubectl("get", "pods", "-l", "app=web", "--no-headers")).toMatch(/^(web-\S+\s+1\/1\s+Running\s+0\s.*\n){2}$/);
  });

  it("runs a single pod and executes in it", async () => {
    expect(await kubectl("run", "client", "--image=busybox:local", "--restart=Never", "--", "sleep", "100000")).toContain("pod/client created");
    await kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s");
    expect(await kubectl("exec", "client", "--", "echo", "hello")).toBe("hello\n");
    const failed = await cluster.kubectl.try(["exec", "client", "--", "sh", "-c", "exit 3"]);
    expect(failed.code).toBe(3);
    const echoed = await cluster.kubectl.run(["exec", "-i", "client", "--", "cat"], { input: "through stdin\n" });
    expect(echoed).toBe("through stdin\n");
  });

  it("answers through pod IP, ClusterIP, NodePort and DNS name", async () => {
    const name = (await jsonPath("pods -l app=web", ".items[0].metadata.name")).trim();
    expect(await fetchInside(`http://${await jsonPath(`pod ${name}`, ".status.podIP")}`)).toContain(WELCOME);
    expect(await kubectl("expose", "deployment", "web", "--port=80", "--type=NodePort")).toContain("service/web exposed");
    const clusterIp = await jsonPath("service web", ".spec.clusterIP");
    await eventually(
      () => cluster.kubectl.try(["exec", "client", "--", "wget", "-q", "-O", "-", `http://${clusterIp}`]),
      ({ stdout }) => stdout.includes(WELCOME),
      15_000,
    );
    expect(await fetchInside("http://web")).toContain(WELCOME);
    expect(await fetchInside("http://web.default.svc.cluster.local")).toContain(WELCOME);
    const nodePort = await jsonPath("service web", ".spec.ports[0].nodePort");
    const address = (await cluster.kubets("ip")).trim();
    expect(await fetchText(`http://${address}:${nodePort}/`)).toContain(WELCOME);
    expect(await fetchText((await cluster.kubets("service", "web", "--url")).trim())).toContain(WELCOME);
    expect(await kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name=web", "--no-headers")).toMatch(
      /IPv4\s+80\s+\d+\.\d+\.\d+\.\d+,\d+\.\d+\.\d+\.\d+/,
    );
  });

  it("refuses connections to a service without endpoints at once", async () => {
    await kubectl("create", "service", "clusterip", "nobody", "--tcp=80");
    const clusterIp = await jsonPath("service nobody", ".spec.clusterIP");
    const { code, stderr } = await eventually(
      () => cluster.kubectl.try(["exec", "client", "--", "wget", "-q", "-O", "-", `http://${clusterIp}`]),
      (run) => run.stderr.includes("refused"),
      15_000,
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain("refused");
  });

  it("shows logs, also of a pod that ended", async () => {
    await kubectl("run", "speaker", "--image=busybox:local", "--restart=Never", "--", "sh", "-c", "echo first; echo second >&2");
    await eventually(
      () => jsonPath("pod speaker", ".status.phase"),
      (phase) => phase === "Succeeded",
    );
    expect((await kubectl("logs", "speaker")).split("\n").sort()).toEqual(["", "first", "second"]);
    expect(await kubectl("logs", "speaker", "--tail=1")).toMatch(/^(first|second)\n$/);
    expect(await kubectl("logs", "-l", "run=speaker", "--timestamps")).toMatch(/^\d{4}-\d\d-\d\dT\S+Z (first|second)/);
  });

  it("describes pods and services with their events", async () => {
    const pod = await kubectl("describe", "pod", "client");
    expect(pod).toMatch(/Successfully assigned default\/client to /);
    for (const line of ["Created", "Started", "Ready             True", "QoS Class:                   BestEffort"]) expect(pod).toContain(line);
    expect(await kubectl("describe", "service", "web")).toMatch(/Endpoints:\s+\d+\.\d+\.\d+\.\d+:80,\d+\.\d+\.\d+\.\d+:80/);
    expect(await kubectl("describe", "deployment", "web")).toContain("Scaled up replica set web-");
    expect(await kubectl("describe", "node")).toMatch(/Ready\s+True/);
  });

  it("forwards ports to a pod and to a service", async () => {
    for (const target of ["deployment/web", "service/web"]) {
      const child = await cluster.kubectl.start(["port-forward", target, ":80"]);
      try {
        const port = await new Promise<string>((resolve, reject) => {
          let printed = "";
          const read = (chunk: Buffer): void => {
            printed += chunk.toString();
            const match = /127\.0\.0\.1:(\d+) -> 80/.exec(printed);
            if (match?.[1] !== undefined) resolve(match[1]);
          };
          child.stdout?.on("data", read);
          child.stderr?.on("data", read);
          child.on("close", () => reject(new Error(`port-forward ended: ${printed}`)));
        });
        for (let request = 0; request < 3; request++) expect(await fetchText(`http://127.0.0.1:${port}/`)).toContain(WELCOME);
      } finally {
        child.kill();
      }
    }
  });

  it("scales, applies, edits fields and replaces a deleted pod", async () => {
    await kubectl("scale", "deployment", "web", "--replicas=3");
    await eventually(
      () => jsonPath("deployment web", ".status.readyReplicas"),
      (ready) => ready === "3",
    );
    const [victim = ""] = (await jsonPath("pods -l app=web", ".items[*].metadata.name")).split(" ");
    await kubectl("delete", "pod", victim, "--grace-period=1");
    const names = await eventually(
      () => jsonPath("pods -l app=web --field-selector=status.phase=Running", ".items[*].metadata.name"),
      (list) => list.split(" ").length === 3 && !list.includes(victim),
    );
    expect(names).not.toContain(victim);

    const manifest = join(folder, "config.yaml");
    const write = (value: string): void => writeFileSync(manifest, `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: ${value}}\n`);
    write("red");
    expect(await kubectl("apply", "-f", manifest)).toContain("configmap/settings created");
    expect(await kubectl("apply", "-f", manifest)).toContain("configmap/settings unchanged");
    write("blue");
    expect(await kubectl("apply", "-f", manifest)).toContain("configmap/settings configured");
    expect(await jsonPath("configmap settings", ".data.colour")).toBe("blue");
  });

  it("reports a missing image as upstream does", async () => {
    await kubectl("run", "lost", "--image=registry.invalid/nothing:1", "--restart=Never");
    await eventually(
      () => kubectl("get", "pod", "lost", "--no-headers"),
      (row) => /ErrImagePull|ImagePullBackOff/.test(row),
    );
    await kubectl("delete", "pod", "lost", "--grace-period=0", "--force");
  });

  it("mounts config, secrets and the service account's token", async () => {
    await kubectl("create", "secret", "generic", "login", "--from-literal=password=opensesame");
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "reader" },
      spec: {
        containers: [
          {
            name: "reader",
            image: "busybox:local",
            command: [
              "sh",
              "-c",
              "cat /config/colour; echo; cat /secret/password; echo; echo $COLOUR; ls /var/run/secrets/kubernetes.io/serviceaccount; echo kept > /scratch/file; cat /scratch/file",
            ],
            env: [{ name: "COLOUR", valueFrom: { configMapKeyRef: { name: "settings", key: "colour" } } }],
            volumeMounts: [
              { name: "config", mountPath: "/config" },
              { name: "secret", mountPath: "/secret" },
              { name: "scratch", mountPath: "/scratch" },
            ],
          },
        ],
        restartPolicy: "Never",
        volumes: [
          { name: "config", configMap: { name: "settings" } },
          { name: "secret", secret: { secretName: "login" } },
          { name: "scratch", emptyDir: {} },
        ],
      },
    };
    await cluster.kubectl.run(["create", "-f", "-"], { input: JSON.stringify(pod) });
    await eventually(
      () => jsonPath("pod reader", ".status.phase"),
      (phase) => phase === "Succeeded",
    );
    expect((await kubectl("logs", "reader")).trim().split("\n")).toEqual(["blue", "opensesame", "blue", "ca.crt", "namespace", "token", "kept"]);
  });

  it("keeps pods running and loses no acknowledged write when kubets is killed", async () => {
    const startedAt = await jsonPath("pod client", ".status.containerStatuses[0].state.running.startedAt");
    const acknowledged: string[] = [];
    const { pid } = JSON.parse(await cluster.kubets("status", "-o", "json")) as { pid: number };
    const writer = (async () => {
      for (let number = 0; number < 1000; number++) {
        const { code } = await cluster.kubectl.try(["create", "configmap", `written-${number}`, "--request-timeout=2s"]);
        if (code !== 0) return;
        acknowledged.push(`written-${number}`);
        if (number === 5) process.kill(pid, "SIGKILL");
      }
    })();
    await writer;
    expect(acknowledged.length).toBeGreaterThan(5);
    expect(isRunning(pid)).toBe(false);

    await cluster.start();
    const stored = (await jsonPath("configmaps", ".items[*].metadata.name")).split(" ");
    expect(stored).toEqual(expect.arrayContaining(acknowledged));
    expect(await jsonPath("pod client", ".status.containerStatuses[0].state.running.startedAt")).toBe(startedAt);
    expect(await jsonPath("pod client", ".status.containerStatuses[0].restartCount")).toBe("0");
    expect(await kubectl("exec", "client", "--", "echo", "alive")).toBe("alive\n");
  });

  it("deletes a namespace with all that is in it", async () => {
    await kubectl("create", "namespace", "passing");
    await kubectl("create", "deployment", "short", "-n", "passing", "--image=busybox:local", "--", "sleep", "1000");
    await kubectl("delete", "namespace", "passing", "--timeout=90s");
    expect((await cluster.kubectl.try(["get", "namespace", "passing"])).stderr).toContain('namespaces "passing" not found');
  });

  it("deletes what was made", async () => {
    await kubectl("delete", "deployment/web", "service/web", "service/nobody", "pod/speaker", "pod/reader");
    await kubectl("delete", "pod", "client", "--grace-period=1");
    await eventually(
      () => kubectl("get", "pods", "--no-headers"),
      (rows) => rows.trim() === "",
    );
  });

  it("stops and starts again, and says what it does", async () => {
    await cluster.kubets("stop");
    expect((await cluster.tryKubets("status")).code).not.toBe(0);
    await cluster.start();
    expect(await cluster.kubets("status")).toMatch(/running/i);
  });
});

/** A zombie whose parent has not looked yet runs no more. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
    }).on("error", reject);
  });
}
