import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import { ensurePki, mergeKubeconfigFile, removeFromKubeconfigFile } from "./files.host.ts";
import { createKubeconfig, kubeconfigText, mergeKubeconfig, parseKubeconfig, removeFromKubeconfig } from "./kubeconfig.ts";

const added = createKubeconfig({
  clusterName: "kubernetes",
  server: "https://192.0.2.7:6443",
  certificateAuthority: "CA",
  userName: "kubernetes-admin",
  credentials: { certificate: "CERT", key: "KEY" },
});

const others = `# my clusters
apiVersion: v1
kind: Config
current-context: work
clusters:
  - name: work # the big one
    cluster: { server: "https://work.example.com" }
contexts:
  - name: work
    context: { cluster: work, user: me }
users:
  - name: me
    user: { token: abc }
`;

describe("kubeconfig", () => {
  it("is made as kubeadm makes it", () => {
    expect(parseKubeconfig(kubeconfigText(added))).toEqual(added);
    expect(added["current-context"]).toBe("kubernetes-admin@kubernetes");
    expect(added.users[0]?.user).toEqual({ "client-certificate-data": btoa("CERT"), "client-key-data": btoa("KEY") });
  });

  it("is merged into a file without touching the rest, and taken out again", () => {
    const merged = mergeKubeconfig(others, added, "kubets");
    expect(merged).toContain("# my clusters");
    expect(merged).toContain("# the big one");
    const read = parseKubeconfig(merged);
    expect(read["current-context"]).toBe("kubets");
    expect(read.contexts.map(({ name }) => name)).toEqual(["work", "kubets"]);
    expect(read.contexts[1]?.context).toEqual({ cluster: "kubets", user: "kubets" });
    expect(mergeKubeconfig(merged, added, "kubets")).toBe(merged);

    const removed = removeFromKubeconfig(merged, "kubets") ?? "";
    expect(parseKubeconfig(removed)).toEqual({ ...parseKubeconfig(others), "current-context": "" });
    expect(removeFromKubeconfig(removed, "kubets")).toBeUndefined();
    expect(removeFromKubeconfig(others, "kubets")).toBeUndefined();
  });

  it.each(["", "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: null\nusers:\n"])("is merged into an empty file (%j)", (text) => {
    const read = parseKubeconfig(mergeKubeconfig(text, added, "kubets"));
    expect(read.clusters).toHaveLength(1);
    expect(read.users).toHaveLength(1);
  });

  it.each(["- a list", "clusters: text", "a: [unfinished"])("refuses what is no kubeconfig (%j)", (text) => {
    expect(() => mergeKubeconfig(text, added, "kubets")).toThrow("not");
  });
});

describe("files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "kubets-pki-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const mode = (file: string) => statSync(join(folder, file)).mode & 0o777;

  it("lays out the PKI as upstream does, and keeps it", async () => {
    const { env } = createVirtualEnv({ startMs: Date.UTC(2026, 5, 1) });
    const options = {
      folder,
      server: "https://192.0.2.7:6443",
      clusterName: "kubernetes",
      nodeName: "node-1",
      nodeIps: ["192.0.2.7"],
      apiServiceIp: "10.96.0.1",
      clusterDomain: "cluster.local",
    };
    const pki = await ensurePki(env, options);
    expect(readFileSync(join(folder, "pki/ca.crt"), "utf8")).toBe(pki.ca.certificate);
    for (const file of ["pki/ca.key", "pki/apiserver.key", "pki/sa.key", "admin.conf", "kubelet.conf"]) expect(mode(file)).toBe(0o600);
    expect(mode("pki/ca.crt")).toBe(0o644);
    expect(parseKubeconfig(readFileSync(join(folder, "kubelet.conf"), "utf8")).users[0]?.name).toBe("system:node:node-1");
    expect(await ensurePki(env, options)).toEqual(pki);
    rmSync(join(folder, "scheduler.conf"));
    const repaired = await ensurePki(env, options);
    expect({ ...repaired, scheduler: pki.scheduler }).toEqual(pki);
    expect(repaired.scheduler).not.toEqual(pki.scheduler);
  });

  it("changes the user's file in one step, with mode 0600, through a link", async () => {
    writeFileSync(join(folder, "real"), others, { mode: 0o644 });
    symlinkSync(join(folder, "real"), join(folder, "config"));
    await mergeKubeconfigFile(join(folder, "config"), kubeconfigText(added), "kubets");
    expect(lstatSync(join(folder, "config")).isSymbolicLink()).toBe(true);
    expect(mode("real")).toBe(0o600);
    expect(parseKubeconfig(readFileSync(join(folder, "real"), "utf8")).clusters).toHaveLength(2);
    await removeFromKubeconfigFile(join(folder, "config"), "kubets");
    expect(parseKubeconfig(readFileSync(join(folder, "real"), "utf8")).clusters).toHaveLength(1);
    await removeFromKubeconfigFile(join(folder, "missing"), "kubets");
  });

  it("leaves a file that it cannot understand as it is", async () => {
    writeFileSync(join(folder, "config"), "- a list");
    await expect(mergeKubeconfigFile(join(folder, "config"), kubeconfigText(added), "kubets")).rejects.toThrow("was left as it is");
    expect(readFileSync(join(folder, "config"), "utf8")).toBe("- a list");
  });
});
