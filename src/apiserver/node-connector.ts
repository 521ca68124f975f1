// The port by which the server reaches what runs in the cluster: the kubelets of nodes (logs, exec, attach, port-forward,
// node proxy) and, for the proxy subresources, addresses of pods and services. Streams are the Web's, so that an embedded
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

export interface NodeConnector {
  /** The kubelet of a node. With `isUnverified` its certificate is not looked at. */
  kubelet(node: Node, isUnverified?: boolean): Backend;
  /** A pod or service endpoint. Certificates of `https` backends are not verified, as for upstream's proxy. */
  endpoint(scheme: "http" | "https", host: string, port: number): Backend;
}
