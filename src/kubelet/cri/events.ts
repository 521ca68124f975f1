// What containerd's event stream says about pods. containerd 1.6 has no CRI event stream, its own event service
// (https://github.com/containerd/containerd/blob/main/docs/ops.md#events) carries the same facts under task topics.
//
// Invariant: the end of a container is never lost: of one whose pod is not known it becomes a `resync`.
import type { WireMessage } from "../../base/index.ts";
import type { RuntimeEvent } from "../runtime/runtime.ts";

/** One event that concerns a container or sandbox of a pod. */
export interface TaskEvent {
  readonly type: "started" | "exited" | "removed";
  readonly containerId: string;
}

const IMAGE_TOPICS: readonly string[] = ["/images/create", "/images/update", "/images/delete"];
const TASK_TOPICS: readonly string[] = ["/tasks/start", "/tasks/exit", "/tasks/oom", "/containers/delete"];

/** The topics to subscribe to; containerd's filter language ORs the list. */
export const eventFilters = [...TASK_TOPICS, ...IMAGE_TOPICS].map((topic) => `namespace==k8s.io,topic=="${topic}"`);

export function isImageEvent(envelope: WireMessage): boolean {
  return IMAGE_TOPICS.includes(String(envelope["topic"]));
}

/** undefined for what does not concern a container's own life, such as the end of an `exec`. */
export function taskEventOf(envelope: WireMessage, decode: (message: string, bytes: Uint8Array) => WireMessage): TaskEvent | undefined {
  const payload = (envelope["event"] as { readonly value: Uint8Array } | undefined)?.value ?? new Uint8Array(0);
  switch (envelope["topic"]) {
    case "/tasks/start":
      return { type: "started", containerId: decode("TaskStart", payload)["containerId"] as string };
    case "/tasks/exit": {
      const exit = decode("TaskExit", payload) as { readonly containerId: string; readonly id: string };
      return exit.id === exit.containerId ? { type: "exited", containerId: exit.containerId } : undefined;
    }
    case "/containers/delete":
      return { type: "removed", containerId: decode("ContainerDelete", payload)["id"] as string };
    default:
      return undefined;
  }
}

/** Which pod a container or sandbox belongs to, learned from what passes through the runtime client. */
export class PodIndex {
  private readonly pods = new Map<string, { readonly podUid: string; readonly sandbox: boolean }>();

  learn(id: string, podUid: string, sandbox: boolean): void {
    if (podUid !== "") this.pods.set(id, { podUid, sandbox });
  }

  forget(id: string): void {
    this.pods.delete(id);
  }

  isSandbox(id: string): boolean {
    return this.pods.get(id)?.sandbox ?? false;
  }

  /** Forgets whatever the runtime no longer lists, so that the index is bounded by what exists. */
  retain(ids: ReadonlySet<string>, sandboxes: boolean): void {
    for (const [id, entry] of this.pods) if (entry.sandbox === sandboxes && !ids.has(id)) this.pods.delete(id);
  }

  /** Nothing for the start of a container whose creation is still under way, and for the removal of one that was forgotten. */
  eventFor(event: TaskEvent): RuntimeEvent | undefined {
    const entry = this.pods.get(event.containerId);
    if (entry === undefined) return event.type === "exited" ? { type: "resync" } : undefined;
    if (entry.sandbox) return { type: "sandboxChanged", podUid: entry.podUid };
    const types = { started: "containerStarted", exited: "containerStopped", removed: "containerRemoved" } as const;
    return { type: types[event.type], podUid: entry.podUid };
  }
}
