// The port by which the server reaches what runs in the cluster: the kubelets of nodes (logs, exec, attach, port-forward,
// node proxy), addresses of pods and services for the proxy subresources, and webhooks. Streams are the Web's, so that an embedded
// cluster can answer without sockets; node-connector.host.ts speaks HTTPS.
import type { Node } from "../api/index.ts";

export type HeaderValues = Readonly<Record<string, string | readonly string[]>>;

export interface BackendRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: HeaderValues;
  readonly body?: ReadableStream<Uint8Array> | Uint8Array;
  readonly abort: AbortSignal;
}

export interface BackendResponse {
  readonly status: number;
  readonly headers: HeaderValues;
  readonly body: ReadableStream<Uint8Array>;
}

/** Both directions of a connection that left HTTP behind. */
export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** The answer to a request for an upgrade: accepted (101), or an ordinary response. */
export type UpgradeResponse =
  | { readonly upgraded: true; readonly headers: HeaderValues; readonly streams: ByteStreams }
  | { readonly upgraded: false; readonly response: BackendResponse };

/** Something that answers HTTP. Both methods reject when it cannot be reached. */
export interface Backend {
  request(request: BackendRequest): Promise<BackendResponse>;
  upgrade(request: BackendRequest): Promise<UpgradeResponse>;
}

/** A server that proves who it is. */
export interface VerifiedServer {
  /** The name or address that is dialled. */
  readonly host: string;
  readonly port: number;
  /** The name that its certificate is for. */
  readonly serverName: string;
  /** PEM certificates that may have signed its certificate; absent: those that the world trusts. */
  readonly authorities?: string;
}

export interface NodeConnector {
  /** The kubelet of a node. With `isUnverified` its certificate is not looked at. */
  kubelet(node: Node, isUnverified?: boolean): Backend;
  /** A pod or service endpoint. Certificates of `https` backends are not verified, as for upstream's proxy. */
  endpoint(scheme: "http" | "https", host: string, port: number): Backend;
  /** A webhook. It may be outside of the cluster. */
  server(server: VerifiedServer): Backend;
}
