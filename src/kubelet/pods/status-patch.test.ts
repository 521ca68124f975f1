import { describe, expect, it } from "vitest";
import type { PodStatus } from "../../api/index.ts";
import { podStatusPatch } from "./status-patch.ts";

const stored: PodStatus = {
  phase: "Pending",
  conditions: [
    { type: "Ready", status: "False", reason: "ContainersNotReady", message: "m" },
    { type: "example.com/gate", status: "True" },
  ],
  podIPs: [{ ip: "10.0.0.1" }],
  podIP: "10.0.0.1",
  containerStatuses: [{ name: "a", image: "i", imageID: "", ready: false, restartCount: 0, lastState: {} }],
};

describe("the patch of a status", () => {
  it("is none when nothing differs, empty or absent", () => {
    const { containerStatuses = [] } = stored;
    const wanted = { ...stored, containerStatuses: containerStatuses.map(({ lastState, ...rest }) => rest), reason: "" };
    expect(podStatusPatch(stored, wanted)).toBeUndefined();
  });
  it("takes away what a condition no longer says, and leaves others' conditions alone", () => {
    const wanted = { ...stored, conditions: [{ type: "Ready", status: "True" }] };
    expect(podStatusPatch(stored, wanted)).toEqual({ conditions: [{ type: "Ready", status: "True", reason: null, message: null }] });
  });
  it("replaces addresses as a whole, for their order counts", () => {
    const wanted = { ...stored, podIP: "10.0.0.2", podIPs: [{ ip: "10.0.0.2" }] };
    expect(podStatusPatch(stored, wanted)).toEqual({ podIP: "10.0.0.2", podIPs: [{ $patch: "replace" }, { ip: "10.0.0.2" }] });
  });
  it("clears a reason that no longer holds", () => {
    expect(podStatusPatch({ ...stored, reason: "Old" }, stored)).toEqual({ reason: null });
  });
});
