// Processes that outlive the one that started them: recognising and ending them.
import { readFile } from "node:fs/promises";

const pollMs = 20;

/** Whether the process lives and was started with `argument`. A process id alone may have been given to somebody else. */
export async function isProcessOurs(pid: number, argument: string): Promise<boolean> {
  const [commandLine, stat] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""),
  ]);
  const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  return commandLine.split("\0").includes(argument) && state !== "Z";
}

/** SIGTERM, then SIGKILL after the grace period; returns once the process is gone. */
export async function endProcess(pid: number, { graceMs }: { readonly graceMs: number }): Promise<void> {
  if (!signal(pid, "SIGTERM")) return;
  const deadline = Date.now() + graceMs;
  let killed = false;
  while (await isAlive(pid)) {
    if (!killed && Date.now() > deadline) {
      signal(pid, "SIGKILL");
      killed = true;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** At once; returns when the process is gone, and with the first process of a PID namespace all that were in it. */
export async function killProcess(pid: number): Promise<void> {
  if (!signal(pid, "SIGKILL")) return;
  while (await isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, pollMs));
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // A zombie is gone but for its parent's attention.
  return stat !== "" && stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
}

/** False when there is no such process. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
