// What is said of a call that failed, in the words that clients know from upstream: of a connection that does not come about, and
// of an answer that is none of a webhook. Pure.
import { type Status, StatusError } from "../../api/index.ts";

const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
]);
const NOT_CONNECTED: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};
const NO_SUCH_HOST: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN"]);

/** Errors of sockets and of TLS carry a code and what it is about. */
interface ConnectionError extends Error {
  readonly code?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  readonly hostname?: unknown;
  readonly reason?: unknown;
}

export function connectionFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address, port, hostname, reason, message }: ConnectionError = error;
  if (typeof code !== "string") return message;
  const refused = NOT_CONNECTED[code];
  if (refused !== undefined) return `dial tcp ${addressText(String(address), String(port))}: connect: ${refused}`;
  if (NO_SUCH_HOST.has(code)) return `dial tcp: lookup ${String(hostname)}: no such host`;
  if (UNKNOWN_AUTHORITY.has(code)) return "tls: failed to verify certificate: x509: certificate signed by unknown authority";
  if (code === "CERT_HAS_EXPIRED") return "tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return `tls: failed to verify certificate: x509: ${String(reason ?? message)}`;
  return message;
}

function addressText(address: string, port: string): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const BY_CODE: Readonly<Record<number, string>> = {
  400: "the server rejected our request for an unknown reason",
  401: "the server has asked for the client to provide credentials",
  404: "the server could not find the requested resource",
  405: "the server does not allow this method on the requested resource",
  409: "the server reported a conflict",
  415: "the server was unable to respond with a content type that the client supports",
  422: "the server rejected our request due to an error in our request",
  429: "the server has received too many requests and has asked us to try again later",
  503: "the server is currently unable to handle the request",
  504: "the server was unable to return a response in the time allotted, but may still be processing the request",
};

/** The failure that an answer outside of 200 to 299 stands for: its own `Status`, or what its code tells. */
export function answeredFailure(code: number, text: string): StatusError {
  const status = statusIn(text);
  if (status !== undefined) return StatusError.fromStatus({ ...status, code: status.code ?? code });
  const shown = text.trim() === "" ? "unknown" : text.trim();
  const message =
    BY_CODE[code] ??
    (code === 403 ? shown : code >= 500 ? `an error on the server (${JSON.stringify(shown)}) has prevented the request from succeeding` : undefined) ??
    `the server responded with the status code ${code} but did not return more information`;
  return new StatusError({ reason: "Unknown", code, message });
}

function statusIn(text: string): Status | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Status> | null;
    return value?.kind === "Status" && value.apiVersion === "v1" ? (value as Status) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
