// The machine's shutdown through systemd-logind (https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.login1.html,
// https://systemd.io/INHIBITOR_LOCKS/). Signals and settings go over the message bus. The lock itself is a file descriptor, which
// Node cannot receive over a socket: `systemd-inhibit` takes it and holds it for as long as our end of a pipe is open, so that it
// also falls when this process dies.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ShutdownHold, ShutdownSource } from "../host.ts";
import { addMatch, connectDbus, type Dbus, DbusError } from "./dbus.host.ts";

export interface LogindOptions {
  /** Path of the system bus's socket. */
  readonly socket?: string;
  /** Where logind's settings are extended. */
  readonly configFolder?: string;
}

const LOGIND = { destination: "org.freedesktop.login1", path: "/org/freedesktop/login1" } as const;
const MANAGER = "org.freedesktop.login1.Manager";
const SIGNAL_RULE = `type='signal',interface='${MANAGER}',member='PrepareForShutdown',path='${LOGIND.path}'`;
const SIGHUP = 1;
const RELOAD_DELAYS_MS = [100, 200, 400, 800, 1600];
const LOCK_TIMEOUT_MS = 5000;

export function createLogindShutdownSource({
  socket = "/run/dbus/system_bus_socket",
  configFolder = "/etc/systemd/logind.conf.d",
}: LogindOptions = {}): ShutdownSource {
  return {
    async hold({ delayMs, changed, lost }) {
      const bus = await connectDbus({
        socket,
        lost,
        signal: ({ member, body: [active] }) => {
          if (member === "PrepareForShutdown" && typeof active === "boolean") changed(active);
        },
      });
      try {
        await allowDelay(bus, delayMs, configFolder);
        await addMatch(bus, SIGNAL_RULE);
        return new LogindHold(bus, await takeLock(), lost);
      } catch (error) {
        bus.close();
        throw error;
      }
    },
  };
}

class LogindHold implements ShutdownHold {
  private closed = false;

  constructor(
    private readonly bus: Dbus,
    private lock: ChildProcess | undefined,
    private readonly lost: (error: Error) => void,
  ) {}

  release(): void {
    this.lock?.stdin?.end();
    this.lock = undefined;
  }
  renew(): void {
    const before = this.lock;
    takeLock().then(
      (lock) => {
        before?.stdin?.end();
        this.lock = lock;
        if (this.closed) this.release();
      },
      (error: Error) => this.lost(error),
    );
  }
  close(): void {
    this.closed = true;
    this.release();
    this.bus.close();
  }
}

/** logind lets nobody hold up a shutdown for longer than it is set to: raised where that is not enough. */
async function allowDelay(bus: Dbus, delayMs: number, configFolder: string): Promise<void> {
  if ((await longestDelayMs(bus)) >= delayMs) return;
  await mkdir(configFolder, { recursive: true });
  await writeFile(
    join(configFolder, "99-kubets.conf"),
    `# Pods of the kubelet need this long to end (shutdownGracePeriod).\n[Login]\nInhibitDelayMaxSec=${Math.ceil(delayMs / 1000)}\n`,
  );
  const systemd = { destination: "org.freedesktop.systemd1", path: "/org/freedesktop/systemd1", interface: "org.freedesktop.systemd1.Manager" };
  await bus.call({ ...systemd, member: "KillUnit", args: ["systemd-logind.service", "all", SIGHUP] });
  for (const waitMs of RELOAD_DELAYS_MS) {
    await sleep(waitMs);
    if ((await longestDelayMs(bus)) >= delayMs) return;
  }
  throw new DbusError(`systemd-logind does not take a shutdown delay of ${delayMs / 1000} s`);
}

async function longestDelayMs(bus: Dbus): Promise<number> {
  const [micros] = await bus.call({ ...LOGIND, interface: "org.freedesktop.DBus.Properties", member: "Get", args: [MANAGER, "InhibitDelayMaxUSec"] });
  if (typeof micros !== "bigint") throw new DbusError("systemd-logind does not tell how long a shutdown may be held up");
  return Number(micros) / 1000;
}

/** Resolves once the lock is held: `cat` runs only then, and echoes. */
async function takeLock(): Promise<ChildProcess> {
  const why = "Kubelet needs time to handle node shutdown";
  const child = spawn("systemd-inhibit", ["--what=shutdown", "--mode=delay", "--who=kubelet", `--why=${why}`, "cat"], { stdio: ["pipe", "pipe", "ignore"] });
  child.unref();
  const failed = new Promise<never>((_resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new DbusError(`systemd-inhibit ended with ${code}`)));
  });
  failed.catch(() => undefined);
  child.stdin?.on("error", () => undefined);
  child.stdin?.write("\n");
  const echoed = child.stdout === null ? failed : once(child.stdout, "data", { signal: AbortSignal.timeout(LOCK_TIMEOUT_MS) });
  try {
    await Promise.race([echoed, failed]);
    return child;
  } catch (error) {
    child.stdin?.end();
    throw error;
  }
}
