// An unmodified etcdctl (Debian: etcd-client) against the store, over TLS with client certificates.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createSystemEnv } from "../../base/index.host.ts";
import { createPki } from "../../kubeadm/index.ts";
import type { Store } from "../store.ts";
import { openEtcdStore } from "./open-store.host.ts";
import { type EtcdServing, serveEtcd } from "./serve.host.ts";

const env = createSystemEnv({ logLevel: "error" });
const missing = spawnSync("etcdctl", ["version"]).error === undefined ? "" : " (skipped: there is no etcdctl)";

describe.skipIf(missing !== "")(`etcdctl${missing}`, () => {
  let folder: string;
  let store: Store;
  let serving: EtcdServing;
  let flags: readonly string[];
  const children: ChildProcess[] = [];

  const listen = async (served: Store): Promise<EtcdServing> => {
    const pki = await createPki(env, { nodeName: "n", nodeIps: ["127.0.0.1"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" });
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const made = await serveEtcd(env, served, {
      name: "m",
      clientUrls: ["https://127.0.0.1:2379"],
      listenUrls: [new URL("https://127.0.0.1:0")],
      tls: { certificate: pki.apiServer.certificate, privateKey: pki.apiServer.key, clientAuthorities: pki.ca.certificate },
    });
    const identity = ["--cert", file("client.crt", pki.admin.certificate), "--key", file("client.key", pki.admin.key)];
    flags = ["--endpoints", `127.0.0.1:${made.ports[0]}`, "--cacert", file("ca.crt", pki.ca.certificate), ...identity];
    return made;
  };
  const start = (args: readonly string[], identity = flags): ChildProcess => {
    const child = spawn("etcdctl", [...identity, ...args], { env: { ...process.env, ETCDCTL_API: "3" }, stdio: ["pipe", "pipe", "pipe"] });
    children.push(child);
    return child;
  };
  /** What it printed; rejects with what it complained about. */
  const etcdctl = (args: readonly string[], input = ""): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = start(args);
      let [out, err] = ["", ""];
      child.stdout?.on("data", (chunk) => {
        out += String(chunk);
      });
      child.stderr?.on("data", (chunk) => {
        err += String(chunk);
      });
      child.stdin?.end(input);
      child.on("error", reject);
      child.on("close", (code) => (code === 0 ? resolve(out) : reject(new Error(err))));
    });
  const lines = async (...args: string[]): Promise<string[]> => (await etcdctl(args)).split("\n").filter((line) => line !== "");
  /** Resolves when the running command has printed so many lines. */
  const printed = (child: ChildProcess, count: number): Promise<string[]> =>
    new Promise((resolve) => {
      let out = "";
      child.stdout?.on("data", (chunk) => {
        out += String(chunk);
        const all = out.split("\n").filter((line) => line !== "");
        if (all.length >= count) resolve(all);
      });
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "kubets-etcd-"));
    store = await openEtcdStore(env, { folder: join(folder, "data") });
    serving = await listen(store);
  });
  afterAll(async () => {
    for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
    await serving?.close();
    await store?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("puts, gets and deletes", async () => {
    expect(await lines("put", "/a/1", "one")).toEqual(["OK"]);
    expect(await lines("put", "/a/2", "two")).toEqual(["OK"]);
    expect(await lines("put", "--prev-kv", "/a/2", "zwei")).toEqual(["OK", "/a/2", "two"]);
    expect(await lines("get", "--prefix", "/a/")).toEqual(["/a/1", "one", "/a/2", "zwei"]);
    expect(await lines("get", "--prefix", "/a/", "--keys-only", "--limit", "1")).toEqual(["/a/1"]);
    expect(await lines("get", "--prefix", "/a/", "--order", "DESCEND", "--sort-by", "MODIFY", "--print-value-only")).toEqual(["zwei", "one"]);
    expect(await lines("get", "/a/2", "--rev", "3")).toEqual(["/a/2", "two"]);
    const json: unknown = JSON.parse(await etcdctl(["get", "/a/2", "-w", "json"]));
    expect(json).toMatchObject({ header: { revision: 4 }, count: 1, kvs: [{ create_revision: 3, mod_revision: 4, version: 2, value: "endlaQ==" }] });
    expect(await lines("del", "--prev-kv", "/a/1")).toEqual(["1", "/a/1", "one"]);
    const transaction = 'mod("/a/2") = "4"\n\nput /a/3 three\nget /a/2\n\nput /a/4 four\n\n';
    expect(await etcdctl(["txn"], transaction)).toBe("SUCCESS\n\nOK\n\n/a/2\nzwei\n");
    expect(await lines("get", "--prefix", "/a/", "--keys-only")).toEqual(["/a/2", "/a/3"]);
  });

  it("watches", async () => {
    const watch = start(["watch", "--prefix", "/w/", "--prev-kv", "--rev", "1"]);
    const seen = printed(watch, 10);
    await lines("put", "/w/1", "x");
    await lines("put", "/w/1", "y");
    await lines("del", "/w/1");
    expect((await seen).slice(0, 10)).toEqual(["PUT", "/w/1", "x", "PUT", "/w/1", "x", "/w/1", "y", "DELETE", "/w/1"]);
    watch.kill("SIGKILL");
  });

  it("grants leases, locks and elects", async () => {
    const [granted = ""] = await lines("lease", "grant", "300");
    const id = granted.split(" ")[1] ?? "";
    await lines("put", "/l", "1", "--lease", id);
    expect(await lines("lease", "timetolive", id, "--keys")).toEqual([expect.stringMatching(/granted with TTL\(300s\).*attached keys\(\[\/l\]\)/)]);
    expect(await lines("lease", "list")).toEqual(["found 1 leases", id]);
    expect(await lines("lease", "keep-alive", "--once", id)).toEqual([`lease ${id} keepalived with TTL(300)`]);
    await lines("lease", "revoke", id);
    expect(await lines("get", "/l")).toEqual([]);
    expect(await lines("lock", "mutex", "echo", "mine")).toEqual(["mine"]);
    const leader = start(["elect", "office", "me"]);
    expect((await printed(leader, 2))[1]).toBe("me");
    const listener = start(["elect", "-l", "office"]);
    expect((await printed(listener, 2))[1]).toBe("me");
    leader.kill("SIGKILL");
    listener.kill("SIGKILL");
  });

  it("shows state, compacts and defragments", async () => {
    expect(await etcdctl(["member", "list", "-w", "table"])).toContain("https://127.0.0.1:2379");
    expect(await etcdctl(["endpoint", "status", "-w", "json"])).toContain('"version":"3.6.0"');
    await etcdctl(["endpoint", "health"]);
    await lines("compact", String(store.revision()));
    await expect(lines("get", "/a/2", "--rev", "3")).rejects.toThrow("required revision has been compacted");
    expect(await lines("defrag")).toEqual([expect.stringContaining("Finished defragmenting")]);
    expect(await lines("alarm", "list")).toEqual([]);
    await expect(lines("user", "list")).rejects.toThrow("unknown method UserList");
  });

  it("saves a snapshot that it can check and restore, and a new server begins with it", async () => {
    const before = await lines("endpoint", "hashkv");
    const file = join(folder, "snapshot.db");
    await lines("snapshot", "save", file);
    expect(JSON.parse(await etcdctl(["snapshot", "status", file, "-w", "json"]))).toMatchObject({ revision: store.revision() });
    const restored = join(folder, "restored");
    await etcdctl(["snapshot", "restore", file, "--data-dir", restored]);
    const expected = await store.range({ key: "\0", end: "\0" });
    await serving.close();
    await store.close();
    store = await openEtcdStore(env, { folder: restored });
    serving = await listen(store);
    expect(await store.range({ key: "\0", end: "\0" })).toEqual(expected);
    expect((await lines("endpoint", "hashkv"))[0]?.split(", ")[1]).toBe(before[0]?.split(", ")[1]);
  });

  it("is not heard without a certificate", async () => {
    // Its own error is that time is over; that the connection failed, and was not merely slow, it says with --debug.
    const client = start(["--debug", "get", "/a/2"], flags.slice(0, 4));
    let said = "";
    client.stderr?.on("data", (chunk) => {
      said += String(chunk);
    });
    await vi.waitFor(() => expect(said).toContain("TRANSIENT_FAILURE"), 20_000);
    client.kill("SIGKILL");
    const socket = connect({ port: serving.ports[0], host: "127.0.0.1", ca: readFileSync(join(folder, "ca.crt")), ALPNProtocols: ["h2"] });
    const [error] = await once(socket.resume(), "error");
    expect(error).toMatchObject({ code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" });
  });
});
