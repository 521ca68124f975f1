// Static pods: from files to running pods and their mirrors in the API, on virtual time.
import { afterEach, describe, expect, it } from "vitest";
import { events, nodes, type Pod, pods } from "../src/api/index.ts";
import { createVirtualEnv } from "../src/base/index.ts";
import { createKubelet, createSimulatedKubeletHost, createSimulatedRuntime, type SimulatedHost } from "../src/kubelet/index.ts";
import { NODE, type SimulatedNode, startSimulatedNode } from "./simulated-node.ts";

const FOLDER = "/etc/kubernetes/manifests";
const NAME = `web-${NODE}`;

let node: SimulatedNode | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

function manifest(name: string, image: string, more = ""): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
spec:
  terminationGracePeriodSeconds: 5
  containers:
  - name: main
    image: ${image}
${more}`;
}

const write = (host: SimulatedHost, file: string, text: string): Promise<void> => host.files.write(`${FOLDER}/${file}`, new TextEncoder().encode(text), 0o644);

async function start(): Promise<SimulatedNode> {
  node = await startSimulatedNode({ kubelet: { configuration: { staticPodPath: FOLDER } } });
  return node;
}

const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const running = async ({ runtime }: SimulatedNode): Promise<string[]> =>
  (await runtime.listContainers()).filter(({ state }) => state === "running").map(({ image, labels }) => `${labels["io.kubernetes.pod.name"]} ${image}`);

/** What an expectation of a missing pod needs. */
async function exists({ client }: SimulatedNode, name: string): Promise<boolean> {
  return (await client.list(pods, { namespace: "default" })).items.some(({ metadata }) => metadata.name === name);
}

describe("a manifest in the folder", () => {
  it("becomes a running pod with a mirror in the API, named after the node", async () => {
    const started = await start();
    await write(started.host, "web.yaml", manifest("web", "app:1"));
    await started.clock.runUntil(() => exists(started, NAME));
    const mirror = await started.waitForPod(NAME, isReady);
    const hash = mirror.metadata.annotations?.["kubernetes.io/config.hash"];
    expect(hash).toMatch(/^[0-9a-f]{32}$/);
    expect(mirror.metadata.annotations).toMatchObject({ "kubernetes.io/config.mirror": hash, "kubernetes.io/config.source": "file" });
    const { uid } = (await started.client.get(nodes, { name: NODE })).metadata;
    expect(mirror.metadata.ownerReferences).toEqual([{ apiVersion: "v1", kind: "Node", name: NODE, uid, controller: true }]);
    expect(mirror.spec.tolerations).toContainEqual({ operator: "Exists", effect: "NoExecute" });
    expect(mirror.status).toMatchObject({ phase: "Running", hostIP: "192.168.7.5" });
    expect(await running(started)).toEqual([`${NAME} app:1`]);
  });

  it("may be JSON; hidden files and folders are passed over", async () => {
    const started = await start();
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "default" }, spec: { containers: [{ name: "main", image: "app:1" }] } };
    await write(started.host, ".hidden.yaml", manifest("hidden", "app:1"));
    await started.host.files.makeDirectory(`${FOLDER}/folder`, 0o755);
    await write(started.host, "web.json", JSON.stringify(pod));
    await started.clock.runUntil(async () => (await running(started)).length > 0);
    await started.clock.advance(5000);
    expect(await running(started)).toEqual([`${NAME} app:1`]);
  });

  it("is followed: a change ends the old pod and starts the new one, its removal ends the pod and its mirror", async () => {
    const started = await start();
    const { host, clock } = started;
    await write(host, "web.yaml", manifest("web", "app:1"));
    await clock.runUntil(() => exists(started, NAME));
    const { uid } = (await started.waitForPod(NAME, isReady)).metadata;
    await write(host, "web.yaml", manifest("web", "app:2"));
    await clock.runUntil(async () => (await running(started)).includes(`${NAME} app:2`));
    await clock.runUntil(async () => (await exists(started, NAME)) && isReady(await started.pod(NAME)));
    expect(await running(started)).toEqual([`${NAME} app:2`]);
    expect((await started.pod(NAME)).metadata.uid).not.toBe(uid);
    await host.files.remove(`${FOLDER}/web.yaml`);
    await started.waitUntilGone(NAME);
    expect(await running(started)).toEqual([]);
  });

  it("leaves its pod alone while it cannot be read, and says which field is wrong", async () => {
    const started = await start();
    const { host, clock, client } = started;
    await write(host, "web.yaml", manifest("web", "app:1"));
    await clock.runUntil(async () => (await running(started)).length === 1);
    await write(host, "web.yaml", manifest("web", "app:2", "    imagePullPolicy: Sometimes\n"));
    await write(host, "secret.yaml", manifest("secret", "app:1", "  volumes: [{name: a, secret: {secretName: b}}]\n"));
    await write(host, "copy.yaml", manifest("web", "app:3"));
    await clock.advance(10_000);
    expect(await running(started)).toEqual([`${NAME} app:3`]);
    const { items } = await client.list(events, { namespace: "default", fieldSelector: "reason=InvalidStaticPod" });
    const messages = items.map(({ message }) => message);
    expect(messages).toContainEqual(
      expect.stringContaining(`${FOLDER}/web.yaml: invalid pod: spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes"`),
    );
    expect(messages).toContain(`cannot run what is in ${FOLDER}/secret.yaml: static pods may not reference secrets (via secret volumes)`);
    expect(messages).toContain(`cannot run what is in ${FOLDER}/web.yaml: pod default/${NAME} is in ${FOLDER}/copy.yaml already`);
  });
});

