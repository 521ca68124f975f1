// The files that ConfigMaps, Secrets, the downward API and projected volumes give a pod on a simulated node, and how they follow
// their sources.
import { afterEach, describe, expect, it } from "vitest";
import { configMaps, type Pod, pods, secrets } from "../src/api/index.ts";
import { type SimulatedNode, type SimulatedNodeOptions, startSimulatedNode } from "./simulated-node.ts";

let node: SimulatedNode | undefined;
async function start(options?: SimulatedNodeOptions): Promise<SimulatedNode> {
  node = await startSimulatedNode(options);
  return node;
}
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

type Volume = NonNullable<Pod["spec"]["volumes"]>[number];
const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const named = (name: string): { name: string; namespace: string } => ({ name, namespace: "default" });
const configMap = (name: string, data: Record<string, string>, binaryData?: Record<string, string>) => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: named(name), data },
  ...(binaryData === undefined ? {} : { binaryData }),
});
const secret = (name: string, data: Record<string, string>) => ({ apiVersion: "v1", kind: "Secret", metadata: named(name), data });

interface Files {
  readonly pod: Pod;
  /** The file's text and mode; undefined: there is none. */
  read(path: string): Promise<{ text: string; mode: string } | undefined>;
}

/** A pod that mounts the volume; its files as the container sees them. */
async function mountedFiles(volume: Omit<Volume, "name">, spec: Partial<Pod["spec"]> = {}, metadata: Partial<Pod["metadata"]> = {}): Promise<Files> {
  if (node === undefined) throw new Error("there is no node");
  const { createPod, waitForPod, runtime, host } = node;
  const main = { name: "main", image: "app:1", imagePullPolicy: "IfNotPresent", volumeMounts: [{ name: "v", mountPath: "/v" }], ...spec.containers?.[0] };
  await createPod("web", { ...spec, volumes: [{ name: "v", ...volume }], containers: [main] }, metadata);
  const pod = await waitForPod("web", isReady);
  const id = (pod.status?.containerStatuses?.[0]?.containerID ?? "").replace("containerd://", "");
  const mount = runtime.config(id).mounts.find(({ containerPath }) => containerPath === "/v");
  return {
    pod,
    read: async (path) => {
      const at = `${mount?.hostPath}/${path}`;
      const [data, stat] = [await host.files.read(at), await host.files.stat(at)];
      return data === undefined ? undefined : { text: new TextDecoder().decode(data), mode: (stat?.mode ?? 0).toString(8) };
    },
  };
}
const settle = async (): Promise<void> => {
  for (let round = 0; round < 3; round++) await node?.clock.advance(100);
};

describe("files of a ConfigMap", () => {
  it("are its keys, text and binary, with the modes that are asked for", async () => {
    const { client } = await start();
    await client.create(configMaps, configMap("c", { "a.txt": "A", other: "O" }, { blob: btoa("\u0001\u0002") }));
    const items = [
      { key: "a.txt", path: "deep/down/a" },
      { key: "blob", path: "blob", mode: 0o400 },
    ];
    const files = await mountedFiles({ configMap: { name: "c", items, defaultMode: 0o440 } });
    expect(await files.read("deep/down/a")).toEqual({ text: "A", mode: "440" });
    expect(await files.read("blob")).toEqual({ text: "\u0001\u0002", mode: "400" });
    expect(await files.read("other")).toBeUndefined();
  });

  it("come, change and go with an optional one", async () => {
    const { client } = await start();
    const files = await mountedFiles({ configMap: { name: "later", optional: true } });
    expect(await files.read("key")).toBeUndefined();
    await client.create(configMaps, configMap("later", { key: "1" }));
    await settle();
    expect(await files.read("key")).toEqual({ text: "1", mode: "644" });
    await client.patch(configMaps, named("later"), { type: "merge", body: { data: { key: "2", more: "3" } } });
    await settle();
    expect([await files.read("key"), await files.read("more")].map((file) => file?.text)).toEqual(["2", "3"]);
    await client.delete(configMaps, named("later"));
    await settle();
    expect(await files.read("key")).toBeUndefined();
  });

  it("keep a pod waiting that asks for a key that there is not", async () => {
    const { client, createPod, clock, eventsOf } = await start();
    await client.create(configMaps, configMap("c", { a: "A" }));
    const main = { name: "main", image: "app:1", volumeMounts: [{ name: "v", mountPath: "/v" }] };
    await createPod("web", { containers: [main], volumes: [{ name: "v", configMap: { name: "c", items: [{ key: "b", path: "b" }] } }] });
    await clock.advance(3000);
    expect(await eventsOf("web")).toContain('FailedMount: MountVolume.SetUp failed for volume "v" : configmap references non-existent config key: b');
  });
});

