// The Client over HTTPS: JSON on HTTP/2, watches as streams of newline-delimited events. Failures of the connection are
// rejected as ServiceUnavailable, so that callers retry them as they retry a server that says so.
import type { ClientHttp2Stream } from "node:http2";
import { type JsonValue, type Kind, type KubeObject, type Status, StatusError, serviceUnavailableError } from "../api/index.ts";
import type { Counter, Env, Labels } from "../base/index.ts";
import type { Client, ListResult, Patch, Watch, WatchHandler, WatchOptions } from "./client.ts";
import { Http2Sessions, type ServerAddress } from "./http2-sessions.host.ts";
import { collectionPath, getQuery, listQuery, objectPath, watchQuery, writeQuery } from "./request-path.ts";

export interface HttpsClientOptions extends ServerAddress {
  /** A bearer token, or where to get the present one. */
  readonly token?: string | (() => string);
  readonly userAgent?: string;
}

export interface HttpsClient extends Client {
  /** Ends all requests and watches. */
  close(): void;
}

export function createHttpsClient(env: Env, options: HttpsClientOptions): HttpsClient {
  return new Http2Client(env, options);
}

const REQUEST_TIMEOUT_MS = 60_000;
const PATCH_TYPES: Readonly<Record<Patch["type"], string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

interface WireList {
  readonly items?: readonly Partial<KubeObject>[] | null;
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number };
}
interface WireEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject | Status;
}
interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

class Http2Client implements HttpsClient {
  private readonly sessions: Http2Sessions;
  private readonly basePath: string;
  private readonly answers: Counter;
  private readonly host: string;
  /** Labels by method and code. */
  private readonly labels = new Map<string, Labels>();

  constructor(
    private readonly env: Env,
    private readonly options: HttpsClientOptions,
  ) {
    this.sessions = new Http2Sessions(env, options);
    const { pathname, host } = new URL(options.server);
    this.basePath = pathname.replace(/\/$/, "");
    this.host = host;
    this.answers = env.metrics.counter("rest_client_requests_total", "Number of HTTP requests, partitioned by status code, method, and host.");
  }

  private count(method: string, code: number): void {
    const key = `${method} ${code}`;
    const labels = this.labels.get(key) ?? { code: code === 0 ? "<error>" : String(code), host: this.host, method };
    this.labels.set(key, labels);
    this.answers.add(1, labels);
  }

  get: Client["get"] = (kind, of, options = {}) => {
    return this.send({ method: "GET", path: `${objectPath(kind, of, options.subresource)}${getQuery(options)}` });
  };

  list: Client["list"] = async <T extends KubeObject>(kind: Kind<T>, options = {}): Promise<ListResult<T>> => {
    const { namespace } = options as { namespace?: string };
    const list = await this.send<WireList>({ method: "GET", path: `${collectionPath(kind, namespace)}${listQuery(options)}` });
    const { resourceVersion = "", remainingItemCount } = list.metadata;
    // The items of a list go without their type.
    const items = (list.items ?? []).map((item) => ({ apiVersion: kind.apiVersion, kind: kind.kind, ...item }) as unknown as T);
    const next = list.metadata.continue === "" ? undefined : list.metadata.continue;
    return { items, resourceVersion, ...(next === undefined ? {} : { continue: next }), ...(remainingItemCount === undefined ? {} : { remainingItemCount }) };
  };

  create: Client["create"] = (kind, object, options = {}) => {
    const { namespace, name } = object.metadata;
    const path = options.subresource === undefined ? collectionPath(kind, namespace) : objectPath(kind, { name, namespace }, options.subresource);
    return this.send({ method: "POST", path: `${path}${writeQuery(options)}`, body: object });
  };

  createSubresource: Client["createSubresource"] = (kind, of, subresource, body) =>
    this.send({ method: "POST", path: objectPath(kind, of, subresource), body });

  update: Client["update"] = (kind, object, options = {}) => {
    const path = objectPath(kind, object.metadata, options.subresource);
    return this.send({ method: "PUT", path: `${path}${writeQuery(options)}`, body: object });
  };

  patch: Client["patch"] = (kind, of, patch, options = {}) => {
    const query = writeQuery(options, patch.type === "apply" ? patch.force : undefined);
    const path = `${objectPath(kind, of, options.subresource)}${query}`;
    return this.send({ method: "PATCH", path, body: patch.body, contentType: PATCH_TYPES[patch.type] });
  };

  delete: Client["delete"] = async (kind, of, options = {}) => {
    await this.send({ method: "DELETE", path: objectPath(kind, of), body: deleteOptions(options) });
  };

