import { describe, expect, it } from "vitest";
import type { Container, Pod } from "../../api/index.ts";
import { containerHash } from "../containers/labels.ts";
import { type PodActions, type ProbeVerdict, planPodActions } from "./pod-actions.ts";
import type { RuntimeContainer, RuntimePod } from "./runtime-pod.ts";

const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: "i", ...more });
const sidecar = (name: string, more: Partial<Container> = {}): Container => container(name, { restartPolicy: "Always", ...more });

function pod(spec: Partial<Pod["spec"]>): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "default", uid: "u" },
    spec: { containers: [container("a")], restartPolicy: "Always", ...spec },
  };
}

type Seen = readonly [name: string, state: RuntimeContainer["state"], exitCode?: number];

function runtimePod(containers: readonly Seen[], sandbox: "ready" | "notReady" | "none" = "ready"): RuntimePod {
  const metadata = { name: "p", uid: "u", namespace: "default", attempt: 0 };
  const sandboxes = sandbox === "none" ? [] : [{ id: "s", metadata, state: sandbox, createdAtMs: 0, labels: {}, annotations: {} }];
  return {
    sandboxes,
    ips: sandbox === "ready" ? ["10.0.0.1"] : [],
    containers: containers.map(([name, state, exitCode = 0]) => ({
      ...{ id: `id-${name}`, sandboxId: "s", name, state, exitCode, hash: containerHash({ name, image: "i" }), restartCount: 0 },
      ...{ metadata: { name, attempt: 0 }, createdAtMs: 0, startedAtMs: 0, finishedAtMs: 0, image: "i", imageRef: "", reason: "", message: "" },
      ...{ labels: {}, annotations: {}, logPath: "", terminationMessage: "" },
    })),
  };
}

const noProbes = { liveness: (): ProbeVerdict | undefined => undefined, startup: (): ProbeVerdict | undefined => undefined };

/** What a plan does, in words. */
function words(actions: PodActions): string[] {
  return [
    ...(actions.killPod ? ["kill pod"] : []),
    ...(actions.createSandbox ? [`sandbox ${actions.attempt}`] : []),
    ...actions.toReset.map(({ container: { name }, isRunning }) => `${isRunning ? "kill and remove" : "remove"} ${name}`),
    ...actions.toKill.map((kill) => `kill ${kill.container.name}: ${kill.message}`),
    ...actions.ephemeralToStart.map(({ name }) => `start ephemeral ${name}`),
    ...actions.initToStart.map(({ name }) => `start init ${name}`),
    ...actions.toStart.map(({ name }) => `start ${name}`),
  ];
}

const init = [container("one"), container("two")];
const withSidecar = [sidecar("proxy"), container("one")];

