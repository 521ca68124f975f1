// The token by which a client asks for the next page of a list: the revision that all pages show, and where the page
// begins. Its form is upstream's, so that a client may change servers between pages.
import { badRequestError } from "../../api/index.ts";

export interface ContinueToken {
  /** -1: the newest state, after the pages' own revision was compacted away. */
  readonly revision: number;
  /** The key behind the last object sent, relative to the list's prefix; what is smaller was sent. */
  readonly start: string;
}

export function encodeContinueToken({ revision, start }: ContinueToken): string {
  return btoa(JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start }))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

const BASE64URL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$/;

/** Throws a BadRequest. */
export function decodeContinueToken(text: string): ContinueToken {
  const token = parse(text);
  const { v, rv, start } = token;
  if (v !== "meta.k8s.io/v1") throw badRequestError("invalid continue token: continue key is not valid: server does not recognize this encoded version");
  if (typeof rv !== "number" || !Number.isSafeInteger(rv) || rv === 0)
    throw badRequestError("invalid continue token: continue key is not valid: incorrect encoded start resourceVersion");
  if (typeof start !== "string" || start === "") throw badRequestError("invalid continue token: continue key is not valid: encoded start key empty");
  if (start.split("/").includes("..")) throw badRequestError(`invalid continue token: continue key is not valid: ${start}`);
  return { revision: rv, start };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  const wellFormed = /^(?:[A-Za-z0-9_-]{4})*/.exec(text)?.[0].length ?? 0;
  if (!BASE64URL.test(text)) throw badRequestError(`invalid continue token: continue key is not valid: illegal base64 data at input byte ${wellFormed}`);
  try {
    const value: unknown = JSON.parse(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw badRequestError(`invalid continue token: continue key is not valid: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw badRequestError("invalid continue token: continue key is not valid: no object");
}
