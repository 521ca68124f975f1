// HTTP/2 connections to one API server: opened when needed, shared by requests and watches, replaced when they break. A silent
// connection is pinged, so that a server that vanished is noticed within 45 seconds.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import { serviceUnavailableError } from "../api/index.ts";
import type { Env, Timer } from "../base/index.ts";

export interface ServerAddress {
  /** `https://host:port` */
  readonly server: string;
  /** The CAs that may have signed the server's certificate. Absent: the system's. */
  readonly caPem?: string;
  readonly clientCertPem?: string;
  readonly clientKeyPem?: string;
  /** The name to verify instead of the host's. */
  readonly serverName?: string;
  readonly insecureSkipTlsVerify?: boolean;
}

/** Servers commonly allow 250 streams a connection or fewer. */
const STREAMS_PER_SESSION = 90;
const PING_AFTER_MS = 30_000;
const PING_TIMEOUT_MS = 15_000;

interface Session {
  readonly http2: ClientHttp2Session;
  streams: number;
  lastHeardMs: number;
  keepalive: Timer;
}

export class Http2Sessions {
  private readonly sessions = new Set<Session>();
  private closed = false;

  constructor(
    private readonly env: Env,
    private readonly address: ServerAddress,
  ) {}

  /** A new stream. Connection errors surface on the stream. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    if (this.closed) throw serviceUnavailableError("the client is closed");
    const session = [...this.sessions].find(({ http2, streams }) => !http2.closed && !http2.destroyed && streams < STREAMS_PER_SESSION) ?? this.open();
    const stream = session.http2.request(headers, { endStream: false });
    session.streams++;
    stream.on("data", () => {
      session.lastHeardMs = this.env.clock.monotonic();
    });
    stream.on("close", () => {
      session.streams--;
    });
    return stream;
  }

  close(): void {
    this.closed = true;
    for (const session of this.sessions) session.http2.destroy();
  }

  private open(): Session {
    const { server, caPem, clientCertPem, clientKeyPem, serverName, insecureSkipTlsVerify } = this.address;
    const http2 = connect(server, {
      ...(caPem === undefined ? {} : { ca: caPem }),
      ...(clientCertPem === undefined ? {} : { cert: clientCertPem, key: clientKeyPem }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      rejectUnauthorized: insecureSkipTlsVerify !== true,
    });
    const session: Session = { http2, streams: 0, lastHeardMs: this.env.clock.monotonic(), keepalive: { cancel: () => undefined } };
    const drop = (): void => {
      session.keepalive.cancel();
      this.sessions.delete(session);
    };
    // The error itself reaches every stream of the session; here it only ends the session.
    http2.on("error", drop);
    // A server that says goodbye closes the session once its streams have ended; until then it is watched over, and kept for `close`.
    http2.on("close", drop);
    this.sessions.add(session);
    this.watchOver(session);
    return session;
  }

  private watchOver(session: Session): void {
    session.keepalive = this.env.clock.setTimeout(() => {
      if (session.http2.destroyed) return;
      if (this.env.clock.monotonic() - session.lastHeardMs < PING_AFTER_MS) {
        this.watchOver(session);
        return;
      }
      const silent = this.env.clock.setTimeout(() => session.http2.destroy(new Error("the API server does not answer pings")), PING_TIMEOUT_MS);
      session.keepalive = silent;
      session.http2.ping((error) => {
        silent.cancel();
        if (error === null && !session.http2.destroyed) this.watchOver(session);
      });
    }, PING_AFTER_MS);
  }
}
