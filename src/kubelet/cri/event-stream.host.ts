// The subscription to containerd's events, for as long as somebody listens: reopened when it breaks, and then reported as
// a `resync`, since events were missed in between.
import type { Env, Timer } from "../../base/index.ts";
import type { RuntimeEvent } from "../runtime/runtime.ts";
import { RuntimeError } from "../runtime/runtime.ts";
import { createdState, readySandboxState, runningState, type WireContainerStatus, type WireSandbox } from "./convert.ts";
import { eventFilters, isImageEvent, type PodIndex, type TaskEvent, taskEventOf } from "./events.ts";
import type { CriConnection } from "./grpc.host.ts";
import { methods, subscribeMethod } from "./messages.ts";

const reopenDelayMs = 200;
/** containerd's CRI service hears of an exit through the same stream as we do; it is behind by milliseconds, seldom more. The last repeats. */
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
    if (event.type === "exited") await settled(env, connection, pods, event.containerId, () => stopped);
    if (!stopped && told !== undefined) handler(told);
    if (event.type === "removed") pods.forget(event.containerId);
  };

  const open = () => {
    const request = connection.codec.encode(subscribeMethod.request, { filters: eventFilters });
    // containerd refuses calls outside a namespace, though the filters choose the one that is heard.
    cancel = connection.grpc.stream(
      subscribeMethod.path,
      request,
      { "containerd-namespace": "k8s.io" },
      {
        message: (bytes) => {
          const envelope = connection.codec.decode(subscribeMethod.response, bytes);
          if (isImageEvent(envelope)) return handler({ type: "imagesChanged" });
          const event = taskEventOf(envelope, connection.codec.decode);
          if (event !== undefined) deliver(event).catch((error: Error) => log.warn("an event could not be delivered", { error: error.message }));
        },
        ended: (error) => {
          if (stopped) return;
          log.debug("the event stream ended, opening it again", { error: error?.message });
          reopening = env.clock.setTimeout(open, reopenDelayMs);
        },
      },
    );
    // The stream itself is silent until something happens. An answer on the same connection says that it stands.
    connection.call(methods.version, {}).then(
      () => {
        if (!stopped) handler({ type: "resync" });
      },
      (error: Error) => log.debug("no answer yet", { error: error.message }),
    );
  };
  open();
  return () => {
    stopped = true;
    reopening?.cancel();
    cancel();
  };
}

/**
 * Waits until the runtime's own listing shows the end, however long that takes: who looked before would see a container that runs, and
 * nothing would make him look again. One that ends at once may even be listed as not yet started.
 */
async function settled(env: Env, connection: CriConnection, pods: PodIndex, id: string, isStopped: () => boolean): Promise<void> {
  for (let attempt = 0; !isStopped(); attempt++) {
    const delayMs = settleDelaysMs[Math.min(attempt, settleDelaysMs.length - 1)] ?? 0;
    if (delayMs > 0) await new Promise<void>((resolve) => env.clock.setTimeout(resolve, delayMs));
    try {
      if (pods.isSandbox(id)) {
        const answer = await connection.call(methods.podSandboxStatus, { podSandboxId: id });
        if ((answer["status"] as WireSandbox | undefined)?.state !== readySandboxState) return;
      } else {
        const answer = await connection.call(methods.containerStatus, { containerId: id });
        const state = (answer["status"] as WireContainerStatus | undefined)?.state;
        if (state !== createdState && state !== runningState) return;
      }
    } catch (error) {
      if (error instanceof RuntimeError) return;
      throw error;
    }
  }
}
