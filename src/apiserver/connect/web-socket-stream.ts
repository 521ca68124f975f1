// A streaming answer over a WebSocket (RFC 6455), for clients that ask so for a pod's log: browsers have no other way to follow one.
// The server only sends; what comes from the client is looked at for pings and the close.
//
// Protocols, as kube-apiserver names them: "binary.k8s.io" sends binary frames and is also meant when none is asked for,
// "base64.binary.k8s.io" sends text frames of base64. The first frame is empty: it shows the client that the connection works.
import { badRequestError } from "../../api/index.ts";
import { type ApiRequest, type ApiResponse, header } from "../http/message.ts";

const BASE64 = "base64.binary.k8s.io";
const PROTOCOLS: readonly string[] = ["binary.k8s.io", BASE64];
/** RFC 6455, section 1.3. */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** RFC 6455, section 5.2. */
const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Control frames hold no more (section 5.5); longer frames of the client are skipped. */
const MAX_CONTROL_BYTES = 125;
/** Pings that come while so much waits to be sent stay without an answer; the next is as good. */
const MAX_WAITING = 16;
const NORMAL_CLOSURE = Uint8Array.of(1000 >> 8, 1000 & 0xff);

export function isWebSocket(request: ApiRequest): boolean {
  return header(request, "upgrade").toLowerCase() === "websocket";
}

/** Sends `body` in frames and closes the connection after it. Throws a BadRequest. */
export async function webSocketResponse(request: ApiRequest, body: ReadableStream<Uint8Array>): Promise<ApiResponse> {
  const key = header(request, "sec-websocket-key");
  if (key === "" || header(request, "sec-websocket-version") !== "13") throw badRequestError("a WebSocket handshake of version 13 is required");
  const asked = header(request, "sec-websocket-protocol")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const protocol = asked.find((name) => PROTOCOLS.includes(name));
  if (asked.length > 0 && protocol === undefined) throw badRequestError(`none of the protocols ${asked.join(", ")} is known; ${PROTOCOLS.join(" and ")} are`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", new TextEncoder().encode(key + ACCEPT_SUFFIX)));
  return {
    status: 101,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-accept": base64(digest),
      ...(protocol === undefined ? {} : { "sec-websocket-protocol": protocol }),
    },
    body: { type: "upgrade", streams: framed(body, protocol === BASE64) },
  };
}

function framed(
  body: ReadableStream<Uint8Array>,
  asText: boolean,
): { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array> } {
  const frame = (chunk: Uint8Array): Uint8Array =>
    asText ? encodeFrame(OPCODE.text, new TextEncoder().encode(base64(chunk))) : encodeFrame(OPCODE.binary, chunk);
  const out = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => controller.enqueue(frame(new Uint8Array(0))),
    transform: (chunk, controller) => controller.enqueue(frame(chunk)),
    flush: (controller) => controller.enqueue(encodeFrame(OPCODE.close, NORMAL_CLOSURE)),
  });
  const stop = new AbortController();
  const sent = body.pipeThrough(out, { signal: stop.signal });
  let pongs: ReadableStreamDefaultController<Uint8Array> | undefined;
  const reader = sent.getReader();
  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      pongs = controller;
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  const read = frameReader((opcode, payload) => {
    if (opcode === OPCODE.ping && (pongs?.desiredSize ?? -MAX_WAITING) > -MAX_WAITING) pongs?.enqueue(encodeFrame(OPCODE.pong, payload));
    if (opcode === OPCODE.close) stop.abort();
  });
  return { readable, writable: new WritableStream({ write: read, close: () => stop.abort(), abort: () => stop.abort() }) };
}

/** A whole frame, as a server sends it: not masked. */
function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const size = length < 126 ? 2 : length < 65536 ? 4 : 10;
  const frame = new Uint8Array(size + length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, 0x80 | opcode);
  view.setUint8(1, size === 2 ? length : size === 4 ? 126 : 127);
  if (size === 4) view.setUint16(2, length);
  if (size === 10) view.setBigUint64(2, BigInt(length));
  frame.set(payload, size);
  return frame;
}

/** Takes the client's bytes as they come and tells its control frames. Holds no more than one head and one control frame. */
function frameReader(onControl: (opcode: number, payload: Uint8Array) => void): (chunk: Uint8Array) => void {
  let held: Uint8Array = new Uint8Array(0);
  let skip = 0;
  return (chunk) => {
    let bytes = concatenated(held, chunk);
    for (;;) {
      const skipped = Math.min(skip, bytes.length);
      skip -= skipped;
      bytes = bytes.subarray(skipped);
      const head = frameHead(bytes);
      if (skip > 0 || head === undefined) break;
      const { opcode, size, length, mask } = head;
      if (opcode < OPCODE.close || length > MAX_CONTROL_BYTES) {
        skip = size + length;
        continue;
      }
      if (bytes.length < size + length) break;
      onControl(
        opcode,
        bytes.slice(size, size + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0)),
      );
      skip = size + length;
    }
    held = bytes.slice();
  };
}

function frameHead(bytes: Uint8Array): { readonly opcode: number; readonly size: number; readonly length: number; readonly mask: Uint8Array } | undefined {
  if (bytes.length < 2) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const short = view.getUint8(1) & 0x7f;
  const isMasked = (view.getUint8(1) & 0x80) !== 0;
  const lengthSize = short < 126 ? 0 : short === 126 ? 2 : 8;
  const size = 2 + lengthSize + (isMasked ? 4 : 0);
  if (bytes.length < size) return undefined;
  const length = lengthSize === 0 ? short : lengthSize === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
  return { opcode: view.getUint8(0) & 0x0f, size, length, mask: isMasked ? bytes.subarray(size - 4, size) : new Uint8Array(0) };
}

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
