// The cluster's store for etcd's tools (`kubets start --etcd-port`): on loopback alone, for those who can read `pki/etcd`.
import type { Env } from "../base/index.ts";
import { ensureEtcdPki } from "../kubeadm/index.host.ts";
import { type EtcdServing, serveEtcd } from "../store/index.host.ts";
import type { Store } from "../store/index.ts";
import { onFreePort } from "./free-port.host.ts";

interface EtcdFaceParts {
  readonly store: Store;
  /** Holds `pki/`. */
  readonly folder: string;
  readonly nodeName: string;
  readonly port: number;
}

export async function startEtcdFace(env: Env, { store, folder, nodeName, port }: EtcdFaceParts): Promise<EtcdServing> {
  const { ca, server } = await ensureEtcdPki(env, { folder, nodeName });
  const url = new URL(`https://127.0.0.1:${port}`);
  return onFreePort(port, "etcd's API; choose another with --etcd-port", () =>
    serveEtcd(env, store, {
      name: nodeName,
      clientUrls: [url.origin],
      listenUrls: [url],
      tls: { certificate: server.certificate, privateKey: server.key, clientAuthorities: ca.certificate },
    }),
  );
}
