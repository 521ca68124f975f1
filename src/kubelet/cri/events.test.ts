import { describe, expect, it } from "vitest";
import { createCodec } from "../../base/index.ts";
import { PodIndex, taskEventOf } from "./events.ts";
import { messages } from "./messages.ts";
import { signalNumber } from "./signals.ts";

const codec = createCodec(messages);

function envelope(topic: string, message: string, payload: object) {
  return codec.decode("Envelope", codec.encode("Envelope", { namespace: "k8s.io", topic, event: { typeUrl: message, value: codec.encode(message, payload) } }));
}

describe("containerd's events", () => {
  it("tell the end of a container from the end of an exec in it", () => {
    expect(taskEventOf(envelope("/tasks/exit", "TaskExit", { containerId: "c1", id: "c1" }), codec.decode)).toEqual({ type: "exited", containerId: "c1" });
    expect(taskEventOf(envelope("/tasks/exit", "TaskExit", { containerId: "c1", id: "exec-1" }), codec.decode)).toBeUndefined();
  });

  it("name the pod of a known container or sandbox", () => {
    const pods = new PodIndex();
    pods.learn("c1", "uid-1", false);
    pods.learn("s1", "uid-1", true);
    expect(pods.eventFor({ type: "exited", containerId: "c1" })).toEqual({ type: "containerStopped", podUid: "uid-1" });
    expect(pods.eventFor({ type: "exited", containerId: "s1" })).toEqual({ type: "sandboxChanged", podUid: "uid-1" });
  });

  it("ask for a look at everything when an unknown container ends", () => {
    expect(new PodIndex().eventFor({ type: "exited", containerId: "c9" })).toEqual({ type: "resync" });
    expect(new PodIndex().eventFor({ type: "started", containerId: "c9" })).toBeUndefined();
  });
});

it("gives CRI's numbers to Kubernetes' signal names", () => {
  expect(["SIGABRT", "SIGTERM", "SIGUSR1", "SIGXFSZ", "SIGRTMIN", "SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMAX"].map(signalNumber)).toEqual([
    1, 23, 29, 34, 35, 50, 51, 65,
  ]);
});
