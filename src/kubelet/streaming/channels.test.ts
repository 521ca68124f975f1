import { describe, expect, it } from "vitest";
import { choosePortForwardProtocol, chooseRemoteCommandProtocol, decodeMessage, encodeMessage, encodeOutcome } from "./channels.ts";

const bytes = (value: string) => new TextEncoder().encode(value);

function protocol(name: string) {
  const found = chooseRemoteCommandProtocol([name]);
  if (found === undefined) throw new Error(`no protocol ${name}`);
  return found;
}

describe("channel protocols", () => {
  it("are chosen in the client's order", () => {
    expect(chooseRemoteCommandProtocol(["v6.channel.k8s.io", "v5.channel.k8s.io", "channel.k8s.io"])?.name).toBe("v5.channel.k8s.io");
    expect(chooseRemoteCommandProtocol(["v9"])).toBeUndefined();
    expect(chooseRemoteCommandProtocol([])?.name).toBe("");
    expect(choosePortForwardProtocol(["v5.channel.k8s.io"])).toBeUndefined();
  });

  it("close stdin alone in version 5 only", () => {
    expect(decodeMessage(protocol("v5.channel.k8s.io"), Uint8Array.from([255, 0]))).toEqual({ type: "close", channel: 0 });
    expect(decodeMessage(protocol("v4.channel.k8s.io"), Uint8Array.from([255, 0]))).toMatchObject({ type: "data", channel: 255 });
  });

  it("carry bytes or base64", () => {
    for (const name of ["v5.channel.k8s.io", "v4.base64.channel.k8s.io", "base64.channel.k8s.io"]) {
      const message = encodeMessage(protocol(name), 1, Uint8Array.from([0, 200, 10]));
      const sent = typeof message === "string" ? bytes(message) : message;
      expect(decodeMessage(protocol(name), sent)).toEqual({ type: "data", channel: 1, data: Uint8Array.from([0, 200, 10]) });
    }
    expect(encodeMessage(protocol("v4.base64.channel.k8s.io"), 1, bytes("hi"))).toBe("1aGk=");
    expect(decodeMessage(protocol("base64.channel.k8s.io"), bytes("0*"))).toBeUndefined();
    expect(decodeMessage(protocol("v5.channel.k8s.io"), new Uint8Array(0))).toBeUndefined();
  });

  it("tell the outcome as a Status, and before version 4 as text", () => {
    const failure = bytes('{"status":"Failure","message":"command terminated with non-zero exit code"}');
    expect(encodeOutcome(protocol("v5.channel.k8s.io"), failure)).toEqual(failure);
    expect(encodeOutcome(protocol("channel.k8s.io"), failure)).toEqual(bytes("command terminated with non-zero exit code"));
    expect(encodeOutcome(protocol("channel.k8s.io"), bytes('{"status":"Success"}'))).toBeUndefined();
  });
});
