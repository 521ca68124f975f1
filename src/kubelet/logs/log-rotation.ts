// Keeps container logs from filling the disk: a log past 10 MiB is set aside and the runtime begins a new one; five files are
// kept (https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation).
import type { Env, Logger } from "../../base/index.ts";
import type { KubeletHost } from "../host.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";

export interface LogRotation {
  /** Looks at every running container's log once. */
  rotate(): Promise<void>;
}

export interface LogRotationOptions {
  readonly maxSizeBytes?: number;
  /** The current one counts. */
  readonly maxFiles?: number;
}

const MAX_SIZE = 10 * 2 ** 20;
const MAX_FILES = 5;

export function createLogRotation(
  env: Env,
  parts: { readonly host: KubeletHost; readonly runtime: ContainerRuntime },
  { maxSizeBytes = MAX_SIZE, maxFiles = MAX_FILES }: LogRotationOptions = {},
): LogRotation {
  const log: Logger = env.log.child("log-rotation");
  const { host, runtime } = parts;

  const rotateOne = async (id: string, path: string): Promise<void> => {
    const stat = await host.files.stat(path);
    if (stat === undefined || stat.sizeBytes < maxSizeBytes) return;
    const slash = path.lastIndexOf("/");
    const [directory, name] = [path.slice(0, slash), path.slice(slash + 1)];
    const rotated = (await host.files.list(directory)).filter((file) => file.startsWith(`${name}.`)).sort();
    for (const old of rotated.slice(0, Math.max(0, rotated.length - (maxFiles - 2)))) await host.files.remove(`${directory}/${old}`);
    const time = new Date(env.clock.now()).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
    const aside = `${path}.${time}`;
    await host.files.rename(path, aside);
    try {
      await runtime.reopenContainerLog(id);
    } catch (error) {
      // Without a new file the container would write on into the old one, unseen.
      await host.files.rename(aside, path);
      throw error;
    }
  };

  const rotate = async (): Promise<void> => {
    for (const { id, state, logPath } of await runtime.listContainers()) {
      if (state !== "running" || logPath === "") continue;
      await rotateOne(id, logPath).catch((error: unknown) => log.warn("cannot rotate a log", { path: logPath, error }));
    }
  };

  return { rotate };
}
