// The message bus client against a real bus, where the machine has one to start.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { addMatch, connectDbus } from "../../src/kubelet/linux/dbus.host.ts";
import type { DbusMessage } from "../../src/kubelet/linux/dbus-message.ts";
import { createLogindShutdownSource } from "../../src/kubelet/linux/logind.host.ts";

const missing = ["/usr/bin/dbus-daemon", "/usr/bin/dbus-send"].some((file) => !existsSync(file));

it.skipIf(missing)("calls, hears signals, and says what is wrong", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kubets-dbus-"));
  const socket = join(folder, "bus");
  const config = `<busconfig><type>system</type><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
    <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/><allow send_type="signal"/></policy></busconfig>`;
  writeFileSync(join(folder, "bus.conf"), config);
  const daemon = spawn("dbus-daemon", [`--config-file=${join(folder, "bus.conf")}`, "--nofork", "--nopidfile"], { stdio: "ignore" });
  try {
    for (let attempt = 0; attempt < 200 && !existsSync(socket); attempt++) await new Promise((resolve) => setTimeout(resolve, 10));
    const heard: DbusMessage[] = [];
    let lost: Error | undefined;
    const bus = await connectDbus({ socket, signal: (message) => heard.push(message), lost: (error) => (lost = error) });
    const self = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" };
    const [names] = await bus.call({ ...self, interface: "org.freedesktop.DBus", member: "ListNames", args: [] });
    expect(names).toContain("org.freedesktop.DBus");
    const features = { interface: "org.freedesktop.DBus.Properties", member: "Get", args: ["org.freedesktop.DBus", "Features"] };
    expect((await bus.call({ ...self, ...features }))[0]).toBeInstanceOf(Array);
    await addMatch(bus, "type='signal',member='PrepareForShutdown'");
    const signal = ["--type=signal", "/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForShutdown", "boolean:true"];
    execFileSync("dbus-send", [`--bus=unix:path=${socket}`, ...signal]);
    for (let attempt = 0; attempt < 200 && !heard.some(({ member }) => member === "PrepareForShutdown"); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(heard.find(({ member }) => member === "PrepareForShutdown")?.body).toEqual([true]);
    await expect(bus.call({ destination: "no.such.name", path: "/", interface: "a.b", member: "C", args: [] })).rejects.toThrow(/ServiceUnknown/);
    // A bus without logind.
    const hold = createLogindShutdownSource({ socket, configFolder: folder }).hold({ delayMs: 1000, changed: () => undefined, lost: () => undefined });
    await expect(hold).rejects.toThrow(/org\.freedesktop\.login1/);
    daemon.kill();
    for (let attempt = 0; attempt < 200 && lost === undefined; attempt++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(lost?.message).toBe("the message bus hung up");
  } finally {
    daemon.kill();
    rmSync(folder, { recursive: true, force: true });
  }
});

it("says that there is no bus", async () => {
  const source = createLogindShutdownSource({ socket: "/nowhere/bus", configFolder: "/nowhere" });
  await expect(source.hold({ delayMs: 1, changed: () => undefined, lost: () => undefined })).rejects.toThrow("ENOENT");
});
