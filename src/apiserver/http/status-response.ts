// Failures as responses: `Status` objects with the headers that clients read.
import { internalServerError, type Status, StatusError } from "../../api/index.ts";
import type { Logger } from "../../base/index.ts";
import { type ApiResponse, bytesBody } from "./message.ts";

const encoder = new TextEncoder();

/** The API failure that an error stands for; anything unforeseen is an internal error, and logged. */
export function statusOf(error: unknown, log: Logger, what: string): Status {
  if (error instanceof StatusError) {
    const { continueToken } = error as StatusError & { readonly continueToken?: string };
    return continueToken === undefined ? error.status : { ...error.status, metadata: { continue: continueToken } };
  }
  const text = error instanceof Error ? error.message : String(error);
  log.error("a request failed", { request: what, error: text, stack: error instanceof Error ? error.stack : undefined });
  return internalServerError(text).status;
}

/** Texts for the client's Warning headers (RFC 7234, section 5.5). */
export function warningHeader(warnings: readonly string[]): readonly string[] {
  return warnings.map((text) => `299 - ${quoted(text)}`);
}

/** A text as a quoted-string of RFC 7230; what no header can hold is left out. */
function quoted(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, "\\$&").replaceAll(/[^\t\x20-\x7e]/g, " ")}"`;
}

export function statusResponse(status: Status, pretty = false): ApiResponse {
  const seconds = status.details?.retryAfterSeconds;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (seconds !== undefined && seconds > 0) headers["retry-after"] = String(seconds);
  return { status: status.code ?? 500, headers, body: bytesBody(encoder.encode(`${JSON.stringify(status, undefined, pretty ? 2 : undefined)}\n`)) };
}
