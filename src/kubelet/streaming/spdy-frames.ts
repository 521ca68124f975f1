// SPDY/3.1 frames (https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/), as far as Kubernetes' streaming
// protocols use them: streams with a few headers, data, ping, go away. No flow control: the peers in the Kubernetes world
// ignore windows. Pure.
//
// Invariant: header blocks are written as stored deflate blocks, which need no compressor state; each block is complete
// for the peer's decompressor by itself, in the order of writing.
import { assert } from "../../base/index.ts";

export type SpdyFrame =
  | { readonly type: "data"; readonly streamId: number; readonly fin: boolean; readonly data: Uint8Array }
  /** `headers` is still compressed. */
  | { readonly type: "synStream" | "synReply"; readonly streamId: number; readonly fin: boolean; readonly headers: Uint8Array }
  | { readonly type: "reset"; readonly streamId: number; readonly status: number }
  | { readonly type: "ping"; readonly id: number }
  | { readonly type: "goAway" }
  /** Settings, headers, window updates: nothing depends on them here. */
  | { readonly type: "other" };

const version = 3;
const controlBit = 0x8000_0000;
const finFlag = 1;
const frameHeaderBytes = 8;
const controlTypes = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const;
const maxStoredBlock = 0xffff;
/** zlib's stream header, saying that the dictionary with this Adler-32 is preset: SPDY/3's. */
const zlibHeader = [0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2];

/** Writes header blocks of one connection, in order. */
export class SpdyHeaderWriter {
  private begun = false;

  write(headers: Readonly<Record<string, string>>): Uint8Array {
    const block = stored(nameValueBlock(headers));
    const prefix = this.begun ? [] : zlibHeader;
    this.begun = true;
    return Uint8Array.from([...prefix, ...block]);
  }
}

function nameValueBlock(headers: Readonly<Record<string, string>>): Uint8Array {
  const encoder = new TextEncoder();
  // Names in capitals are a protocol error.
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const parts: number[] = [...uint32(entries.length)];
  for (const text of entries.flat()) {
    const bytes = encoder.encode(text);
    parts.push(...uint32(bytes.length), ...bytes);
  }
  return Uint8Array.from(parts);
}

/** RFC 1951 section 3.2.4, never the last block; the empty block at the end makes decompressors hand out what they have. */
function stored(content: Uint8Array): Uint8Array {
  const parts: number[] = [];
  for (let offset = 0; offset < content.length; offset += maxStoredBlock) {
    const chunk = content.subarray(offset, offset + maxStoredBlock);
    const length = chunk.length;
    parts.push(0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff, ...chunk);
  }
  return Uint8Array.from([...parts, 0, 0, 0, 0xff, 0xff]);
}

function uint32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function synStreamFrame(streamId: number, headers: Uint8Array): Uint8Array {
  // Associated stream 0, priority 0, slot 0.
  return controlFrame(controlTypes.synStream, 0, [...uint32(streamId), ...uint32(0), 0, 0, ...headers]);
}

export function pingFrame(id: number): Uint8Array {
  return controlFrame(controlTypes.ping, 0, uint32(id));
}

export function dataFrame(streamId: number, data: Uint8Array, fin = false): Uint8Array {
  const frame = new Uint8Array(frameHeaderBytes + data.length);
  frame.set(uint32(streamId), 0);
  frame.set(uint32(data.length), 4);
  frame[4] = fin ? finFlag : 0;
  frame.set(data, frameHeaderBytes);
  return frame;
}

function controlFrame(type: number, flags: number, payload: readonly number[]): Uint8Array {
  return Uint8Array.from([0x80, version, 0, type, flags, ...uint32(payload.length).slice(1), ...payload]);
}

/** Cuts a byte stream into frames. A frame is at most 16 MiB, by its own length field. */
export class SpdyFrameParser {
  private chunks: Uint8Array[] = [];
  private size = 0;

  /** The frames that `chunk` completes. */
  receive(chunk: Uint8Array): SpdyFrame[] {
    this.chunks.push(chunk);
    this.size += chunk.length;
    const frames: SpdyFrame[] = [];
    for (;;) {
      const length = this.nextLength();
      if (length === undefined || this.size < frameHeaderBytes + length) return frames;
      const whole = this.joined();
      frames.push(parseFrame(whole.subarray(0, frameHeaderBytes + length)));
      const rest = whole.subarray(frameHeaderBytes + length);
      this.chunks = rest.length === 0 ? [] : [rest];
      this.size = rest.length;
    }
  }

  private nextLength(): number | undefined {
    if (this.size < frameHeaderBytes) return undefined;
    const first = this.chunks[0];
    const header = first !== undefined && first.length >= frameHeaderBytes ? first : this.joined();
    return ((header[5] ?? 0) << 16) | ((header[6] ?? 0) << 8) | (header[7] ?? 0);
  }

  private joined(): Uint8Array {
    const [only] = this.chunks;
    if (this.chunks.length === 1 && only !== undefined) return only;
    const whole = new Uint8Array(this.size);
    let offset = 0;
    for (const chunk of this.chunks) {
      whole.set(chunk, offset);
      offset += chunk.length;
    }
    this.chunks = [whole];
    return whole;
  }
}

function parseFrame(frame: Uint8Array): SpdyFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const word = view.getUint32(0);
  const fin = (view.getUint8(4) & finFlag) !== 0;
  if ((word & controlBit) === 0) return { type: "data", streamId: word, fin, data: frame.subarray(frameHeaderBytes) };
  const payload = frame.byteLength - frameHeaderBytes;
  const id = (minimum: number) => {
    assert(payload >= minimum, "a SPDY control frame holds its fixed fields");
    return view.getUint32(frameHeaderBytes) & 0x7fff_ffff;
  };
  switch (word & 0xffff) {
    case controlTypes.synStream:
      return { type: "synStream", streamId: id(10), fin, headers: frame.subarray(frameHeaderBytes + 10) };
    case controlTypes.synReply:
      return { type: "synReply", streamId: id(4), fin, headers: frame.subarray(frameHeaderBytes + 4) };
    case controlTypes.reset:
      return { type: "reset", streamId: id(8), status: view.getUint32(frameHeaderBytes + 4) };
    case controlTypes.ping:
      return { type: "ping", id: id(4) };
    case controlTypes.goAway:
      return { type: "goAway" };
    default:
      return { type: "other" };
  }
}
