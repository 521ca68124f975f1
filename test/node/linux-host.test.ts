// The kubelet's Linux host on this machine: real files, mounts, control groups and sockets, all below a directory and a group
// of its own.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSystemEnv } from "../../src/base/index.host.ts";
import { createLinuxKubeletHost } from "../../src/kubelet/index.host.ts";
import type { KubeletHost } from "../../src/kubelet/index.ts";
import { containerTests } from "../machine.host.ts";

const GROUP = "/kubets-host-test";

describe.skipIf(containerTests().reason !== undefined)("the kubelet's Linux host", () => {
  let root: string;
  let host: KubeletHost;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "kubets-host-"));
    host = createLinuxKubeletHost(createSystemEnv({ logLevel: "error" }), { rootDirectory: root });
  });
  afterEach(async () => {
    for (const at of await host.mounts.mountPoints(root)) await host.mounts.unmount(at);
    await host.cgroups.remove(GROUP);
    rmSync(root, { recursive: true, force: true });
  });

  it("knows the node", async () => {
    const facts = await host.facts();
    expect(facts.cpuCount).toBeGreaterThan(0);
    expect(facts.osImage).toMatch(/Debian|Ubuntu/);
    expect(facts.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect((await host.usage()).cpuNanoseconds).toBeGreaterThan(0);
    expect((await host.filesystemUsage()).capacityBytes).toBeGreaterThan(0);
  });

  it("writes files with exact modes and keeps their inode", async () => {
    const path = `${root}/file`;
    await host.files.write(path, new TextEncoder().encode("one"), 0o666);
    const before = await host.files.stat(path);
    await host.files.write(path, new TextEncoder().encode("two"), 0o666);
    expect(await host.files.stat(path)).toMatchObject({ type: "file", mode: 0o666, inode: before?.inode, sizeBytes: 3 });
    expect(await host.files.stat(`${root}/absent`)).toBeUndefined();
    expect(await host.files.list(`${root}/absent`)).toEqual([]);
  });

  it("never removes what is mounted", async () => {
    const path = `${root}/pod/volume`;
    await host.files.makeDirectory(path, 0o777);
    await host.mounts.mountTmpfs(path, { sizeBytes: 1 << 20, mode: 0o1777 });
    expect(statSync(path).mode & 0o7777).toBe(0o1777);
    writeFileSync(`${path}/a`, "kept");
    await expect(host.files.remove(`${root}/pod`)).rejects.toMatchObject({ name: "HostError", reason: "busy" });
    expect(readFileSync(`${path}/a`, "utf8")).toBe("kept");
    await host.mounts.unmount(path);
    await host.mounts.unmount(path);
    await host.files.remove(`${root}/pod`);
    expect(existsSync(`${root}/pod`)).toBe(false);
  });

  it("binds a sub path, and notices when the file behind it was replaced", async () => {
    const volumePath = `${root}/volume`;
    mkdirSync(`${volumePath}/..data-1`, { recursive: true });
    writeFileSync(`${volumePath}/..data-1/conf`, "one");
    symlinkSync("..data-1/conf", `${volumePath}/conf`);
    const request = { volumePath, subPath: "conf", target: `${root}/sub/0` };
    expect(readFileSync(await host.mounts.bindSubPath(request), "utf8")).toBe("one");
    mkdirSync(`${volumePath}/..data-2`);
    writeFileSync(`${volumePath}/..data-2/conf`, "two");
    rmSync(`${volumePath}/conf`);
    symlinkSync("..data-2/conf", `${volumePath}/conf`);
    expect(readFileSync(request.target, "utf8")).toBe("one");
    expect(readFileSync(await host.mounts.bindSubPath(request), "utf8")).toBe("two");
  });

  it("refuses sub paths that lead out of the volume", async () => {
    const volumePath = `${root}/volume`;
    mkdirSync(volumePath);
    symlinkSync("/etc", `${volumePath}/out`);
    symlinkSync("..", `${volumePath}/up`);
    const escapes = { name: "HostError", reason: "escapes" };
    await expect(host.mounts.bindSubPath({ volumePath, subPath: "out/passwd", target: `${root}/t` })).rejects.toMatchObject(escapes);
    await expect(host.mounts.bindSubPath({ volumePath, subPath: "up", target: `${root}/t` })).rejects.toMatchObject(escapes);
    await expect(host.mounts.makeSubPath({ volumePath, subPath: "out/made", mode: 0o755 })).rejects.toMatchObject(escapes);
    expect(existsSync("/etc/made")).toBe(false);
  });

  it("makes missing directories of a sub path with the volume's mode", async () => {
    const volumePath = `${root}/volume`;
    mkdirSync(volumePath);
    chmodSync(volumePath, 0o777);
    await host.mounts.makeSubPath({ volumePath, subPath: "a/b/c", mode: 0o777 });
    expect(statSync(`${volumePath}/a/b/c`).mode & 0o777).toBe(0o777);
    await host.mounts.makeSubPath({ volumePath, subPath: "a/b/c", mode: 0o777 });
  });

  it("gives a tree to a group, and nothing outside that a link leads to", async () => {
    mkdirSync(`${root}/volume/inner`, { recursive: true });
    mkdirSync(`${root}/outside`);
    writeFileSync(`${root}/volume/inner/file`, "");
    writeFileSync(`${root}/outside/file`, "", { mode: 0o600 });
    symlinkSync(`${root}/outside`, `${root}/volume/directory`);
    symlinkSync(`${root}/outside/file`, `${root}/volume/link`);
    await host.files.changeTree(`${root}/volume`, ({ type, mode }) => ({ gid: 4242, mode: type === "directory" ? 0o2770 : mode | 0o060 }));
    const found = (path: string): string => {
      const { gid, mode } = lstatSync(`${root}/${path}`);
      return `${gid} ${(mode & 0o7777).toString(8)}`;
    };
    expect(["volume", "volume/inner", "volume/inner/file"].map(found)).toEqual(["4242 2770", "4242 2770", "4242 664"]);
    expect(lstatSync(`${root}/volume/link`).gid).toBe(4242);
    expect([statSync(`${root}/outside`).gid, found("outside/file")]).toEqual([0, "0 600"]);
    await host.files.changeTree(`${root}/absent`, () => ({ gid: 1, mode: 0 }));
  });

  it("does not leave a tree that is changed while it is given to a group", async () => {
    mkdirSync(`${root}/volume/inner`, { recursive: true });
    mkdirSync(`${root}/outside`);
    for (const place of ["volume/inner", "outside"]) writeFileSync(`${root}/${place}/file`, "", { mode: 0o600 });
    await host.files.changeTree(`${root}/volume`, ({ type, mode, inode }) => {
      // The last moment at which somebody can put a link to elsewhere in the directory's place.
      if (inode === lstatSync(`${root}/volume/inner`).ino) {
        renameSync(`${root}/volume/inner`, `${root}/volume/was-inner`);
        symlinkSync(`${root}/outside`, `${root}/volume/inner`);
      }
      return { gid: 4242, mode: type === "directory" ? mode : 0o666 };
    });
    expect(lstatSync(`${root}/volume/was-inner/file`)).toMatchObject({ gid: 4242, mode: 0o100666 });
    expect([lstatSync(`${root}/outside`).gid, lstatSync(`${root}/outside/file`)]).toMatchObject([0, { gid: 0, mode: 0o100600 }]);
  });

  it("does not wait for what it is asked to read when that is a pipe", async () => {
    mkdirSync(`${root}/volume`);
    execFileSync("mkfifo", [`${root}/volume/variables`]);
    const read = host.mounts.readInside({ volumePath: `${root}/volume`, subPath: "variables", limitBytes: 10 });
    await expect(read).rejects.toMatchObject({ name: "HostError", message: "variables is not a regular file" });
  });

  it("measures and removes directories that lie deeper than any path", async () => {
    const [levels, name] = [50, "d".repeat(200)];
    const inner = `i=0; while [ $i -lt ${levels} ]; do mkdir ${name}; cd -P ./${name}; i=$((i+1)); done; echo x > file`;
    execFileSync("sh", ["-c", `mkdir ${root}/deep && cd ${root}/deep && ${inner}`]);
    expect((await host.diskUsage(`${root}/deep`)).inodes).toBe(levels + 2);
    await host.files.remove(`${root}/deep`);
    expect(existsSync(`${root}/deep`)).toBe(false);
  });

  it("limits a control group and removes it with what is in it", async () => {
    await host.cgroups.apply(`${GROUP}/pod1`, { cpuShares: 512, cpuPeriodMicros: 100_000, cpuQuotaMicros: 50_000, memoryLimitBytes: 64 << 20, pidsLimit: 50 });
    expect(await host.cgroups.list(GROUP)).toEqual(["pod1"]);
    const found = execFileSync("sh", [
      "-c",
      `cat /sys/fs/cgroup${GROUP}/pod1/memory.max /sys/fs/cgroup/*${GROUP}/pod1/memory.limit_in_bytes 2>/dev/null || true`,
    ]);
    expect(found.toString().trim()).toBe(String(64 << 20));
    await host.cgroups.remove(GROUP);
    expect(await host.cgroups.list(GROUP)).toEqual([]);
  });

  it("dials as probes do", async () => {
    const server = createServer((request, response) => {
      response.writeHead(request.url === "/moved" ? 302 : 200, request.url === "/moved" ? { location: "/here" } : {});
      if (request.url !== "/slow") response.end(`${request.headers["user-agent"]}`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const http = (path: string) =>
      host.dialer.http({ url: `http://127.0.0.1:${port}${path}`, headers: [{ name: "User-Agent", value: "test" }], timeoutMs: 300 });
    expect(await http("/")).toEqual({ ok: true, status: 200, body: "test" });
    expect(await http("/moved")).toMatchObject({ ok: true, status: 302, location: "/here" });
    expect(await http("/slow")).toMatchObject({ ok: false, reason: "timeout", stage: "response" });
    expect(await host.dialer.tcp({ host: "127.0.0.1", port, timeoutMs: 300 })).toEqual({ ok: true });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await host.dialer.tcp({ host: "127.0.0.1", port, timeoutMs: 300 })).toMatchObject({ ok: false, reason: "refused", stage: "connect" });
    expect(await host.dialer.grpcHealth({ host: "127.0.0.1", port, service: "", timeoutMs: 300 })).toMatchObject({ ok: false, reason: "connect" });
  });

  it("hears when a file grows or is replaced", async () => {
    const path = `${root}/log`;
    writeFileSync(path, "");
    const heard = new Promise<void>((resolve) => {
      const stop = host.files.watch(path, () => {
        stop();
        resolve();
      });
    });
    writeFileSync(path, "more");
    await heard;
  });
});
