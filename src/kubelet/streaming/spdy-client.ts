// The client side of one SPDY/3.1 connection: opens streams, sends, hears. Pure: bytes go out through `send` and come in
// through `receive`.
import { dataFrame, pingFrame, SpdyFrameParser, SpdyHeaderWriter, synStreamFrame } from "./spdy-frames.ts";

export interface SpdyStreamHandler {
  data(data: Uint8Array): void;
  /** The peer sends no more, or reset the stream. Called once. */
  ended(): void;
}

export interface SpdyClient {
  /** Asks for a stream with these headers and returns its number. */
  open(headers: Readonly<Record<string, string>>, handler: SpdyStreamHandler): number;
  /** What `send` returned: false asks to wait before sending more. */
  write(streamId: number, data: Uint8Array): boolean;
  /** Our side of the stream is done. Closing twice does nothing. */
  end(streamId: number): void;
  receive(chunk: Uint8Array): void;
}

/** Data frames of this size keep single messages from filling the connection. */
const maxDataBytes = 32 * 1024;

export function createSpdyClient(send: (bytes: Uint8Array) => boolean): SpdyClient {
  const parser = new SpdyFrameParser();
  const headerWriter = new SpdyHeaderWriter();
  const handlers = new Map<number, SpdyStreamHandler>();
  const ended = new Set<number>();
  let nextStreamId = 1;

  const finish = (streamId: number) => {
    const handler = handlers.get(streamId);
    handlers.delete(streamId);
    handler?.ended();
  };
  return {
    open(headers, handler) {
      const streamId = nextStreamId;
      nextStreamId += 2;
      handlers.set(streamId, handler);
      send(synStreamFrame(streamId, headerWriter.write(headers)));
      return streamId;
    },
    write(streamId, data) {
      let ready = true;
      for (let offset = 0; offset < data.length; offset += maxDataBytes) ready = send(dataFrame(streamId, data.subarray(offset, offset + maxDataBytes)));
      return ready;
    },
    end(streamId) {
      if (ended.has(streamId)) return;
      ended.add(streamId);
      send(dataFrame(streamId, new Uint8Array(0), true));
    },
    receive(chunk) {
      for (const frame of parser.receive(chunk)) {
        if (frame.type === "data") {
          if (frame.data.length > 0) handlers.get(frame.streamId)?.data(frame.data);
          if (frame.fin) finish(frame.streamId);
        } else if (frame.type === "reset") finish(frame.streamId);
        else if (frame.type === "synReply" && frame.fin) finish(frame.streamId);
        // A ping of the peer (servers number them evenly) is answered; the answer to one of ours would be odd.
        else if (frame.type === "ping" && frame.id % 2 === 0) send(pingFrame(frame.id));
      }
    },
  };
}
