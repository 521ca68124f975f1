// A watch as a stream of events, one JSON object a line. It goes at the client's pace: what the client does not read waits in
// the watcher, which has its bound. Frames that several watchers send are encoded once.
import type { Kind, Status } from "../../api/index.ts";
import type { Timer } from "../../base/index.ts";
import { viewOf } from "../cache/resource.ts";
import type { RevisionEvent, Watcher } from "../storage/watcher.ts";
import { concat, jsonBytes, objectBytes } from "./json-bytes.ts";
import type { ApiResponse, ResponseSink, StreamWriter } from "./message.ts";
import { bookmarkObject, type Representation, transformed } from "./representation.ts";

const encoder = new TextEncoder();
const END = encoder.encode("}\n");
const HEADS = new Map(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"].map((type) => [type, encoder.encode(`{"type":"${type}","object":`)]));
/** Frames by the change they show, for each type that different selections see it as. */
const FRAMES = { ADDED: new WeakMap<object, Uint8Array>(), MODIFIED: new WeakMap<object, Uint8Array>(), DELETED: new WeakMap<object, Uint8Array>() };

export function watchResponse(kind: Kind, watcher: Watcher, representation: Representation, timeoutMs: number): ApiResponse {
  const headers = { "content-type": representation.media.contentType, "cache-control": "no-cache, private" };
  const open = (sink: ResponseSink): StreamWriter => new WatchStream(kind, watcher, representation, sink, timeoutMs);
  return { status: 200, headers, body: { type: "stream", open } };
}

class WatchStream implements StreamWriter {
  #blocked = false;
  #closed = false;
  #shownTable = false;
  readonly #timer: Timer;

  constructor(
    private readonly kind: Kind,
    private readonly watcher: Watcher,
    private readonly representation: Representation,
    private readonly sink: ResponseSink,
    timeoutMs: number,
  ) {
    this.#timer = representation.env.clock.setTimeout(() => watcher.stop(), timeoutMs);
    watcher.onReadable(() => this.#pump());
  }

  drained(): void {
    this.#blocked = false;
    this.#pump();
  }

  closed(): void {
    this.#closed = true;
    this.#timer.cancel();
    this.watcher.stop();
  }

  #pump(): void {
    while (!this.#blocked && !this.#closed) {
      const event = this.watcher.next();
      if (event === undefined) break;
      this.#blocked = !this.sink.write(this.#frame(event));
    }
    const { ended } = this.watcher;
    if (this.#blocked || this.#closed || ended === undefined) return;
    this.#closed = true;
    this.#timer.cancel();
    if (ended.error !== undefined) this.sink.write(errorFrame(ended.error.status));
    this.sink.end();
  }

  #frame(event: RevisionEvent): Uint8Array {
    const { kind, representation } = this;
    if (event.type === "BOOKMARK") return frame("BOOKMARK", jsonBytes(bookmarkObject(kind, event.revision, event.initialEventsEnd, representation)));
    const { object, source, type } = event;
    if (representation.media.transform !== undefined) {
      const shown = transformed(kind, viewOf(kind, object), representation, this.#shownTable);
      this.#shownTable = true;
      return frame(type, jsonBytes(shown));
    }
    if (source === undefined || kind.declaration.storedAs !== undefined) return frame(type, objectBytes(kind, object));
    const known = FRAMES[type].get(source) ?? frame(type, objectBytes(kind, object));
    FRAMES[type].set(source, known);
    return known;
  }
}

function frame(type: string, object: Uint8Array): Uint8Array {
  return concat([HEADS.get(type) ?? new Uint8Array(), object, END]);
}

function errorFrame(status: Status): Uint8Array {
  return frame("ERROR", jsonBytes(status));
}