describe("what a pod needs", () => {
  it.each<[what: string, spec: Partial<Pod["spec"]>, containers: readonly Seen[], sandbox: "ready" | "notReady" | "none", expected: readonly string[]]>([
    ["a new pod", {}, [], "none", ["kill pod", "sandbox 0", "start a"]],
    ["a new pod with init containers", { initContainers: init }, [], "none", ["kill pod", "sandbox 0", "start init one"]],
    ["a pod that runs", {}, [["a", "running"]], "ready", []],
    ["a container that ended, Always", {}, [["a", "exited", 0]], "ready", ["start a"]],
    ["a container that succeeded, OnFailure", { restartPolicy: "OnFailure" }, [["a", "exited", 0]], "ready", ["kill pod"]],
    ["a container that failed, OnFailure", { restartPolicy: "OnFailure" }, [["a", "exited", 1]], "ready", ["start a"]],
    ["a container that failed, Never", { restartPolicy: "Never" }, [["a", "exited", 1]], "ready", ["kill pod"]],
    [
      "one of two ended, Never",
      { restartPolicy: "Never", containers: [container("a"), container("b")] },
      [
        ["a", "exited", 1],
        ["b", "running"],
      ],
      "ready",
      [],
    ],
    ["a container made but not started", {}, [["a", "created"]], "ready", ["start a"]],
    ["a lost sandbox", {}, [["a", "exited", 255]], "notReady", ["kill pod", "sandbox 1", "start a"]],
    ["a lost sandbox, Never", { restartPolicy: "Never" }, [["a", "exited", 255]], "notReady", ["kill pod"]],
    ["a lost sandbox before anything ran, Never", { restartPolicy: "Never" }, [], "notReady", ["kill pod", "sandbox 1", "start a"]],
    [
      "a lost sandbox after initialization",
      { initContainers: init },
      [
        ["a", "exited", 255],
        ["two", "exited", 0],
      ],
      "notReady",
      ["kill pod", "sandbox 1", "start init one"],
    ],
    ["the first init container running", { initContainers: init }, [["one", "running"]], "ready", []],
    ["the first init container done", { initContainers: init }, [["one", "exited", 0]], "ready", ["start init two"]],
    ["the first init container failed", { initContainers: init }, [["one", "exited", 1]], "ready", ["start init one"]],
    ["the first init container failed, Never", { initContainers: init, restartPolicy: "Never" }, [["one", "exited", 1]], "ready", ["kill pod"]],
    [
      "all init containers done",
      { initContainers: init },
      [
        ["two", "exited", 0],
        ["one", "exited", 0],
      ],
      "ready",
      ["start a"],
    ],
    ["init containers whose traces are gone", { initContainers: init }, [["a", "running"]], "ready", []],
    ["a sidecar that started", { initContainers: withSidecar }, [["proxy", "running"]], "ready", ["start init one"]],
    [
      "a sidecar that ended later",
      { initContainers: withSidecar },
      [
        ["a", "running"],
        ["one", "exited", 0],
        ["proxy", "exited", 1],
      ],
      "ready",
      ["start init proxy"],
    ],
    [
      "a sidecar after all others ended, Never",
      { initContainers: withSidecar, restartPolicy: "Never" },
      [
        ["a", "exited", 0],
        ["one", "exited", 0],
        ["proxy", "running"],
      ],
      "ready",
      ["kill pod"],
    ],
    [
      "a container with its own policy",
      { restartPolicy: "Never", containers: [container("a", { restartPolicy: "OnFailure" })] },
      [["a", "exited", 1]],
      "ready",
      ["start a"],
    ],
    [
      "a container with a rule for its exit code",
      {
        restartPolicy: "Never",
        containers: [container("a", { restartPolicy: "Never", restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }] })],
      },
      [["a", "exited", 42]],
      "ready",
      ["start a"],
    ],
  ])("%s", (_what, spec, containers, sandbox, expected) => {
    expect(words(planPodActions(pod(spec), runtimePod(containers, sandbox), noProbes))).toEqual(expected);
  });

  it("kills and restarts what fails its liveness probe, unless the policy is Never", () => {
    const probes = { ...noProbes, liveness: (): ProbeVerdict => "failure" };
    const plan = (restartPolicy: string): string[] => words(planPodActions(pod({ restartPolicy }), runtimePod([["a", "running"]]), probes));
    expect(plan("Always")).toEqual(["kill a: Container a failed liveness probe, will be restarted", "start a"]);
    expect(plan("Never")).toEqual(["kill pod", "kill a: Container a failed liveness probe"]);
  });

  it("replaces a container whose image changed, whatever the policy", () => {
    const changed = pod({ restartPolicy: "Never", containers: [container("a", { image: "other" })] });
    expect(words(planPodActions(changed, runtimePod([["a", "running"]]), noProbes))).toEqual([
      "kill a: Container a definition changed, will be restarted",
      "start a",
    ]);
  });

  it("holds the next init container back until a sidecar's startup probe succeeds", () => {
    const spec = { initContainers: [sidecar("proxy", { startupProbe: {} }), container("one")] };
    const plan = (startup: ProbeVerdict | undefined): string[] =>
      words(planPodActions(pod(spec), runtimePod([["proxy", "running"]]), { ...noProbes, startup: () => startup }));
    expect(plan(undefined)).toEqual([]);
    expect(plan("success")).toEqual(["start init one"]);
    expect(plan("failure")).toEqual(["kill proxy: Init container proxy failed startup probe", "start init proxy"]);
  });

  it("starts an ephemeral container once", () => {
    const spec = { ephemeralContainers: [container("debug")] };
    expect(words(planPodActions(pod(spec), runtimePod([["a", "running"]]), noProbes))).toEqual(["start ephemeral debug"]);
    expect(
      words(
        planPodActions(
          pod(spec),
          runtimePod([
            ["a", "running"],
            ["debug", "exited", 1],
          ]),
          noProbes,
        ),
      ),
    ).toEqual([]);
  });

  it("removes all containers when one asks for a new start of all, the one that asks last", () => {
    const rules = [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }];
    const spec = {
      restartPolicy: "Never",
      initContainers: [container("one"), sidecar("proxy")],
      containers: [container("a", { restartPolicy: "Never", restartPolicyRules: rules }), container("b")],
    };
    const seen = runtimePod([
      ["a", "exited", 42],
      ["b", "running"],
      ["proxy", "running"],
      ["one", "exited", 0],
    ]);
    const plan = words(planPodActions(pod(spec), seen, noProbes, { restartAll: true }));
    expect(plan).toEqual(["kill and remove b", "remove one", "kill and remove proxy", "remove a"]);
  });

  it("takes the first rule that speaks of the exit code, and none without a policy of the container's own", () => {
    const rules = [
      { action: "Restart", exitCodes: { operator: "NotIn", values: [1, 2] } },
      { action: "Restart", exitCodes: { operator: "In", values: [2] } },
    ];
    const plan = (restartPolicy: string | undefined, exitCode: number): string[] => {
      const policy = restartPolicy === undefined ? {} : { restartPolicy };
      const spec = { restartPolicy: "Never", containers: [container("a", { ...policy, restartPolicyRules: rules })] };
      return words(planPodActions(pod(spec), runtimePod([["a", "exited", exitCode]]), noProbes));
    };
    expect([plan("Never", 1), plan("Never", 2), plan("Never", 3)]).toEqual([["kill pod"], ["start a"], ["start a"]]);
    expect(plan(undefined, 3)).toEqual(["kill pod"]);
  });
});
