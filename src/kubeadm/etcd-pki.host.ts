// The credentials of etcd's API, as kubeadm lays them out (https://kubernetes.io/docs/setup/best-practices/certificates/): an authority of
// its own below `pki/etcd`, so that no certificate of the cluster opens the store.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../base/index.ts";
import { readIfThere, replaceFile } from "./files.host.ts";
import { authority, type CertificatePair, type LeafContents, leaf, pairOf } from "./pki.ts";

export interface EtcdPki {
  readonly ca: CertificatePair;
  readonly server: CertificatePair;
}

const CLIENT: LeafContents = { subject: { commonName: "kube-etcd-healthcheck-client", organizations: [] }, usages: ["clientAuth"] };

/** Reads what is in `folder`'s `pki/etcd`, and makes and replaces what is missing, broken or about to end. The server's is for loopback. */
export async function ensureEtcdPki(env: Env, { folder, nodeName }: { readonly folder: string; readonly nodeName: string }): Promise<EtcdPki> {
  const place = join(folder, "pki", "etcd");
  await mkdir(place, { recursive: true, mode: 0o700 });
  const issuer = await authority(env, "etcd-ca", await readPair(place, "ca"));
  const ca = await pairOf(issuer);
  const ensured = async (name: string, contents: LeafContents): Promise<CertificatePair> => {
    const pair = await leaf(env, issuer, contents, await readPair(place, name));
    await writePair(place, name, pair);
    return pair;
  };
  const server: LeafContents = {
    subject: { commonName: nodeName, organizations: [] },
    usages: ["serverAuth", "clientAuth"],
    alternativeNames: { dnsNames: [nodeName, "localhost"], ipAddresses: ["127.0.0.1", "::1"] },
  };
  const [made] = await Promise.all([ensured("server", server), ensured("healthcheck-client", CLIENT), writePair(place, "ca", ca)]);
  return { ca, server: made };
}

async function readPair(place: string, name: string): Promise<CertificatePair | undefined> {
  const [certificate, key] = await Promise.all([readIfThere(join(place, `${name}.crt`)), readIfThere(join(place, `${name}.key`))]);
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

async function writePair(place: string, name: string, pair: CertificatePair): Promise<void> {
  const [certificate, key] = [join(place, `${name}.crt`), join(place, `${name}.key`)];
  if ((await readIfThere(certificate)) === pair.certificate) return;
  await Promise.all([replaceFile(key, pair.key, 0o600), replaceFile(certificate, pair.certificate, 0o644)]);
}
