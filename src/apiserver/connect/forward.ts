// Passes a request on to a backend and its answer back: headers that belong to one connection stay with it, redirects are
// rewritten so that they lead through the proxy again.
import { badRequestError, conflictError, forbiddenError, internalServerError, StatusError, serviceUnavailableError } from "../../api/index.ts";
import { type ApiRequest, type ApiResponse, header, streamBody } from "../http/message.ts";
import type { Backend, BackendResponse, HeaderValues, UpgradeResponse } from "../node-connector.ts";

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...["connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding"],
  ...["upgrade", "http2-settings", "content-length"],
]);
/** The client's credentials are this server's business, not the backend's. */
const PRIVATE: RegExp = /^(?:authorization|impersonate-.*|:.*)$/;
const BEARER_PROTOCOL = /^base64url\.bearer\.authorization\.k8s\.io\./;

export function isUpgrade(request: ApiRequest): boolean {
  return /(?:^|[\s,])upgrade(?:$|[\s,])/i.test(header(request, "connection")) && header(request, "upgrade") !== "";
}

export interface Forwarding {
  /** Path and query at the backend. */
  readonly target: string;
  readonly headers?: HeaderValues;
  /** What is done to an ordinary answer before it is passed back. */
  readonly change?: (answer: BackendResponse) => BackendResponse;
}

/** A request for the backend's `target`. The connection is handed over when the client asks for an upgrade. */
export async function forward(request: ApiRequest, backend: Backend, { target, headers: more, change }: Forwarding): Promise<ApiResponse> {
  const passed = { method: request.method, target, headers: { ...passedHeaders(request), ...more }, abort: request.abort };
  if (!isUpgrade(request)) {
    const body = request.method === "GET" || request.method === "HEAD" ? undefined : request.bodyStream();
    const answer = await reach(() => backend.request({ ...passed, body }));
    return passBack(change === undefined || request.method === "HEAD" ? answer : change(answer));
  }
  const headers = { ...passed.headers, connection: "Upgrade", upgrade: header(request, "upgrade") };
  return upgradeResponse(await reach(() => backend.upgrade({ ...passed, headers })));
}

export function upgradeResponse(answer: UpgradeResponse): ApiResponse {
  if (!answer.upgraded) return passBack(answer.response);
  return { status: 101, headers: answer.headers, body: { type: "upgrade", streams: answer.streams } };
}

/** Throws ServiceUnavailable when nobody answers. */
async function reach<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw serviceUnavailableError(`error trying to reach service: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function passBack({ status, headers, body }: BackendResponse): ApiResponse {
  const kept = Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) || name === "content-length");
  return { status, headers: Object.fromEntries(kept), body: streamBody(body) };
}

function passedHeaders(request: ApiRequest): HeaderValues {
  const passed: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && !PRIVATE.test(name)) passed[name] = value;
  }
  const protocols = header(request, "sec-websocket-protocol");
  if (protocols !== "") {
    const open = protocols.split(",").map((protocol) => protocol.trim());
    passed["sec-websocket-protocol"] = open.filter((protocol) => !BEARER_PROTOCOL.test(protocol)).join(", ");
  }
  return passed;
}

/** The answer of a kubelet to a request for logs, which tells failures as plain text. */
export async function kubeletFailure(response: BackendResponse, pod: string): Promise<StatusError> {
  const text = (await readText(response.body)).trim();
  const of = { group: "", resource: "pods" };
  switch (response.status) {
    case 400:
      return badRequestError(text);
    case 403:
      return forbiddenError(of, pod, text);
    case 404:
      return new StatusError({ reason: "NotFound", code: 404, message: text });
    case 409:
      return conflictError(of, pod, text);
    default:
      return internalServerError(text);
  }
}

const MAX_FAILURE_BYTES = 64 * 1024;

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let read = await reader.read(); !read.done && text.length < MAX_FAILURE_BYTES; read = await reader.read())
    text += decoder.decode(read.value, { stream: true });
  await reader.cancel();
  return text + decoder.decode();
}

/** A link as it must read for a client on this side of the proxy at `prefix`; one that leads elsewhere stays. */
export function rewriteLocation(location: string, prefix: string, origin: string): string {
  const isWhole = /^[a-z][a-z0-9+.-]*:|^\/\//i.test(location);
  if (isWhole && !(origin !== "" && location.startsWith(`${origin}/`))) return location;
  const path = isWhole ? location.slice(origin.length) : location;
  return path.startsWith("/") && !path.startsWith(prefix) ? prefix + path : path;
}
