// Requests and responses as the handlers see them: HTTP without a transport. The listener (listener.host.ts) makes them of
// sockets, tests make them of nothing.
import type { ByteStreams, HeaderValues } from "../node-connector.ts";
import type { Credentials } from "../user.ts";

export interface ApiRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** What the connection proves; the bearer token is read from the headers. */
  readonly clientCertificate?: Credentials["clientCertificate"];
  /** The whole body. Rejects with RequestEntityTooLarge beyond the limit. */
  body(): Promise<Uint8Array>;
  /** The body as it comes, for requests that are passed on. Either this or `body` is used, once. */
  bodyStream(): ReadableStream<Uint8Array>;
  /** Aborts when the client goes away. */
  readonly abort: AbortSignal;
}

/** Where a streaming response is written. */
export interface ResponseSink {
  /** False: the client is slower; wait for `drained`. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** Breaks the response off, so that the client does not take it for whole. */
  fail(): void;
}
/** Who writes it. */
export interface StreamWriter {
  drained(): void;
  /** The client is gone, or the server is shutting down. */
  closed(): void;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: HeaderValues;
  readonly body: ResponseBody;
}
export type ResponseBody =
  | { readonly type: "bytes"; readonly chunks: readonly Uint8Array[] }
  | { readonly type: "stream"; readonly open: (sink: ResponseSink) => StreamWriter }
  /** The status is 101: from here on the bytes are passed on as they are. */
  | { readonly type: "upgrade"; readonly streams: ByteStreams };

export type Handler = (request: ApiRequest) => Promise<ApiResponse>;

export function bytesBody(...chunks: Uint8Array[]): ResponseBody {
  return { type: "bytes", chunks };
}

const encoder = new TextEncoder();

export function textResponse(status: number, text: string, contentType = "text/plain; charset=utf-8"): ApiResponse {
  return { status, headers: { "content-type": contentType, "x-content-type-options": "nosniff" }, body: bytesBody(encoder.encode(text)) };
}

/** One value of a header; the first of several. */
export function header(request: Pick<ApiRequest, "headers">, name: string): string {
  const value = request.headers[name];
  return (typeof value === "string" ? value : value?.[0]) ?? "";
}

/** Passes a Web stream on, at the client's pace. */
export function streamBody(stream: ReadableStream<Uint8Array>): ResponseBody {
  return {
    type: "stream",
    open(sink) {
      const reader = stream.getReader();
      let resume: (() => void) | undefined;
      let closed = false;
      const pump = async (): Promise<void> => {
        for (;;) {
          const { done, value } = await reader.read();
          if (closed) return;
          if (done) return sink.end();
          if (!sink.write(value)) await new Promise<void>((resolve) => (resume = resolve));
        }
      };
      pump().catch(() => sink.fail());
      return {
        drained: () => resume?.(),
        closed() {
          closed = true;
          resume?.();
          reader.cancel().catch(() => undefined);
        },
      };
    },
  };
}
