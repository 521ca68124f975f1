// The subscription to containerd's events, for as long as somebody listens: reopened when it breaks, and then reported as
// a `resync`, since events were missed in between.
import { Metadata } from "@grpc/grpc-js";
import type { Env, Timer } from "../../base/env.ts";
import type { RuntimeEvent } from "../runtime/runtime.ts";
import { RuntimeError } from "../runtime/runtime.ts";
import type { WireMessage } from "./codec.ts";
import { runningState, type WireContainerStatus, type WireSandbox } from "./convert.ts";
import { eventFilters, type PodIndex, type TaskEvent, taskEventOf } from "./events.ts";
import type { CriConnection } from "./grpc.host.ts";
import { methods, subscribeMethod } from "./messages.ts";

const reopenDelayMs = 200;
/** containerd's CRI service hears of an exit through the same stream as we do; it is behind by milliseconds, seldom more. */
const settleDelaysMs = [0, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];

interface EventStreamOptions {
  readonly connection: CriConnection;
  readonly pods: PodIndex;
  readonly handler: (event: RuntimeEvent) => void;
}

/** Returns the function that ends the subscription. */
export function watchContainerdEvents(env: Env, { connection, pods, handler }: EventStreamOptions): () => void {
  const log = env.log.child("cri-events");
  let stopped = false;
  let reopening: Timer | undefined;
  let cancel: () => void = () => undefined;

  const deliver = async (event: TaskEvent) => {
    const told = pods.eventFor(event);
    if (event.type === "exited") await settled(env, connection, pods, event.containerId);
    if (!stopped && told !== undefined) handler(told);
    if (event.type === "removed") pods.forget(event.containerId);
  };

  const open = () => {
    const metadata = new Metadata();
    // containerd refuses calls outside a namespace, though the filters choose the one that is heard.
    metadata.set("containerd-namespace", "k8s.io");
    const stream = connection.client.makeServerStreamRequest(
      subscribeMethod.path,
      (value: object) => Buffer.from(connection.codec.encode(subscribeMethod.request, value)),
      (bytes: Buffer) => connection.codec.decode(subscribeMethod.response, bytes),
      { filters: eventFilters },
      metadata,
    );
    let ended = false;
    const reopen = (error: Error | undefined) => {
      if (ended || stopped) return;
      ended = true;
      log.debug("the event stream ended, opening it again", { error: error?.message });
      reopening = env.clock.setTimeout(open, reopenDelayMs);
    };
    stream.on("metadata", () => handler({ type: "resync" }));
    stream.on("data", (envelope: WireMessage) => {
      const event = taskEventOf(envelope, connection.codec.decode);
      if (event !== undefined) deliver(event).catch((error: Error) => log.warn("an event could not be delivered", { error: error.message }));
    });
    stream.on("error", reopen);
    stream.on("end", () => reopen(undefined));
    cancel = () => stream.cancel();
  };
  open();
  return () => {
    stopped = true;
    reopening?.cancel();
    cancel();
  };
}

/** Waits until the runtime's own listing no longer says "running", at most about four seconds. */
async function settled(env: Env, connection: CriConnection, pods: PodIndex, id: string): Promise<void> {
  for (const delayMs of settleDelaysMs) {
    if (delayMs > 0) await new Promise<void>((resolve) => env.clock.setTimeout(resolve, delayMs));
    try {
      if (pods.isSandbox(id)) {
        const answer = await connection.call(methods.podSandboxStatus, { podSandboxId: id });
        if ((answer["status"] as WireSandbox | undefined)?.state !== 0) return;
      } else {
        const answer = await connection.call(methods.containerStatus, { containerId: id });
        if ((answer["status"] as WireContainerStatus | undefined)?.state !== runningState) return;
      }
    } catch (error) {
      if (error instanceof RuntimeError) return;
      throw error;
    }
  }
}
