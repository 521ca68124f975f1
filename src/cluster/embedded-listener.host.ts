// The way into an embedded cluster from outside its process: an HTTPS listener on a free loopback port, with credentials of its own.

import { listen } from "../apiserver/index.host.ts";
import type { ApiServer } from "../apiserver/index.ts";
import type { Env } from "../base/index.ts";
import { createKubeconfig, kubeconfigText, type Pki } from "../kubeadm/index.ts";

const HOST = "127.0.0.1";

export async function listenForOutsiders(env: Env, apiServer: ApiServer, pki: Pki): Promise<{ kubeconfig: string; close(): Promise<void> }> {
  const listener = await listen(env, apiServer, {
    host: HOST,
    port: 0,
    tls: { certificate: pki.apiServer.certificate, privateKey: pki.apiServer.key, clientAuthorities: pki.ca.certificate },
  });
  const kubeconfig = createKubeconfig({
    clusterName: "kubets",
    server: `https://${HOST}:${listener.port}`,
    certificateAuthority: pki.ca.certificate,
    userName: "kubernetes-admin",
    credentials: pki.admin,
  });
  return { kubeconfig: kubeconfigText(kubeconfig), close: () => listener.close() };
}