describe("a mirror pod", () => {
  it("is made anew when somebody deletes it, and the pod runs on", async () => {
    const started = await start();
    const { host, clock, client, runtime } = started;
    await write(host, "web.yaml", manifest("web", "app:1"));
    await clock.runUntil(() => exists(started, NAME));
    const { uid } = (await started.waitForPod(NAME, isReady)).metadata;
    const [before] = await runtime.listContainers();
    await client.delete(pods, { namespace: "default", name: NAME });
    await clock.runUntil(async () => (await exists(started, NAME)) && (await started.pod(NAME)).metadata.uid !== uid);
    await started.waitForPod(NAME, isReady);
    expect((await runtime.listContainers()).map(({ id, state }) => [id, state])).toEqual([[before?.id, "running"]]);
  });

  it("is removed when a restarted kubelet finds no manifest for it; a pod with one is taken over", async () => {
    const started = await start();
    const { host, clock, runtime } = started;
    await write(host, "web.yaml", manifest("web", "app:1"));
    await write(host, "other.yaml", manifest("other", "app:1"));
    await clock.runUntil(async () => (await exists(started, NAME)) && (await exists(started, `other-${NODE}`)));
    await started.waitForPod(NAME, isReady);
    const ids = async (): Promise<unknown[]> => (await runtime.listContainers()).filter(({ state }) => state === "running").map(({ id }) => id);
    const before = await ids();
    await started.kubelet.stop();
    await host.files.remove(`${FOLDER}/other.yaml`);
    await started.restartKubelet();
    await started.waitUntilGone(`other-${NODE}`);
    await clock.advance(10_000);
    const after = await ids();
    expect(after).toHaveLength(1);
    expect(before).toContain(after[0]);
    expect(isReady(await started.pod(NAME))).toBe(true);
  });
});

it("runs without an API server", async () => {
  const { env, clock } = createVirtualEnv();
  const host = createSimulatedKubeletHost(env);
  await host.files.makeDirectory(FOLDER, 0o755);
  await write(host, "web.yaml", manifest("web", "app:1"));
  const runtime = createSimulatedRuntime(env, { files: host.logs });
  const refused = (): Promise<never> => Promise.reject(new Error("connection refused"));
  const unreachable = new Proxy({} as SimulatedNode["client"], { get: (_target, name) => (name === "watch" ? () => ({ stop: () => undefined }) : refused) });
  const kubelet = createKubelet(env, { client: unreachable, nodeName: NODE, runtime, host, nodeIps: ["192.0.2.1"], configuration: { staticPodPath: FOLDER } });
  kubelet.start().catch(() => undefined);
  await clock.runUntil(async () => (await runtime.listContainers()).some(({ state }) => state === "running"));
  expect(kubelet.api.pod("default", NAME)?.status?.phase).toBe("Running");
  await kubelet.stop();
});
