// An API server for tests: virtual time, memory store, and requests without sockets.
import { createVirtualEnv, type Env, type VirtualClock } from "../base/index.ts";
import type { Client } from "../client/index.ts";
import { createMemoryStore, type Store } from "../store/index.ts";
import type { ApiRequest, ApiResponse } from "./http/message.ts";
import type { ApiServerOptions } from "./options.ts";
import { type ApiServer, createApiServer } from "./server.ts";

export const ADMIN_TOKEN = "admin-token";
export const USER_TOKEN = "user-token";
const ADMIN = { name: "admin", uid: "1", groups: ["system:masters", "system:authenticated"] };
const USER = { name: "jane", uid: "2", groups: ["system:authenticated"] };

export interface TestServer {
  readonly env: Env;
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly server: ApiServer;
  /** As a superuser. */
  readonly client: Client;
  /** Sends a request without a socket; by default as a superuser. An object as body goes as JSON. */
  request(method: string, target: string, options?: TestRequest): Promise<TestResponse>;
}

export interface TestRequest {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
}

export interface TestResponse {
  readonly status: number;
  readonly headers: ApiResponse["headers"];
  readonly text: string;
  /** The body as JSON. */
  json<T = Record<string, unknown>>(): T;
  /** What a streamed body held so far, line by line. */
  lines<T = Record<string, unknown>>(): T[];
  readonly isEnded: () => boolean;
  readonly stop: () => void;
}

export async function startTestServer(options: Partial<ApiServerOptions> = {}): Promise<TestServer> {
  const { env, clock } = createVirtualEnv();
  const store = createMemoryStore(env);
  const staticTokens = new Map([
    [ADMIN_TOKEN, ADMIN],
    [USER_TOKEN, USER],
  ]);
  const server = createApiServer(env, { store, staticTokens, ...options });
  await server.start();
  const request: TestServer["request"] = async (method, target, sent = {}) => readResponse(await server.handler(testRequest(method, target, sent)));
  return { env, clock, store, server, client: server.localClient(ADMIN), request };
}

function testRequest(method: string, target: string, { body, headers = {}, token = ADMIN_TOKEN }: TestRequest): ApiRequest {
  const bytes = bodyBytes(body);
  const authorization: Record<string, string> = token === "" ? {} : { authorization: `Bearer ${token}` };
  return {
    method,
    target,
    headers: { ...authorization, ...(bytes.length > 0 ? { "content-type": "application/json" } : {}), ...headers },
    body: async () => bytes,
    bodyStream: () => new Blob([bytes as BlobPart]).stream() as ReadableStream<Uint8Array>,
    abort: new AbortController().signal,
  };
}

function bodyBytes(body: unknown): Uint8Array {
  if (body === undefined) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

function readResponse({ status, headers, body }: ApiResponse): TestResponse {
  const decoder = new TextDecoder();
  const state = { text: "", ended: false, stop: (): void => undefined };
  if (body.type === "bytes") state.text = body.chunks.map((chunk) => decoder.decode(chunk)).join("");
  if (body.type === "stream") {
    const writer = body.open({
      write: (chunk) => {
        state.text += decoder.decode(chunk);
        return true;
      },
      end: () => {
        state.ended = true;
      },
      fail: () => {
        state.ended = true;
      },
    });
    state.stop = () => writer.closed();
  }
  return {
    status,
    headers,
    get text() {
      return state.text;
    },
    json: <T>() => JSON.parse(state.text) as T,
    lines: <T>() =>
      state.text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as T),
    isEnded: () => state.ended,
    stop: state.stop,
  };
}
