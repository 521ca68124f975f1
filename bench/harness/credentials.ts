// Certificates and kubeconfigs that both sides work with: kubeadm's layout, made once a run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createSystemEnv } from "../../src/base/index.host.ts";
import { ensurePki, type PkiFolderOptions } from "../../src/kubeadm/index.host.ts";
import type { CertificatePair, Pki } from "../../src/kubeadm/index.ts";
import type { Target } from "../load/http2.ts";

/** What `bench/programs/api-server.ts` is told. */
export interface ControlPlaneProgram {
  /** Of the store. */
  readonly folder: string;
  /** Holds `pki/` and the kubeconfigs. */
  readonly credentials: string;
  readonly port: number;
  /** With controllers and scheduler. */
  readonly isWhole: boolean;
}

export function pkiOptions(folder: string, port: number): PkiFolderOptions {
  const server = `https://127.0.0.1:${port}`;
  return { folder, clusterName: "bench", server, nodeName: "node", nodeIps: ["127.0.0.1"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" };
}

export interface Credentials {
  readonly folder: string;
  readonly pki: Pki;
  readonly port: number;
  kubeconfig(of: "admin" | "scheduler" | "controller-manager"): string;
  /** A file below `pki/`. */
  file(name: string): string;
  target(as?: CertificatePair): Target;
}

export async function makeCredentials(folder: string, port: number): Promise<Credentials> {
  const pki = await ensurePki(createSystemEnv({ logLevel: "warn" }), pkiOptions(folder, port));
  return {
    folder,
    pki,
    port,
    kubeconfig: (of) => join(folder, `${of}.conf`),
    file: (name) => join(folder, "pki", name),
    target: (pair = pki.admin) => ({
      host: "127.0.0.1",
      port,
      caPem: readFileSync(join(folder, "pki", "ca.crt"), "utf8"),
      certificatePem: pair.certificate,
      keyPem: pair.key,
    }),
  };
}
