import { describe, expect, it } from "vitest";
import type { Pod, Secret } from "../../api/index.ts";
import { createVirtualEnv, type Env } from "../../base/index.ts";
import { createSimulatedRuntime, type SimulatedRuntime, type SimulatedRuntimeOptions } from "../runtime/simulated.ts";
import { createSimulatedKubeletHost, type SimulatedHost } from "../simulated-host.ts";
import { createImagePuller, type ImagePuller, type ImageResult } from "./image-puller.ts";
import { createPullRecords } from "./pull-records.ts";

const pod = (uid: string): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: uid, namespace: "default", uid }, spec: { containers: [] } });
const registrySecret = (name: string, password: string): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "default", uid: `uid-${name}` },
  data: { ".dockerconfigjson": btoa(JSON.stringify({ auths: { "registry.example": { username: "u", password } } })) },
});

interface Setup {
  readonly env: Env;
  readonly runtime: SimulatedRuntime;
  readonly host: SimulatedHost;
  readonly events: string[];
  newPuller(): Promise<ImagePuller>;
}

function setUp(options: SimulatedRuntimeOptions = {}): Setup {
  const { env } = createVirtualEnv();
  const runtime = createSimulatedRuntime(env, options);
  const host = createSimulatedKubeletHost(env);
  const newPuller = async (): Promise<ImagePuller> => {
    const records = createPullRecords(env, host);
    await records.load(async () => (await runtime.listImages()).map(({ id }) => id));
    return createImagePuller(env, runtime, records);
  };
  return { env, runtime, host, events: [], newPuller };
}

const IMAGE = "registry.example/team/app:1";

function ask(puller: ImagePuller, events: string[], uid: string, pullPolicy: string, ...secrets: readonly Secret[]): Promise<ImageResult> {
  const event = (_type: string, reason: string, message: string): void => {
    events.push(`${reason}: ${message}`);
  };
  return puller.ensure({ pod: pod(uid), image: IMAGE, pullPolicy, event, secrets: async () => secrets });
}

describe("an image that was pulled with credentials", () => {
  const first = registrySecret("one", "right");

  it("is given to who brings them, and asked for again by everyone else", async () => {
    const { newPuller, events } = setUp();
    const puller = await newPuller();
    await ask(puller, events, "a", "IfNotPresent", first);
    events.length = 0;
    await ask(puller, events, "b", "IfNotPresent", registrySecret("another-name", "right"));
    expect(events).toEqual([`Pulled: Container image "${IMAGE}" already present on machine and can be accessed by the pod`]);
    events.length = 0;
    await ask(puller, events, "c", "IfNotPresent");
    expect(events[0]).toBe(`Pulling: Pulling image "${IMAGE}"`);
  });

  it("does not exist for a pod without them that must not pull", async () => {
    const { newPuller, events } = setUp();
    const puller = await newPuller();
    await ask(puller, events, "a", "IfNotPresent", first);
    expect(await ask(puller, events, "b", "Never")).toEqual({
      ok: false,
      reason: "ErrImageNeverPull",
      message: `Container image "${IMAGE}" is not present with pull policy of Never`,
    });
  });

  it("is kept from others by the next kubelet too", async () => {
    const { newPuller, events } = setUp();
    await ask(await newPuller(), events, "a", "IfNotPresent", first);
    const next = await newPuller();
    expect((await ask(next, events, "b", "Never")).ok).toBe(false);
    expect((await ask(next, events, "c", "Never", registrySecret("one", "changed since"))).ok).toBe(true);
  });

  it("is everybody's once it was pulled without any", async () => {
    const { newPuller, events } = setUp();
    const puller = await newPuller();
    await ask(puller, events, "a", "IfNotPresent", first);
    await ask(puller, events, "b", "Always");
    expect((await ask(puller, events, "c", "Never")).ok).toBe(true);
  });
});

describe("an image that was here before", () => {
  it("is everybody's", async () => {
    const { newPuller, events } = setUp({ present: () => true });
    expect((await ask(await newPuller(), events, "a", "Never")).ok).toBe(true);
  });
  it("is asked for nevertheless with Always", async () => {
    const { newPuller, events } = setUp({ present: () => true });
    await ask(await newPuller(), events, "a", "Always");
    expect(events[0]).toBe(`Pulling: Pulling image "${IMAGE}"`);
  });
});

describe("names and failures", () => {
  it("are told as upstream tells them", async () => {
    const { newPuller, events } = setUp({ pullable: () => false });
    const puller = await newPuller();
    const event = (_type: string, reason: string, message: string): number => events.push(`${reason}: ${message}`);
    const request = { pod: pod("a"), pullPolicy: "IfNotPresent", event, secrets: async () => [] };
    const bad = 'Failed to apply default image tag "UPPER": couldn\'t parse image name "UPPER": invalid reference format';
    expect(await puller.ensure({ ...request, image: "UPPER" })).toMatchObject({ reason: "InvalidImageName", message: bad });
    expect(await puller.ensure({ ...request, image: "gone" })).toMatchObject({ reason: "ErrImagePull" });
    expect(await puller.ensure({ ...request, image: "gone" })).toMatchObject({
      reason: "ImagePullBackOff",
      message: expect.stringMatching(/^Back-off pulling image "gone": ErrImagePull: /),
    });
    expect(events.map((text) => text.split(":")[0])).toEqual(["InspectFailed", "Pulling", "Failed", "BackOff"]);
  });
});
