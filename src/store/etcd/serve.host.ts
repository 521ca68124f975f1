// The store on the network as etcd is: one or more URLs, in plain text or with TLS and client certificates.
import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import type { Env } from "../../base/index.ts";
import type { Store } from "../store.ts";
import { type AutoCompaction, startAutoCompaction } from "./auto-compaction.ts";
import { createEtcdFace, type EtcdFaceOptions } from "./face.ts";
import { createGrpcServer, type GrpcServer } from "./grpc-server.host.ts";

/** etcd's --max-request-bytes, and what a message has beside. */
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;
const OVERHEAD_BYTES = 512 * 1024;

export interface ServeEtcdOptions extends EtcdFaceOptions {
  /** Of scheme `http` or `https`; port 0 is any free one. */
  readonly listenUrls: readonly URL[];
  /** Absent: only what clients ask for is compacted. */
  readonly autoCompaction?: AutoCompaction;
  /** PEM; needed for `https` URLs. */
  readonly tls?: {
    readonly certificate: string;
    readonly privateKey: string;
    /** Certificates that vouch for clients. Present: every client must show one. */
    readonly clientAuthorities?: string;
  };
}

export interface EtcdServing {
  /** In the order of the URLs. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

/** Rejects when an address can't be listened on, or is to be secret and there is no `tls`. */
export async function serveEtcd(env: Env, store: Store, options: ServeEtcdOptions): Promise<EtcdServing> {
  const { listenUrls, tls, autoCompaction, ...faceOptions } = options;
  const face = createEtcdFace(env, store, { ...faceOptions, createDigest });
  const log = env.log.child("etcd");
  const secure = tls && {
    cert: tls.certificate,
    key: tls.privateKey,
    minVersion: "TLSv1.2" as const,
    ...(tls.clientAuthorities === undefined ? {} : { ca: tls.clientAuthorities, requestCert: true, rejectUnauthorized: true }),
  };
  const servers: GrpcServer[] = [];
  const ports: number[] = [];
  const close = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.close())));
  try {
    for (const url of listenUrls) {
      const encrypted = url.protocol === "https:";
      if (encrypted && secure === undefined) throw new Error(`${url.origin} needs a certificate and its key`);
      const own = encrypted && secure !== undefined ? { tls: secure } : {};
      const server = createGrpcServer({ face, log, maxRequestBytes: MAX_REQUEST_BYTES + OVERHEAD_BYTES, ...own });
      ports.push(await listenOn(server, url));
      servers.push(server);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const stopCompaction = autoCompaction === undefined ? undefined : startAutoCompaction(env, store, autoCompaction);
  return {
    ports,
    close: () => {
      stopCompaction?.();
      return close();
    },
  };
}

function listenOn({ sockets }: GrpcServer, { hostname, port }: URL): Promise<number> {
  return new Promise((resolve, reject) => {
    sockets.once("error", reject);
    sockets.listen(Number(port), hostname.replace(/^\[|\]$/g, ""), () => {
      sockets.off("error", reject);
      resolve((sockets.address() as AddressInfo).port);
    });
  });
}

function createDigest() {
  const hash = createHash("sha256");
  return {
    update: (bytes: Uint8Array): void => void hash.update(bytes),
    finish: (): Uint8Array => hash.digest(),
  };
}
