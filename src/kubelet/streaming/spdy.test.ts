import { describe, expect, it } from "vitest";
import { createSpdyClient } from "./spdy-client.ts";
import { dataFrame, pingFrame, type SpdyFrame, SpdyFrameParser, SpdyHeaderWriter, synStreamFrame } from "./spdy-frames.ts";

const text = (value: string) => new TextEncoder().encode(value);

function frames(...chunks: Uint8Array[]): SpdyFrame[] {
  const parser = new SpdyFrameParser();
  return chunks.flatMap((chunk) => parser.receive(chunk));
}

describe("SPDY frames", () => {
  it("are found however the bytes are cut", () => {
    const bytes = Uint8Array.from([...dataFrame(5, text("hello")), ...pingFrame(2), ...dataFrame(7, new Uint8Array(0), true)]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(frames(bytes.slice(0, cut), bytes.slice(cut))).toMatchObject([
        { type: "data", streamId: 5, fin: false },
        { type: "ping", id: 2 },
        { type: "data", streamId: 7, fin: true },
      ]);
    }
  });

  it("carry headers in stored deflate blocks behind one zlib header", () => {
    const writer = new SpdyHeaderWriter();
    const first = writer.write({ streamtype: "error" });
    expect([...first.slice(0, 6)]).toEqual([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]);
    const length = 4 + 4 + "streamtype".length + 4 + "error".length;
    expect([...first.slice(6, 11)]).toEqual([0, length, 0, 0xff - length, 0xff]);
    expect(writer.write({ streamtype: "stdin" })[0]).toBe(0);
  });

  it("open a stream with its number", () => {
    expect(frames(synStreamFrame(3, text("x")))).toMatchObject([{ type: "synStream", streamId: 3, headers: text("x") }]);
  });

  it("refuse a control frame that is cut short", () => {
    expect(() => frames(Uint8Array.from([0x80, 3, 0, 3, 0, 0, 0, 0]))).toThrow("fixed fields");
  });
});

describe("the SPDY client", () => {
  it("numbers streams oddly and hands data to the right one", () => {
    const heard: string[] = [];
    const client = createSpdyClient(() => true);
    const handler = (name: string) => ({
      data: (data: Uint8Array) => heard.push(`${name}: ${new TextDecoder().decode(data)}`),
      ended: () => heard.push(`${name} ended`),
    });
    expect([client.open({ streamtype: "error" }, handler("error")), client.open({ streamtype: "stdout" }, handler("stdout"))]).toEqual([1, 3]);
    client.receive(dataFrame(3, text("out")));
    client.receive(dataFrame(3, text("last"), true));
    client.receive(dataFrame(3, text("too late")));
    client.receive(dataFrame(1, new Uint8Array(0), true));
    expect(heard).toEqual(["stdout: out", "stdout: last", "stdout ended", "error ended"]);
  });

  it("answers the server's pings", () => {
    const sent: Uint8Array[] = [];
    const client = createSpdyClient((bytes) => sent.push(bytes) > 0);
    client.receive(pingFrame(2));
    client.receive(pingFrame(1));
    expect(sent).toEqual([pingFrame(2)]);
  });

  it("sends large input in pieces and ends a stream once", () => {
    const sent: Uint8Array[] = [];
    const client = createSpdyClient((bytes) => sent.push(bytes) > 0);
    const id = client.open({ streamtype: "stdin" }, { data: () => undefined, ended: () => undefined });
    sent.length = 0;
    client.write(id, new Uint8Array(100_000));
    client.end(id);
    client.end(id);
    const received = frames(...sent);
    expect(received.map((frame) => (frame.type === "data" ? frame.data.length : -1))).toEqual([32768, 32768, 32768, 1696, 0]);
    expect(received.at(-1)).toMatchObject({ fin: true });
  });
});
