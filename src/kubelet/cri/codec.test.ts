import { describe, expect, it } from "vitest";
import { createCodec } from "./codec.ts";
import { messages } from "./messages.ts";

const codec = createCodec(messages);

describe("the protocol buffer codec", () => {
  it("carries nested messages, lists and maps through", () => {
    const config = {
      metadata: { name: "web", uid: "u-1", namespace: "default", attempt: 2 },
      hostname: "web",
      portMappings: [{ protocol: 1, containerPort: 53, hostPort: 5353, hostIp: "" }],
      labels: { "io.kubernetes.pod.uid": "u-1", empty: "" },
      linux: { securityContext: { runAsUser: { value: 0 }, supplementalGroups: [0, 1000] } },
    };
    expect(codec.decode("PodSandboxConfig", codec.encode("PodSandboxConfig", config))).toMatchObject(config);
  });

  it("writes the bytes that the specification gives", () => {
    expect([...codec.encode("Int64Value", { value: 150 })]).toEqual([0x08, 0x96, 0x01]);
    expect([...codec.encode("PodIp", { ip: "testing" })]).toEqual([0x0a, 7, ...new TextEncoder().encode("testing")]);
  });

  it("carries negative numbers and nanosecond timestamps", () => {
    const quota = codec.decode("LinuxContainerResources", codec.encode("LinuxContainerResources", { cpuQuota: -1, oomScoreAdj: -997 }));
    expect(quota).toMatchObject({ cpuQuota: -1, oomScoreAdj: -997, cpuShares: 0 });
    const nanoseconds = 1_795_246_000_123_456_789n;
    const bytes = codec.encode("ContainerStatus", { createdAt: nanoseconds });
    expect(codec.decode("ContainerStatus", bytes)["createdAt"]).toBeCloseTo(Number(nanoseconds), -3);
  });

  it("fills in zero values and skips unknown fields", () => {
    expect(codec.decode("PodIp", Uint8Array.from([0x10, 0x05, 0x0a, 1, 0x61, 0x1a, 2, 1, 2]))).toEqual({ ip: "a" });
    expect(codec.decode("Image", new Uint8Array(0))).toEqual({ id: "", repoTags: [], repoDigests: [], size: 0, uid: undefined, pinned: false, username: "" });
  });

  it("refuses truncated input", () => {
    expect(() => codec.decode("PodIp", Uint8Array.from([0x0a, 9, 0x61]))).toThrow("does not end inside a field");
  });
});
