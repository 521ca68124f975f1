import { expect, it } from "vitest";
import { decodeMessage, encodeCall } from "./dbus-message.ts";

const call = { serial: 7, destination: "a.b", path: "/c", interface: "d.e", member: "F", args: ["text", -1] };

it("writes calls that it reads itself", () => {
  const bytes = encodeCall(call);
  const decoded = decodeMessage(bytes);
  expect(decoded).toMatchObject({ length: bytes.length, message: { type: "call", member: "F", interface: "d.e", body: ["text", -1] } });
  expect(bytes.length % 4).toBe(0);
});
it("waits for the rest of a message", () => {
  const bytes = encodeCall(call);
  for (const length of [0, 15, 16, bytes.length - 1]) expect(decodeMessage(bytes.subarray(0, length))).toBeUndefined();
});
it("reads a signal in either byte order", () => {
  // type signal, body one boolean; fields: path, interface, member, signature
  const text = (value: string): number[] => [...new TextEncoder().encode(value)];
  const field = (code: number, type: string, value: string): number[] => {
    const bytes = [code, 1, ...text(type), 0, ...(type === "g" ? [value.length] : [0, 0, 0, value.length]), ...text(value), 0];
    while (bytes.length % 8 !== 0) bytes.push(0);
    return bytes;
  };
  const fields = [...field(1, "o", "/p"), ...field(2, "s", "i.f"), ...field(3, "s", "PrepareForShutdown"), ...field(8, "g", "b")];
  const end = fields.length - 1;
  const bytes = Uint8Array.from([..."B".split("").flatMap(text), 4, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0, end, ...fields, 0, 0, 0, 1]);
  expect(decodeMessage(bytes)?.message).toMatchObject({ type: "signal", member: "PrepareForShutdown", body: [true] });
});
