// The process that makes the load: it does what its parent asks for, message by message, and answers with what it measured. Neither side's
// server shares a process with it.
import { Connection, type LoadRequest, type Target } from "../load/http2.ts";
import { type LoadCommand, type LoadResult, latenciesOf, type Operations } from "../load/protocol.ts";
import { REQUESTS } from "../load/requests.ts";

const STREAMS_PER_CONNECTION = 90;
const RECONNECT_MS = 10;
/** The load of several clients is made over as many connections. */
let connections: Connection[] = [];
let target: Target | undefined;

class EventCount {
  #seen = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #reached: () => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;
  #failure: Error | undefined;
  firstMs = 0;
  lastMs = 0;

  constructor(private readonly connections: readonly Connection[]) {}

  add(events: number): void {
    if (events === 0) return;
    this.lastMs = performance.now();
    if (this.#seen === 0) this.firstMs = this.lastMs;
    this.#seen += events;
    if (this.#seen >= this.#wanted) this.#reached();
  }

  /** From now on, so many. */
  expect(events: number): Promise<void> {
    this.#wanted = this.#seen + events;
    return this.reached();
  }

  /** Since the watch was opened. */
  reach(events: number): Promise<void> {
    this.#wanted = events;
    return this.reached();
  }

  private reached(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reached = resolve;
      this.#failed = reject;
      if (this.#failure !== undefined) reject(this.#failure);
      else if (this.#seen >= this.#wanted) resolve();
    });
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#failed(this.#failure);
  }

  get seen(): number {
    return this.#seen;
  }

  isClosed = false;
  close(): void {
    this.isClosed = true;
    for (const connection of this.connections) connection.close();
  }
}

const watches = new Map<string, EventCount>();

async function clients(count: number): Promise<readonly Connection[]> {
  if (target === undefined) throw new Error("connect comes first");
  while (connections.length < count) connections.push(await Connection.open(target));
  return connections.slice(0, count);
}

async function operate({ requests, clients: count, from, to, options = {} }: Operations): Promise<LoadResult> {
  const make = REQUESTS[requests];
  const lanes = await clients(count);
  const latencies = new Float64Array(to - from);
  let next = from;
  let byteLength = 0;
  const beganMs = performance.now();
  const lane = async (connection: Connection): Promise<void> => {
    while (next < to) {
      const number = next++;
      const sentMs = performance.now();
      byteLength += await ask(connection, make(number, options));
      latencies[number - from] = performance.now() - sentMs;
    }
  };
  await Promise.all(lanes.map(lane));
  return { seconds: (performance.now() - beganMs) / 1000, byteLength, ...latenciesOf(latencies) };
}

async function ask(connection: Connection, request: LoadRequest): Promise<number> {
  const { status, byteLength, text } = await connection.request(request);
  if (status >= 300 || status < 200) throw new Error(`${request.method} ${request.path}: ${status} ${text.slice(0, 500)}`);
  return byteLength;
}

/** Walks a list page by page; gives how long it took. */
async function walk(path: string): Promise<LoadResult> {
  const [connection] = await clients(1);
  if (connection === undefined) throw new Error("no connection");
  const latencies: number[] = [];
  let byteLength = 0;
  let token = "";
  do {
    const beganMs = performance.now();
    const answer = await connection.request({ method: "GET", path: `${path}${token === "" ? "" : `&continue=${token}`}` }, true);
    latencies.push(performance.now() - beganMs);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    byteLength += answer.byteLength;
    token = encodeURIComponent(/"continue":"([^"]+)"/.exec(answer.text.slice(0, 1000))?.[1] ?? "");
  } while (token !== "");
  return { seconds: latencies.reduce((total, ms) => total + ms, 0) / 1000, byteLength, ...latenciesOf(Float64Array.from(latencies)) };
}

async function openWatches({ name, path, count, additions }: Extract<LoadCommand, { type: "watch" }>): Promise<void> {
  if (target === undefined) throw new Error("connect comes first");
  const own: Connection[] = [];
  const events = new EventCount(own);
  watches.set(name, events);
  const opening: Promise<void>[] = [];
  for (let watcher = 0; watcher < count; watcher++) {
    if (watcher % STREAMS_PER_CONNECTION === 0) own.push(await Connection.open(target));
    const connection = own.at(-1);
    if (connection === undefined) continue;
    opening.push(additions ? followAdditions(connection, path, events) : connection.follow(path, eventCounter(events), (error) => events.fail(error)));
  }
  await Promise.all(opening);
}

const NEWLINE = 10;

/** An event is a line. */
function eventCounter(events: EventCount): (chunk: Buffer) => void {
  return (chunk) => {
    let lines = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) lines++;
    events.add(lines);
  };
}

/** Counts each name once, over watches that follow each other, too. */
function additionCounter(events: EventCount, names: Set<string>): (chunk: Buffer) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    const before = names.size;
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as { type: string; object: { metadata: { name: string } } };
      if (type === "ADDED") names.add(object.metadata.name);
    }
    events.add(names.size - before);
  };
}

/** A server may end a watch; who wants to know goes on with a new one. */
async function followAdditions(connection: Connection, path: string, events: EventCount, names = new Set<string>()): Promise<void> {
  await connection.follow(path, additionCounter(events, names), () => {
    if (!events.isClosed) setTimeout(() => void followAdditions(connection, path, events, names), RECONNECT_MS);
  });
}

function watchNamed(name: string): EventCount {
  const watch = watches.get(name);
  if (watch === undefined) throw new Error(`no watch is called ${name}`);
  return watch;
}

async function execute(command: LoadCommand): Promise<unknown> {
  switch (command.type) {
    case "connect":
      for (const connection of connections) connection.close();
      connections = [];
      target = command.target;
      return undefined;
    case "operate":
      return operate(command.operations);
    case "walk":
      return walk(command.path);
    case "get": {
      const [connection] = await clients(1);
      return connection?.request({ method: "GET", path: command.path }, true);
    }
    case "watch":
      return openWatches(command);
    case "events": {
      const watch = watchNamed(command.name);
      await (command.since === "now" ? watch.expect(command.count) : watch.reach(command.count));
      return { firstMs: watch.firstMs, lastMs: watch.lastMs };
    }
    case "seen":
      return watchNamed(command.name).seen;
    case "unwatch":
      watchNamed(command.name).close();
      watches.delete(command.name);
      return undefined;
  }
}

process.on("message", ({ id, command }: { id: number; command: LoadCommand }) => {
  execute(command).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
