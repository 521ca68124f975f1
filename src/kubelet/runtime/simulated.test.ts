import { describe, expect, it } from "vitest";
import { createVirtualEnv } from "../../base/index.ts";
import { runtimeContract } from "./contract.ts";
import { createSimulatedRuntime } from "./simulated.ts";
import { scriptedBehaviour } from "./simulated-command.ts";

runtimeContract("the simulated runtime", async () => {
  const { env, clock } = createVirtualEnv();
  const runtime = createSimulatedRuntime(env, { pullable: (image) => image !== "absent:1" });
  return {
    runtime,
    image: "busybox:1",
    absentImage: "absent:1",
    logRoot: "/var/log/pods",
    cgroupParent: "/test",
    eventually: (holds) => clock.runUntil(holds),
    cleanUp: async () => undefined,
  };
});

describe("what a simulated command does", () => {
  it("follows the few commands that it knows", () => {
    expect(scriptedBehaviour(["sleep", "3"])).toEqual({ exitAfterMs: 3000, exitCode: 0, output: [] });
    expect(scriptedBehaviour(["sh", "-c", "echo 'a b'; sleep 0.5 && exit 4"])).toEqual({ exitAfterMs: 500, exitCode: 4, output: ["a b"] });
    expect(scriptedBehaviour(["false"])).toEqual({ exitAfterMs: 0, exitCode: 1, output: [] });
  });
  it("runs on for everything else", () => {
    expect(scriptedBehaviour([])).toEqual({});
    expect(scriptedBehaviour(["nginx", "-g", "daemon off;"]).exitAfterMs).toBeUndefined();
    expect(scriptedBehaviour(["sh", "-c", "while true; do sleep 1; done"]).exitAfterMs).toBeUndefined();
  });
});
