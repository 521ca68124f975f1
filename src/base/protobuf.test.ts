import { describe, expect, it } from "vitest";
import { createCodec } from "./protobuf.ts";

const codec = createCodec({
  Metadata: { name: "1 string", uid: "2 string", namespace: "3 string", attempt: "4 uint32" },
  Port: { protocol: "1 int32", containerPort: "2 int32", hostPort: "3 int32", hostIp: "4 string" },
  Wrapped: { value: "1 int64" },
  Security: { runAsUser: "3 Wrapped", supplementalGroups: "5 int64[]" },
  Config: { metadata: "1 Metadata", hostname: "2 string", ports: "5 Port[]", labels: "6 map", security: "8 Security" },
  Address: { ip: "1 string" },
  Numbers: { quota: "2 int64", shares: "3 int64", score: "5 int64", createdAt: "7 int64", hash: "8 uint64", last: "9 bytes" },
  Image: { id: "1 string", tags: "2 string[]", size: "4 uint64", uid: "5 Wrapped", pinned: "8 bool" },
});

describe("the protocol buffer codec", () => {
  it("carries nested messages, lists and maps through", () => {
    const config = {
      metadata: { name: "web", uid: "u-1", namespace: "default", attempt: 2 },
      hostname: "web",
      ports: [{ protocol: 1, containerPort: 53, hostPort: 5353, hostIp: "" }],
      labels: { "io.kubernetes.pod.uid": "u-1", empty: "" },
      security: { runAsUser: { value: 0 }, supplementalGroups: [0, 1000] },
    };
    expect(codec.decode("Config", codec.encode("Config", config))).toMatchObject(config);
  });

  it("writes the bytes that the specification gives", () => {
    expect([...codec.encode("Wrapped", { value: 150 })]).toEqual([0x08, 0x96, 0x01]);
    expect([...codec.encode("Address", { ip: "testing" })]).toEqual([0x0a, 7, ...new TextEncoder().encode("testing")]);
  });

  it("carries negative and very large numbers", () => {
    const written = { quota: -1, score: -997, createdAt: 2 ** 49, hash: Number.MAX_SAFE_INTEGER };
    expect(codec.decode("Numbers", codec.encode("Numbers", written))).toMatchObject({ ...written, shares: 0 });
    const nanoseconds = Number(1_795_246_000_123_456_789n);
    expect(codec.decode("Numbers", codec.encode("Numbers", { createdAt: nanoseconds })).createdAt).toBe(nanoseconds);
    const last = new Uint8Array(5000).fill(7);
    expect(codec.decode("Numbers", codec.encode("Numbers", { last })).last).toEqual(last);
  });

  it("fills in zero values and skips unknown fields", () => {
    expect(codec.decode("Address", Uint8Array.from([0x10, 0x05, 0x0a, 1, 0x61, 0x1a, 2, 1, 2]))).toEqual({ ip: "a" });
    expect(codec.decode("Image", new Uint8Array(0))).toEqual({ id: "", tags: [], size: 0, uid: undefined, pinned: false });
  });

  it("refuses more messages, and deeper ones, than it was told to take", () => {
    const limited = createCodec({ Tree: { trees: "1 Tree[]" } }, { messages: 4, depth: 3 });
    const tree = (...trees: object[]) => limited.encode("Tree", { trees } as never);
    expect(limited.decode("Tree", tree({}, {}, {}))).toEqual({ trees: [{ trees: [] }, { trees: [] }, { trees: [] }] });
    expect(() => limited.decode("Tree", tree({}, {}, {}, {}))).toThrow("too many messages");
    expect(() => limited.decode("Tree", tree({ trees: [{}] }))).not.toThrow();
    expect(() => limited.decode("Tree", tree({ trees: [{ trees: [{}] }] }))).toThrow("too deep");
    expect(() => limited.decode("Tree", tree({ trees: [{}] }, {}))).not.toThrow();
  });

  it("refuses truncated input", () => {
    expect(() => codec.decode("Address", Uint8Array.from([0x0a, 9, 0x61]))).toThrow("does not end inside a field");
  });
});
