// What a container left as its last words: its termination message file, or with FallbackToLogsOnError the end of its log
// (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/).
import type { KubeletHost } from "../host.ts";
import { tailOfLog } from "../logs/tail.ts";
import type { ContainerStatus } from "../runtime/runtime.ts";
import { readContainerAnnotations } from "./labels.ts";

const MAX_MESSAGE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;

export async function readTerminationMessage(host: KubeletHost, status: ContainerStatus): Promise<string> {
  const { terminationMessageFile, fallsBackToLogs } = readContainerAnnotations(status.annotations);
  const file = terminationMessageFile === "" ? undefined : await readEnd(host, terminationMessageFile);
  if (file !== undefined && file.length > 0) return new TextDecoder().decode(file);
  const started = status.startedAtMs > 0 && status.reason !== "StartError" && status.reason !== "ContainerCannotRun";
  if (!fallsBackToLogs || status.exitCode === 0 || !started) return "";
  return tailOfLog(host.files, status.logPath, { lines: MAX_LOG_LINES, bytes: MAX_LOG_BYTES });
}

async function readEnd(host: KubeletHost, path: string): Promise<Uint8Array | undefined> {
  const stat = await host.files.stat(path);
  if (stat === undefined || stat.type !== "file") return undefined;
  return host.files.readAt(path, Math.max(0, stat.sizeBytes - MAX_MESSAGE_BYTES), MAX_MESSAGE_BYTES);
}

/** Of all containers of a pod together, as its status shows them. */
const MAX_POD_BYTES = 12 * 1024;

/** The share of one of `count` containers; longer texts lose their end. */
export function shownMessage(message: string, count: number): string {
  const limit = Math.floor(MAX_POD_BYTES / Math.max(1, count));
  if (message.length * 3 <= limit) return message;
  const bytes = new TextEncoder().encode(message);
  // A character that is cut through is left out.
  return bytes.length <= limit ? message : new TextDecoder().decode(bytes.subarray(0, limit)).replace(/\uFFFD$/, "");
}
