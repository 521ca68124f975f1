// The contract of clients over both transports: the call in one process, and HTTPS.
import { expect, it } from "vitest";
import { configMaps, namespaces } from "../src/api/index.ts";
import { createApiServer, listen } from "../src/apiserver/index.host.ts";
import { createSystemEnv } from "../src/base/index.host.ts";
import { clientContract } from "../src/client/contract.ts";
import { createHttpsClient, createInformer } from "../src/client/index.host.ts";
import { createPki, type Pki } from "../src/kubeadm/index.ts";
import { createMemoryStore } from "../src/store/index.ts";

const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const TOKEN = "secret";

async function startServer() {
  const env = createSystemEnv({ logLevel: "error" });
  const server = createApiServer(env, { store: createMemoryStore(env), staticTokens: new Map([[TOKEN, ADMIN]]) });
  await server.start();
  return { env, server };
}

let pki: Promise<Pki> | undefined;

async function startListener() {
  const { env, server } = await startServer();
  // One for all tests: making keys takes longer than the tests.
  pki ??= createPki(env, { nodeName: "node-1", nodeIps: ["127.0.0.1"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" });
  const { apiServer, ca, admin } = await pki;
  const tls = { certificate: apiServer.certificate, privateKey: apiServer.key, clientAuthorities: ca.certificate };
  const open = (port: number) => listen(env, server, { host: "127.0.0.1", port, tls });
  const listener = await open(0);
  const address = { server: `https://127.0.0.1:${listener.port}`, caPem: ca.certificate };
  return { env, server, listener, address, admin, reopen: () => open(listener.port) };
}

clientContract("in one process", async () => {
  const { server } = await startServer();
  return { client: server.localClient(ADMIN), cleanUp: () => server.stop() };
});

clientContract("over HTTPS", async () => {
  const { env, server, listener, address } = await startListener();
  const client = createHttpsClient(env, { ...address, token: TOKEN });
  return {
    client,
    cleanUp: async () => {
      client.close();
      await listener.close();
      await server.stop();
    },
  };
});

it("proves who it is with a client certificate", async () => {
  const { env, server, listener, address, admin } = await startListener();
  const certified = createHttpsClient(env, { ...address, clientCertPem: admin.certificate, clientKeyPem: admin.key });
  expect((await certified.list(namespaces)).items.length).toBeGreaterThan(0);
  const stranger = createHttpsClient(env, { ...address, token: "wrong" });
  await expect(stranger.list(namespaces)).rejects.toMatchObject({ reason: "Unauthorized", code: 401 });
  certified.close();
  stranger.close();
  await listener.close();
  await server.stop();
});

it("carries an informer over a restart of the server's port", async () => {
  const { env, server, listener, address, reopen } = await startListener();
  const client = createHttpsClient(env, { ...address, token: TOKEN });
  const informer = createInformer(env, client, configMaps, { namespace: "default" });
  const seen = new Map<string, () => void>();
  const added = (name: string) => new Promise<void>((resolve) => seen.set(name, resolve));
  informer.addHandler({ added: ({ metadata }) => seen.get(metadata.name)?.() });
  informer.start();
  await informer.synced();
  const local = server.localClient(ADMIN);
  const create = (name: string) => local.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } });
  const before = added("before");
  await create("before");
  await before;
  await listener.close();
  const meanwhile = added("meanwhile");
  await create("meanwhile");
  const second = await reopen();
  await meanwhile;
  expect(informer.size).toBe(2);
  informer.stop();
  client.close();
  await second.close();
  await server.stop();
});