  deleteCollection: Client["deleteCollection"] = async (kind, list, options = {}) => {
    const path = `${collectionPath(kind, list.namespace)}${listQuery(list)}`;
    await this.send({ method: "DELETE", path, body: deleteOptions(options) });
  };

  watch: Client["watch"] = <T extends KubeObject>(kind: Kind<T>, options: WatchOptions, handler: WatchHandler<T>): Watch => {
    const path = `${collectionPath(kind, options.namespace)}${watchQuery(options)}`;
    let stream: ClientHttp2Stream;
    try {
      stream = this.open({ method: "GET", path });
      stream.end();
    } catch (error) {
      const failure = asStatusError(error);
      queueMicrotask(() => handler.ended(failure));
      return { stop: () => undefined };
    }
    return followWatch(stream, handler);
  };

  close(): void {
    this.sessions.close();
  }

  private open(request: Request): ClientHttp2Stream {
    const { token, userAgent = "kubets/v1.36" } = this.options;
    const bearer = typeof token === "function" ? token() : token;
    return this.sessions.request({
      ":method": request.method,
      ":path": `${this.basePath}${request.path}`,
      accept: "application/json",
      "user-agent": userAgent,
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
    });
  }

  private send<R>(request: Request): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      let stream: ClientHttp2Stream;
      try {
        stream = this.open(request);
      } catch (error) {
        reject(asStatusError(error));
        return;
      }
      const timeout = this.env.clock.setTimeout(() => stream.destroy(new Error("the API server did not answer in time")), REQUEST_TIMEOUT_MS);
      let code = 0;
      const chunks: Uint8Array[] = [];
      stream.on("response", (headers) => {
        code = Number(headers[":status"] ?? 0);
      });
      stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      stream.on("error", (error) => reject(asStatusError(error)));
      stream.on("close", () => {
        timeout.cancel();
        this.count(request.method, code);
        if (code === 0) {
          reject(serviceUnavailableError("the connection to the API server was lost"));
          return;
        }
        try {
          resolve(readAnswer<R>(code, Buffer.concat(chunks).toString("utf8")));
        } catch (error) {
          reject(asStatusError(error));
        }
      });
      if (request.body === undefined) stream.end();
      else stream.end(JSON.stringify(request.body));
    });
  }
}

function deleteOptions(options: object): JsonValue | undefined {
  return Object.keys(options).length === 0 ? undefined : { kind: "DeleteOptions", apiVersion: "v1", ...(options as Record<string, JsonValue>) };
}

function readAnswer<R>(code: number, text: string): R {
  if (code >= 200 && code < 300) return JSON.parse(text) as R;
  throw statusErrorOf(code, text);
}

/** The server's Status, or one made up for an answer of something else on the way. */
function statusErrorOf(code: number, text: string): StatusError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === "Status") return StatusError.fromStatus(status);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new StatusError({ reason: code === 503 ? "ServiceUnavailable" : "Unknown", code, message: text.slice(0, 1024) || `the server answered ${code}` });
}

function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  return serviceUnavailableError(error instanceof Error ? error.message : String(error));
}

/** Hands the events of a stream to `handler` until either side ends it. */
function followWatch<T extends KubeObject>(stream: ClientHttp2Stream, handler: WatchHandler<T>): Watch {
  let over = false;
  let code = 0;
  let rest = "";
  const decoder = new TextDecoder();
  const end = (error: StatusError | undefined): void => {
    if (over) return;
    over = true;
    stream.destroy();
    handler.ended(error);
  };
  const line = (text: string): void => {
    if (over || text.trim() === "") return;
    const event = JSON.parse(text) as WireEvent;
    if (event.type === "ERROR") {
      end(StatusError.fromStatus(event.object as Status));
      return;
    }
    const object = event.object as KubeObject;
    if (event.type === "BOOKMARK") {
      const initialEventsEnd = object.metadata.annotations?.["k8s.io/initial-events-end"] === "true";
      handler.event({ type: "BOOKMARK", resourceVersion: object.metadata.resourceVersion ?? "", initialEventsEnd });
    } else handler.event({ type: event.type, object: object as T });
  };
  stream.on("response", (headers) => {
    code = Number(headers[":status"] ?? 0);
  });
  stream.on("data", (chunk: Uint8Array) => {
    rest += decoder.decode(chunk, { stream: true });
    if (code !== 200) return;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    try {
      for (const text of lines) line(text);
    } catch (error) {
      end(asStatusError(error));
    }
  });
  stream.on("error", (error) => end(asStatusError(error)));
  stream.on("close", () => {
    if (code === 200) end(undefined);
    else end(code === 0 ? serviceUnavailableError("the connection to the API server was lost") : statusErrorOf(code, rest));
  });
  return {
    stop: () => end(undefined),
  };
}
