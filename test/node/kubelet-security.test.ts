// Who the processes of a pod are and what they may and see, on real containers, as /proc tells.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pod } from "../../src/api/index.ts";
import { containerTests } from "../machine.host.ts";
import { container, isReady, type RealKubelet, startRealKubelet } from "./real-kubelet.host.ts";

const { reason } = containerTests();

describe.skipIf(reason !== undefined)("processes of pods", () => {
  let node: RealKubelet;
  const removals: Promise<void>[] = [];
  beforeAll(async () => {
    node = await startRealKubelet();
  }, 120_000);
  afterAll(async () => {
    await Promise.all(removals);
    await node?.dispose();
  }, 60_000);

  type SecurityContext = NonNullable<ReturnType<typeof container>["securityContext"]>;
  /** Runs one container with this context to readiness, asks it, and removes the pod. */
  const ask = async (name: string, spec: Partial<Pod["spec"]>, script: string): Promise<string> => {
    await node.create(name, spec);
    await node.waitFor(name, isReady);
    const text = await node.run(name, "sh", "-c", script);
    // `sleep` as the first process takes no notice of a signal: nobody waits for its end but the last test.
    removals.push(node.remove(name));
    return text;
  };
  const withContext = (securityContext: SecurityContext): Partial<Pod["spec"]> => ({ containers: [container({ securityContext })] });
  const STATUS = "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t ' ' '";
  const facts = (text: string): Record<string, string> =>
    Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(": ") as [string, string]),
    );

  it("run as the user, with the groups, that pod and container say", async () => {
    const securityContext = { runAsUser: 1001, runAsGroup: 2002, supplementalGroups: [3003], fsGroup: 4004 };
    expect(await ask("pod-user", { securityContext }, "id -u; id -g; id -G")).toBe("1001\n2002\n2002 3003 4004\n");
    expect(await ask("own-user", { securityContext, ...withContext({ runAsUser: 65534 }) }, "id -u; id -g")).toBe("65534\n2002\n");
  });

  it("have the capabilities, privileges and filters that are asked for", async () => {
    const usual = facts(await ask("usual", { containers: [container()] }, STATUS));
    expect(usual).toMatchObject({ CapEff: "00000000a80425fb", NoNewPrivs: "0", Seccomp: "0" });
    const strict = withContext({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] },
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(facts(await ask("strict", strict, STATUS))).toMatchObject({ CapEff: "0000000000000400", NoNewPrivs: "1", Seccomp: "2" });
    expect(facts(await ask("privileged", withContext({ privileged: true }), STATUS))["CapEff"]).not.toBe(usual["CapEff"]);
    expect(await ask("no-network-admin", withContext({ privileged: false }), "ip link add dummy0 type dummy 2>&1; true")).toContain("Operation not permitted");
  });

  it("write to their root file system, or not", async () => {
    expect(await ask("writes", withContext({ readOnlyRootFilesystem: false }), "touch /new && echo done")).toBe("done\n");
    expect(await ask("reads", withContext({ readOnlyRootFilesystem: true }), "touch /new 2>&1; true")).toContain("Read-only file system");
    // What the runtime masks is there with procMount Unmasked, which upstream allows only in a user namespace.
    expect(await ask("masked", {}, "cat /proc/kcore 2>/dev/null | wc -c")).toBe("0\n");
  });

  it("do not start as root against runAsNonRoot", async () => {
    await node.create("root", withContext({ runAsNonRoot: true }));
    const pod = await node.waitFor("root", ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toMatch(/^container has runAsNonRoot and image will run as root \(pod: "root_default/);
    await node.remove("root");
  });

  it("see the kernel parameters of the pod, and the host's or each other's processes when they share", async () => {
    const sysctls = [
      { name: "kernel.shm_rmid_forced", value: "1" },
      { name: "net/ipv4/ip_unprivileged_port_start", value: "80" },
    ];
    const script = "cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start";
    expect(await ask("sysctls", { securityContext: { sysctls } }, script)).toBe("1\n80\n");
    const processes = "tr '\\0' ' ' < /proc/1/cmdline; cat /proc/[0-9]*/comm";
    expect(await ask("alone", {}, processes)).toMatch(/^sleep 1000/);
    const shared = await ask(
      "shared",
      { shareProcessNamespace: true, containers: [container(), container({ name: "other", command: ["tail", "-f", "/dev/null"] })] },
      processes,
    );
    expect(shared).toContain("tail");
    expect(shared).not.toMatch(/^sleep/);
    expect(await ask("host-pid", { hostPID: true }, "cat /proc/[0-9]*/comm")).toContain("containerd");
    const host = await ask("host-network", { hostNetwork: true, hostIPC: true }, "cat /proc/sys/kernel/hostname; head -1 /etc/hosts");
    expect(host).toContain("# Kubernetes-managed hosts file (host network).");
  });

  it("keep their own hosts file, and answer to the names they were given", async () => {
    const own = container({ volumeMounts: [{ name: "hosts", mountPath: "/etc/hosts" }] });
    const volumes = [{ name: "hosts", hostPath: { path: "/etc/hostname", type: "File" } }];
    expect(await ask("own-hosts", { volumes, containers: [own] }, "grep -c Kubernetes-managed /etc/hosts; true")).toBe("0\n");
    expect(
      await ask(
        "named",
        { hostname: "db", subdomain: "cluster", setHostnameAsFQDN: true },
        "hostname; grep -c 'db.cluster.default.svc.cluster.local' /etc/hosts",
      ),
    ).toBe("db.cluster.default.svc.cluster.local\n1\n");
    expect(await ask("overridden", { hostnameOverride: "plain.example.org" }, "hostname")).toBe("plain.example.org\n");
  });
});
