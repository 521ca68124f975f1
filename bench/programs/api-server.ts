// Our API server as a process of its own over its durable store, as kube-apiserver over etcd; with the scheduler or all of the control
// plane in the same process when asked, as `kubets start` has them. Its one argument is `ControlPlaneProgram` as JSON.
import { mkdirSync } from "node:fs";
import { listen } from "../../src/apiserver/index.host.ts";
import { createApiServer, importServiceAccountKeys } from "../../src/apiserver/index.ts";
import { createSystemEnv } from "../../src/base/index.host.ts";
import { startControlPlane } from "../../src/cluster/control-plane.ts";
import { SCHEDULER } from "../../src/cluster/identities.ts";
import { ensurePki } from "../../src/kubeadm/index.host.ts";
import { createScheduler, type Scheduler } from "../../src/scheduler/index.ts";
import { openLmdbStore } from "../../src/store/index.host.ts";
import { type ControlPlaneProgram, pkiOptions } from "../harness/credentials.ts";

const { folder, credentials, port, isWhole } = JSON.parse(process.argv[2] ?? "") as ControlPlaneProgram;
const env = createSystemEnv({ logLevel: "warn" });
const pki = await ensurePki(env, pkiOptions(credentials, port));
mkdirSync(folder, { recursive: true });
const store = await openLmdbStore(env, { folder });
const options = {
  store,
  serviceAccountKeys: await importServiceAccountKeys({ privateKey: pki.serviceAccount.privateKey, publicKeys: [pki.serviceAccount.publicKey] }),
  advertise: { address: "127.0.0.1", port },
  clientCa: pki.ca.certificate,
};
const { apiServer, start } = isWhole ? await controlPlane() : apiServerAlone();
await apiServer.start();
const tls = { certificate: pki.apiServer.certificate, privateKey: pki.apiServer.key, clientAuthorities: pki.ca.certificate };
await listen(env, apiServer, { host: "127.0.0.1", port, tls });
await start();
process.on("SIGTERM", () => process.exit(0));

/** SIGUSR2 starts a scheduler, and the next one stops it. */
function apiServerAlone() {
  const server = createApiServer(env, options);
  let scheduler: Scheduler | undefined;
  process.on("SIGUSR2", () => {
    if (scheduler === undefined) {
      scheduler = createScheduler(env, server.localClient(SCHEDULER));
      void scheduler.start();
    } else {
      void scheduler.stop();
      scheduler = undefined;
    }
  });
  return { apiServer: server, start: async () => undefined };
}

async function controlPlane() {
  const plane = await startControlPlane(env, {
    ...options,
    rootCaPem: pki.ca.certificate,
    signingAuthority: pki.ca,
    nodeIpam: { clusterCidrs: ["10.0.0.0/8"], maskSizeIPv4: 24, maskSizeIPv6: 64 },
  });
  return { apiServer: plane.apiServer, start: () => plane.startControllers() };
}
