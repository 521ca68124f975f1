// A connection to the system's message bus: calls without passing file descriptors, and signals.
import { connect, type Socket } from "node:net";
import { type DbusCall, type DbusMessage, decodeMessage, encodeCall } from "./dbus-message.ts";

export class DbusError extends Error {
  override readonly name = "DbusError";
}

export interface Dbus {
  /** The answer's values. Rejects with a `DbusError`. */
  call(call: Omit<DbusCall, "serial">): Promise<readonly unknown[]>;
  close(): void;
}

export interface DbusOptions {
  /** Path of the bus's socket. */
  readonly socket: string;
  readonly signal: (message: DbusMessage) => void;
  /** The bus hung up; not after `close`. */
  readonly lost: (error: Error) => void;
}

const BUS = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" } as const;

export async function connectDbus(options: DbusOptions): Promise<Dbus> {
  const socket = await open(options.socket);
  const connection = new DbusConnection(socket, options);
  await connection.call({ ...BUS, member: "Hello", args: [] });
  return connection;
}

/** Asks the bus for the signals that `rule` matches. */
export async function addMatch(bus: Dbus, rule: string): Promise<void> {
  await bus.call({ ...BUS, member: "AddMatch", args: [rule] });
}

/** Connected and authenticated as the user that this process runs as. */
async function open(path: string): Promise<Socket> {
  const socket = connect(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString("hex");
    socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    const answer = await new Promise<string>((resolve, reject) => {
      socket.once("data", (data: Buffer) => resolve(data.toString("latin1")));
      socket.once("error", reject);
      socket.once("close", () => reject(new DbusError("the message bus hung up")));
    });
    if (!answer.startsWith("OK ")) throw new DbusError(`the message bus refuses: ${answer.trim()}`);
    socket.removeAllListeners();
    socket.write("BEGIN\r\n");
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

class DbusConnection implements Dbus {
  private received: Buffer = Buffer.alloc(0);
  private serial = 0;
  private closed = false;
  private readonly waiting = new Map<number, { resolve(body: readonly unknown[]): void; reject(error: Error): void }>();

  constructor(
    private readonly socket: Socket,
    private readonly options: DbusOptions,
  ) {
    socket.unref();
    socket.on("data", (data: Buffer) => this.data(data));
    socket.on("error", (error) => this.end(error));
    socket.on("close", () => this.end(new DbusError("the message bus hung up")));
  }

  call(call: Omit<DbusCall, "serial">): Promise<readonly unknown[]> {
    const serial = ++this.serial;
    return new Promise((resolve, reject) => {
      this.waiting.set(serial, { resolve, reject });
      this.socket.write(encodeCall({ ...call, serial }));
    });
  }
  close(): void {
    this.closed = true;
    this.socket.destroy();
  }

  private data(data: Buffer): void {
    this.received = Buffer.concat([this.received, data]);
    try {
      for (let next = decodeMessage(this.received); next !== undefined; next = decodeMessage(this.received)) {
        this.received = this.received.subarray(next.length);
        this.message(next.message);
      }
    } catch (error) {
      this.socket.destroy(error as Error);
    }
  }
  private message(message: DbusMessage): void {
    if (message.type === "signal") {
      this.options.signal(message);
      return;
    }
    const call = this.waiting.get(message.replySerial ?? 0);
    this.waiting.delete(message.replySerial ?? 0);
    if (message.type === "error") call?.reject(new DbusError(`${message.errorName ?? "error"}: ${String(message.body[0] ?? "")}`));
    else call?.resolve(message.body);
  }
  private end(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    if (this.closed) return;
    this.closed = true;
    this.options.lost(error);
  }
}
