// A lean HTTP/2 client (RFC 9113) for load: it costs a fraction of what a server spends on a request, so that the measured side gets the
// machine. It takes answers of any size without asking for a pause, reads nothing of a header but `:status`, and one request costs one write.
import { connect, type TLSSocket } from "node:tls";

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface LoadRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly acceptsGzip?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly byteLength: number;
  /** Only of answers that were asked for whole. */
  readonly text: string;
}

interface Stream {
  status: number;
  readonly opened?: () => void;
  readonly data: (chunk: Buffer) => void;
  readonly ended: (error?: Error) => void;
}

const FRAME_HEAD = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const HEADER_TABLE_SIZE = 1;
const INITIAL_WINDOW_SIZE = 4;
const MAX_WINDOW = 2 ** 31 - 1;
const DEFAULT_WINDOW = 65_535;
/** A connection's window is opened again after so much. */
const REFILL_BYTES = 64 * 1024 * 1024;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export class Connection {
  readonly #streams = new Map<number, Stream>();
  readonly #waiting: { readonly frame: Buffer; readonly length: number }[] = [];
  #nextStream = 1;
  #rest: Buffer = Buffer.alloc(0);
  #received = 0;
  /** What the server still takes of bodies, on the whole connection. */
  #window = DEFAULT_WINDOW;

  private constructor(
    private readonly socket: TLSSocket,
    private readonly authority: string,
  ) {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the connection was closed")));
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(HEADER_TABLE_SIZE, 0);
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 6);
    settings.writeUInt32BE(MAX_WINDOW, 8);
    socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, settings), windowUpdate(MAX_WINDOW - DEFAULT_WINDOW)]));
  }

  static open({ host, port, caPem, certificatePem, keyPem }: Target): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, ca: caPem, cert: certificatePem, key: keyPem, ALPNProtocols: ["h2"] });
      socket.once("error", reject);
      socket.once("secureConnect", () => {
        socket.off("error", reject);
        resolve(new Connection(socket, `${host}:${port}`));
      });
    });
  }

  /** Resolves with whatever the server answers. */
  request(request: LoadRequest, isWanted = false): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let byteLength = 0;
      const stream: Stream = {
        status: 0,
        data: (chunk) => {
          byteLength += chunk.length;
          if (isWanted || stream.status >= 300) chunks.push(Buffer.from(chunk));
        },
        ended: (error) => (error === undefined ? resolve({ status: stream.status, byteLength, text: Buffer.concat(chunks).toString() }) : reject(error)),
      };
      this.#send(request, stream);
    });
  }

  /** A watch: `data` gets what comes, until the connection is closed. Resolves when the server has accepted it. */
  follow(path: string, data: (chunk: Buffer) => void, ended: (error: Error) => void): Promise<void> {
    return new Promise((resolve) => {
      let last = "";
      const stream: Stream = {
        status: 0,
        opened: resolve,
        data: (chunk) => {
          last = chunk.toString("latin1", 0, 500);
          if (stream.status === 200) data(chunk);
          else ended(new Error(`${path}: ${stream.status} ${last}`));
        },
        ended: (error = new Error(`the watch of ${path} has ended: ${last}`)) => {
          ended(error);
          resolve();
        },
      };
      this.#send({ method: "GET", path }, stream);
    });
  }

  close(): void {
    this.#streams.clear();
    this.socket.destroy();
  }

  #send(request: LoadRequest, stream: Stream): void {
    const id = this.#nextStream;
    this.#nextStream += 2;
    this.#streams.set(id, stream);
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    const head = frame(HEADERS, END_HEADERS | (body === undefined ? END_STREAM : 0), id, headerBlock(request, this.authority));
    if (body === undefined) {
      this.socket.write(head);
      return;
    }
    const data = frame(DATA, END_STREAM, id, body);
    if (this.#window < body.length || this.#waiting.length > 0) {
      this.socket.write(head);
      this.#waiting.push({ frame: data, length: body.length });
      return;
    }
    this.#window -= body.length;
    this.socket.write(Buffer.concat([head, data]));
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let position = 0;
    while (bytes.length - position >= FRAME_HEAD) {
      const length = bytes.readUIntBE(position, 3);
      const end = position + FRAME_HEAD + length;
      if (end > bytes.length) break;
      const id = bytes.readUInt32BE(position + 5) & MAX_WINDOW;
      this.#frame({ type: bytes[position + 3] ?? 0, flags: bytes[position + 4] ?? 0, id }, bytes.subarray(position + FRAME_HEAD, end));
      position = end;
    }
    this.#rest = position === bytes.length ? Buffer.alloc(0) : bytes.subarray(position);
  }

  #frame({ type, flags, id }: { type: number; flags: number; id: number }, payload: Buffer): void {
    const stream = this.#streams.get(id);
    if (type === DATA) {
      this.#refill(payload.length);
      if (payload.length > 0) stream?.data(payload);
    } else if (type === HEADERS) {
      // What comes after the body tells nothing of the status.
      if (stream?.status === 0) {
        stream.status = statusOf(payload);
        stream.opened?.();
      }
    } else if (type === SETTINGS && (flags & ACK) === 0) this.socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    else if (type === PING && (flags & ACK) === 0) this.socket.write(frame(PING, ACK, 0, payload));
    else if (type === WINDOW_UPDATE && id === 0) this.#opened(payload.readUInt32BE(0));
    else if (type === RST_STREAM && stream !== undefined) this.#end(id, new Error(`the server reset a stream (${payload.readUInt32BE(0)})`));
    else if (type === GOAWAY) this.#fail(new Error(`the server says goodbye (${payload.readUInt32BE(4)})`));
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) this.#end(id);
  }

  #end(id: number, error?: Error): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.ended(error);
  }

  #refill(length: number): void {
    this.#received += length;
    if (this.#received < REFILL_BYTES) return;
    this.socket.write(windowUpdate(this.#received));
    this.#received = 0;
  }

  #opened(bytes: number): void {
    this.#window += bytes;
    for (let next = this.#waiting[0]; next !== undefined && next.length <= this.#window; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#window -= next.length;
      this.socket.write(next.frame);
    }
  }

  #fail(error: Error): void {
    for (const id of [...this.#streams.keys()]) this.#end(id, error);
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, FRAME_HEAD);
  return bytes;
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(WINDOW_UPDATE, 0, 0, payload);
}

// HPACK (RFC 7541): names by their number in the static table, values as they are, nothing kept between requests.
const AUTHORITY = 1;
const METHOD = 2;
const PATH = 4;
const STATUS = 8;
const ACCEPT_ENCODING = 16;
const ACCEPT = 19;
const CONTENT_TYPE = 31;
const USER_AGENT = 58;
const SCHEME_HTTPS = 0x87;
/** The largest number that fits the four bits of a field's first byte. */
const SMALL = 15;

function headerBlock({ method, path, body, contentType = "application/json", acceptsGzip = false }: LoadRequest, authority: string): Buffer {
  const parts = [Buffer.of(SCHEME_HTTPS), field(METHOD, method), field(AUTHORITY, authority), field(PATH, path)];
  parts.push(field(ACCEPT, "application/json"), field(USER_AGENT, "kubets-bench"));
  if (body !== undefined) parts.push(field(CONTENT_TYPE, contentType));
  if (acceptsGzip) parts.push(field(ACCEPT_ENCODING, "gzip"));
  return Buffer.concat(parts);
}

const fields = new Map<string, Buffer>();

/** A field without indexing. Names and values that come back are encoded once. */
function field(name: number, value: string): Buffer {
  const key = `${name} ${value}`;
  const known = fields.get(key);
  if (known !== undefined) return known;
  const bytes = Buffer.from(value);
  const first = name < SMALL ? [name] : [SMALL, name - SMALL];
  const length = bytes.length < 127 ? [bytes.length] : [127, ...longNumber(bytes.length - 127)];
  const encoded = Buffer.concat([Buffer.from([...first, ...length]), bytes]);
  if (name !== PATH) fields.set(key, encoded);
  return encoded;
}

function longNumber(rest: number): number[] {
  return rest < 128 ? [rest] : [(rest & 127) | 128, ...longNumber(rest >> 7)];
}

const INDEXED_STATUS = [200, 204, 206, 304, 400, 404, 500];

/** Servers send `:status` first. */
function statusOf(block: Buffer): number {
  let position = 0;
  // Changes of the table's size come before the fields.
  while (((block[position] ?? 0) & 0xe0) === 0x20) position++;
  const first = block[position] ?? 0;
  if ((first & 0x80) !== 0) return INDEXED_STATUS[(first & 0x7f) - STATUS] ?? 0;
  const length = block[position + 1] ?? 0;
  const value = block.subarray(position + 2, position + 2 + (length & 0x7f));
  return Number((length & 0x80) === 0 ? value.toString() : huffmanDigits(value));
}

/** Digits 0 to 2 have codes of five bits, the others of six (RFC 7541, Appendix B). */
function huffmanDigits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let digits = "";
  while (digits.length < 3) {
    const short = Number.parseInt(bits.slice(0, 5), 2);
    const isShort = short <= 2;
    digits += isShort ? short : Number.parseInt(bits.slice(0, 6), 2) - 0x16;
    bits = bits.slice(isShort ? 5 : 6);
  }
  return digits;
}