describe("files of a Secret", () => {
  it("belong to the pod's group, which may read them, and lie in memory", async () => {
    const { client, host } = await start();
    await client.create(secrets, secret("s", { token: btoa("hidden") }));
    const files = await mountedFiles({ secret: { secretName: "s", defaultMode: 0o400 } }, { securityContext: { fsGroup: 1001 } });
    expect(await files.read("token")).toEqual({ text: "hidden", mode: "440" });
    expect((await host.mounts.mountPoints(host.rootDirectory)).length).toBeGreaterThan(0);
  });
});

describe("files of the downward API", () => {
  it("follow the pod's labels and annotations, and show resources", async () => {
    const { client } = await start({ host: { facts: { cpuCount: 4 } } });
    const items = [
      { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
      { path: "annotations", fieldRef: { fieldPath: "metadata.annotations" }, mode: 0o400 },
      { path: "cpu", resourceFieldRef: { containerName: "main", resource: "limits.cpu" } },
      { path: "memory", resourceFieldRef: { containerName: "main", resource: "requests.memory", divisor: "1Ki" } },
    ];
    const containers = [{ name: "main", resources: { requests: { memory: "10Ki" } } }];
    const files = await mountedFiles({ downwardAPI: { items } }, { containers }, { labels: { b: "2", a: "1" }, annotations: { note: 'say "hi"\n' } });
    expect((await files.read("labels"))?.text).toBe('a="1"\nb="2"');
    expect(await files.read("annotations")).toEqual({ text: 'note="say \\"hi\\"\\n"', mode: "400" });
    expect([(await files.read("cpu"))?.text, (await files.read("memory"))?.text]).toEqual(["4", "10"]);
    await client.patch(pods, named("web"), { type: "merge", body: { metadata: { labels: { a: null, c: "3" } } } });
    await settle();
    expect((await files.read("labels"))?.text).toBe('b="2"\nc="3"');
  });
});

describe("a projected volume", () => {
  it("joins its sources, the later one winning", async () => {
    const { client } = await start();
    await client.create(configMaps, configMap("c", { both: "from the map", map: "M" }));
    await client.create(secrets, secret("s", { both: btoa("from the secret") }));
    const sources = [
      { configMap: { name: "c" } },
      { secret: { name: "s", items: [{ key: "both", path: "both", mode: 0o600 }] } },
      { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
      { configMap: { name: "absent", optional: true } },
    ];
    const files = await mountedFiles({ projected: { sources, defaultMode: 0o644 } });
    expect(await files.read("both")).toEqual({ text: "from the secret", mode: "600" });
    expect([(await files.read("map"))?.text, (await files.read("name"))?.text]).toEqual(["M", "web"]);
  });

  it("says which of its sources there is not", async () => {
    const { createPod, clock, eventsOf } = await start();
    const projected = { sources: [{ clusterTrustBundle: { name: "b", path: "b" } }] };
    await createPod("web", { volumes: [{ name: "v", projected }], containers: [{ name: "main", image: "app:1" }] });
    await clock.advance(3000);
    const told = (await eventsOf("web")).filter((text) => text.startsWith("FailedMount"));
    expect(told[0]).toBe(
      'FailedMount: MountVolume.SetUp failed for volume "v" : a source of projected volume v is of a type that is not supported: clusterTrustBundle',
    );
  });
});

describe("what is not supported", () => {
  it.each([
    ["gitRepo", { gitRepo: { repository: "https://example.com/r.git" } }],
    ["nfs", { nfs: { server: "s", path: "/p" } }],
  ])("is said: %s", async (type, source) => {
    const { createPod, clock, eventsOf } = await start();
    await createPod("web", { volumes: [{ name: "v", ...source }], containers: [{ name: "main", image: "app:1" }] });
    await clock.advance(3000);
    expect((await eventsOf("web")).filter((text) => text.startsWith("FailedMount"))[0]).toBe(
      `FailedMount: MountVolume.SetUp failed for volume "v" : no volume plugin matched: volumes of type ${type} are not supported`,
    );
  });

  it("is said: mounts that are read-only all the way down", async () => {
    const { createPod, waitForPod } = await start();
    const volumeMounts = [{ name: "v", mountPath: "/v", readOnly: true, recursiveReadOnly: "Enabled" }];
    await createPod("web", { volumes: [{ name: "v", emptyDir: {} }], containers: [{ name: "main", image: "app:1", volumeMounts }] });
    const pod = await waitForPod("web", ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe(
      'volume "v" requested recursive read-only mode, but it is not supported by the runtime',
    );
  });
});
