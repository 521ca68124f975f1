import { describe, expect, test } from "vitest";
import type { ContainerStatus, Pod, PodStatus } from "../generated/types.ts";
import { podColumns, podSummary } from "./pod-columns.ts";

function status(name: string, state: ContainerStatus["state"], more: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name, image: "i", imageID: "", ready: false, restartCount: 0, state, ...more };
}
const running = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const waiting = (reason: string): ContainerStatus["state"] => ({ waiting: { reason } });
const ended = (exitCode: number, reason?: string): ContainerStatus["state"] => ({ terminated: { exitCode, ...(reason === undefined ? {} : { reason }) } });

function pod(podStatus: PodStatus, more: { metadata?: Partial<Pod["metadata"]>; spec?: Partial<Pod["spec"]> } = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", creationTimestamp: "2026-01-01T00:00:00Z", ...more.metadata },
    spec: { containers: [{ name: "a" }], ...more.spec },
    status: podStatus,
  };
}
const init = { spec: { initContainers: [{ name: "i" }, { name: "j" }] } };
const deleted = { metadata: { deletionTimestamp: "2026-01-01T00:00:10Z" } };

describe("STATUS and READY", () => {
  test.each<[string, string, Pod]>([
    ["Pending", "0/1", pod({ phase: "Pending" })],
    ["ContainerCreating", "0/1", pod({ phase: "Pending", containerStatuses: [status("a", waiting("ContainerCreating"))] })],
    ["Running", "1/1", pod({ phase: "Running", containerStatuses: [status("a", running, { ready: true })] })],
    ["CrashLoopBackOff", "0/1", pod({ phase: "Running", containerStatuses: [status("a", waiting("CrashLoopBackOff"))] })],
    ["Completed", "0/1", pod({ phase: "Succeeded", containerStatuses: [status("a", ended(0, "Completed"))] })],
    ["ExitCode:2", "0/1", pod({ phase: "Failed", containerStatuses: [status("a", ended(2))] })],
    ["Evicted", "0/1", pod({ phase: "Failed", reason: "Evicted" })],
    [
      "Init:0/2",
      "0/1",
      pod({ phase: "Pending", initContainerStatuses: [status("i", waiting("PodInitializing")), status("j", waiting("PodInitializing"))] }, init),
    ],
    ["Init:1/2", "0/1", pod({ phase: "Pending", initContainerStatuses: [status("i", ended(0)), status("j", running)] }, init)],
    ["Init:Error", "0/1", pod({ phase: "Pending", initContainerStatuses: [status("i", ended(1, "Error"))] }, init)],
    ["Init:CrashLoopBackOff", "0/1", pod({ phase: "Pending", initContainerStatuses: [status("i", waiting("CrashLoopBackOff"))] }, init)],
    ["Terminating", "1/1", pod({ phase: "Running", containerStatuses: [status("a", running, { ready: true })] }, deleted)],
    ["Unknown", "0/1", pod({ phase: "Running", reason: "NodeLost" }, deleted)],
    ["SchedulingGated", "0/1", pod({ phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] })],
    [
      "Running",
      "2/2",
      pod(
        {
          phase: "Running",
          initContainerStatuses: [status("s", running, { ready: true, started: true })],
          containerStatuses: [status("a", running, { ready: true })],
        },
        { spec: { initContainers: [{ name: "s", restartPolicy: "Always" }] } },
      ),
    ],
    [
      "NotReady",
      "1/2",
      pod(
        { phase: "Running", containerStatuses: [status("a", ended(0, "Completed")), status("b", running, { ready: true })] },
        { spec: { containers: [{ name: "a" }, { name: "b" }] } },
      ),
    ],
  ])("%s %s", (text, ready, example) => {
    const summary = podSummary(example);
    expect([summary.status, `${summary.ready}/${summary.total}`]).toEqual([text, ready]);
  });

  test("all columns, with the time since the last restart", () => {
    const lastState = ended(1, "Error");
    if (lastState?.terminated === undefined) throw new Error("the example has ended");
    const example = pod({
      phase: "Running",
      podIPs: [{ ip: "10.244.0.5" }],
      containerStatuses: [
        status("a", running, { ready: true, restartCount: 2, lastState: { terminated: { ...lastState.terminated, finishedAt: "2026-01-01T00:05:00Z" } } }),
      ],
    });
    const now = Date.parse("2026-01-01T00:10:00Z");
    expect(podColumns.map((column) => [column.name, column.value(example, now)])).toEqual([
      ["Name", "p"],
      ["Ready", "1/1"],
      ["Status", "Running"],
      ["Restarts", "2 (5m ago)"],
      ["Age", "10m"],
      ["IP", "10.244.0.5"],
      ["Node", "<none>"],
      ["Nominated Node", "<none>"],
      ["Readiness Gates", "<none>"],
    ]);
  });
});
