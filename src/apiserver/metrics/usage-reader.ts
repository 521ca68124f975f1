// Reads what nodes use from their kubelets, when somebody asks and not before (decision 0006).
//
// Invariants: what is told is at most RESOLUTION_MS old, and of a window of at most LONGEST_WINDOW_MS; of one node one reading
// runs at a time, however many ask; a node that does not answer is not asked again before RESOLUTION_MS are over.
import type { Node } from "../../api/index.ts";
import type { Env, Logger } from "../../base/index.ts";
import { delay } from "../../client/index.ts";
import type { NodeConnector } from "../node-connector.ts";
import { parseResourceMetrics, type Reading } from "./resource-metrics.ts";

/** As upstream's metrics-server. */
const RESOLUTION_MS = 15_000;
/** An older reading says nothing about now: a new pair is taken. */
const LONGEST_WINDOW_MS = 60_000;
/** Between the two readings of a new pair. */
const PAIR_MS = 1100;
const TIMEOUT_MS = 5000;
/** A kubelet that sends more is broken. */
const LARGEST_ANSWER = 32 * 2 ** 20;

export interface ReadingPair {
  readonly before: Reading;
  readonly after: Reading;
}

export interface UsageReader {
  /** By the name of the node; nodes that do not answer are missing. */
  read(nodes: readonly Node[]): Promise<ReadonlyMap<string, ReadingPair>>;
  /** Forgets all nodes but these. */
  keepOnly(names: ReadonlySet<string>): void;
}

interface Timed {
  readonly reading: Reading;
  /** Monotonic. */
  readonly atMs: number;
}

interface State {
  before?: Timed;
  after?: Timed;
  failedAtMs?: number;
  running?: Promise<void>;
}

export function createUsageReader(env: Env, connector: NodeConnector): UsageReader {
  return new KubeletUsageReader(env, connector);
}

class KubeletUsageReader implements UsageReader {
  readonly #states = new Map<string, State>();
  readonly #log: Logger;

  constructor(
    private readonly env: Env,
    private readonly connector: NodeConnector,
  ) {
    this.#log = env.log.child("metrics");
  }

  async read(nodes: readonly Node[]): Promise<ReadonlyMap<string, ReadingPair>> {
    await Promise.all(nodes.map((node) => this.#refresh(node)));
    const pairs = new Map<string, ReadingPair>();
    for (const { metadata } of nodes) {
      const { before, after } = this.#states.get(metadata.name) ?? {};
      if (before !== undefined && after !== undefined) pairs.set(metadata.name, { before: before.reading, after: after.reading });
    }
    return pairs;
  }

  keepOnly(names: ReadonlySet<string>): void {
    for (const name of [...this.#states.keys()]) if (!names.has(name)) this.#states.delete(name);
  }

  async #refresh(node: Node): Promise<void> {
    const { name } = node.metadata;
    const state = this.#states.get(name) ?? {};
    this.#states.set(name, state);
    const now = this.env.clock.monotonic();
    const lastMs = state.failedAtMs ?? state.after?.atMs;
    if (state.running === undefined && lastMs !== undefined && now - lastMs < RESOLUTION_MS) return;
    state.running ??= this.#readPair(node, state).finally(() => {
      state.running = undefined;
    });
    await state.running;
  }

  async #readPair(node: Node, state: State): Promise<void> {
    try {
      const known = state.after;
      const isRecent = known !== undefined && this.env.clock.monotonic() - known.atMs <= LONGEST_WINDOW_MS;
      const before = isRecent ? known : await this.#readOnce(node);
      if (!isRecent) await delay(this.env, PAIR_MS);
      const after = await this.#readOnce(node);
      Object.assign(state, { before, after, failedAtMs: undefined });
    } catch (error) {
      this.#log.warn("a node does not tell what it uses", { node: node.metadata.name, error: String(error) });
      Object.assign(state, { before: undefined, after: undefined, failedAtMs: this.env.clock.monotonic() });
    }
  }

  async #readOnce(node: Node): Promise<Timed> {
    const abort = new AbortController();
    const timer = this.env.clock.setTimeout(() => abort.abort(new Error(`no answer in ${TIMEOUT_MS / 1000} seconds`)), TIMEOUT_MS);
    try {
      const text = await aborted(abort.signal, this.#ask(node, abort.signal));
      return { reading: parseResourceMetrics(text, this.env.clock.now()), atMs: this.env.clock.monotonic() };
    } finally {
      timer.cancel();
    }
  }

  async #ask(node: Node, abort: AbortSignal): Promise<string> {
    const { status, body } = await this.connector.kubelet(node).request({ method: "GET", target: "/metrics/resource", headers: {}, abort });
    const text = await readAll(body);
    if (status !== 200) throw new Error(`the kubelet answered ${status}: ${text.slice(0, 200)}`);
    return text;
  }
}

/** Ends the wait with the signal, whatever becomes of `work`. */
function aborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

async function readAll(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length <= LARGEST_ANSWER) continue;
    await reader.cancel();
    throw new Error("the kubelet tells too much");
  }
  return text + decoder.decode();
}
