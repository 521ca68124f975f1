// When the end of a container is told: the runtime's event comes before its listing knows.
import { expect, it } from "vitest";
import { createCodec, createVirtualEnv } from "../../base/index.ts";
import type { RuntimeEvent } from "../runtime/runtime.ts";
import { watchContainerdEvents } from "./event-stream.host.ts";
import { PodIndex } from "./events.ts";
import type { CriConnection } from "./grpc.host.ts";
import { messages, methods } from "./messages.ts";

const [CREATED, RUNNING, EXITED] = [0, 1, 2];

/** A runtime whose listing shows these states one after the other, the last one for good. */
function fakeRuntime(states: readonly (number | undefined)[]) {
  const codec = createCodec(messages);
  let send: (bytes: Uint8Array) => void = () => undefined;
  let asked = 0;
  const connection = {
    codec,
    grpc: {
      stream: (_path: string, _request: Uint8Array, _headers: object, handler: { message(bytes: Uint8Array): void }) => {
        send = handler.message;
        return () => undefined;
      },
    },
    call: async (method: { readonly path: string }) => {
      if (method.path !== methods.containerStatus.path) return {};
      return { status: { state: states[Math.min(asked++, states.length - 1)] } };
    },
  } as unknown as CriConnection;
  const exit = (containerId: string): void => {
    const value = codec.encode("TaskExit", { containerId, id: containerId });
    send(codec.encode("Envelope", { namespace: "k8s.io", topic: "/tasks/exit", event: { typeUrl: "containerd.events.TaskExit", value } }));
  };
  return { connection, exit, asked: () => asked };
}

function watched(states: readonly number[]) {
  const { env, clock } = createVirtualEnv({ seed: "events" });
  const runtime = fakeRuntime(states);
  const pods = new PodIndex();
  pods.learn("c1", "uid-1", false);
  const told: RuntimeEvent[] = [];
  const stop = watchContainerdEvents(env, { connection: runtime.connection, pods, handler: (event) => told.push(event) });
  return { ...runtime, clock, stop, ends: () => told.filter(({ type }) => type === "containerStopped").length };
}

it.each([
  ["the listing knows at once", [EXITED], 0],
  ["the container ended before it was listed as started", [CREATED, CREATED, RUNNING, EXITED], 10],
  ["the runtime is slow", [...Array.from({ length: 40 }, () => RUNNING), EXITED], 70_000],
])("tells the end of a container once the listing shows it: %s", async (_case, states, lagMs) => {
  const { exit, ends, clock } = watched(states.map(Number));
  await clock.advance(1);
  exit("c1");
  if (lagMs > 0) {
    await clock.advance(lagMs / 4);
    expect(ends()).toBe(0);
  }
  await clock.advance(lagMs + 1000);
  expect(ends()).toBe(1);
});

it("looks no more once nobody listens", async () => {
  const { exit, stop, asked, ends, clock } = watched([RUNNING]);
  await clock.advance(1);
  exit("c1");
  await clock.advance(10_000);
  stop();
  await clock.advance(3000);
  const before = asked();
  await clock.advance(60_000);
  expect(asked()).toBe(before);
  expect(ends()).toBe(0);
});
