// A node of its own for tests: the real API server over a memory store, the kubelet over the simulated runtime and host, all
// on one virtual clock.

import { type Event, events, type Pod, pods, serviceAccounts } from "../src/api/index.ts";
import { createApiServer } from "../src/apiserver/index.ts";
import { createVirtualEnv, type Env, type LogFields, type VirtualClock } from "../src/base/index.ts";
import type { Client } from "../src/client/index.ts";
import {
  createKubelet,
  createSimulatedKubeletHost,
  createSimulatedRuntime,
  type Kubelet,
  type KubeletOptions,
  type SimulatedHost,
  type SimulatedHostOptions,
  type SimulatedRuntime,
  type SimulatedRuntimeOptions,
} from "../src/kubelet/index.ts";
import { createMemoryStore } from "../src/store/index.ts";

export const NODE = "node-1";
const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const KUBELET = { name: `system:node:${NODE}`, groups: ["system:nodes", "system:authenticated"] };

export interface SimulatedNode {
  readonly env: Env;
  readonly clock: VirtualClock;
  /** Of an administrator. */
  readonly client: Client;
  readonly kubelet: Kubelet;
  readonly runtime: SimulatedRuntime;
  readonly host: SimulatedHost;
  /** What the kubelet has patched so far: `pods/status web`. */
  readonly patches: readonly string[];
  /** Stops the kubelet and starts another over the same runtime and host. */
  restartKubelet(): Promise<Kubelet>;
  createPod(name: string, spec: Partial<Pod["spec"]>, metadata?: Partial<Pod["metadata"]>): Promise<Pod>;
  pod(name: string): Promise<Pod>;
  /** Lets time pass until the pod is as `is` says. */
  waitForPod(name: string, is: (pod: Pod) => boolean, limitMs?: number): Promise<Pod>;
  waitUntilGone(name: string, limitMs?: number): Promise<void>;
  /** `reason: message`, oldest first. */
  eventsOf(name: string): Promise<string[]>;
  stop(): Promise<void>;
}

export interface SimulatedNodeOptions {
  readonly runtime?: SimulatedRuntimeOptions;
  readonly host?: SimulatedHostOptions;
  readonly kubelet?: Partial<KubeletOptions>;
}

export async function startSimulatedNode(options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
  const lines: string[] = [];
  const note = (level: string, component: string, message: string, fields?: LogFields): void => {
    if (level === "warn" || level === "error") lines.push(`${level} ${component}: ${message} ${describe(fields)}`);
  };
  const { env, clock } = createVirtualEnv({ onLog: note });
  const server = createApiServer(env, { store: createMemoryStore(env) });
  await server.start();
  const client = server.localClient(ADMIN);
  await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } });
  const host = createSimulatedKubeletHost(env, options.host);
  const runtime = createSimulatedRuntime(env, { files: host.logs, podCidr: "10.244.0.0/24", ...options.runtime });
  const patches: string[] = [];
  const newKubelet = (): Kubelet =>
    createKubelet(env, {
      client: countingPatches(server.localClient(KUBELET), patches),
      nodeName: NODE,
      runtime,
      host,
      nodeIps: ["192.168.7.5"],
      clusterDns: ["10.96.0.10"],
      ...options.kubelet,
    });
  const run = async (started: Kubelet): Promise<Kubelet> => {
    let up = false;
    started.start().then(() => {
      up = true;
    });
    await clock
      .runUntil(() => up, 60_000)
      .catch((error: unknown) => {
        throw new Error(`the kubelet does not start: ${String(error)}\n${lines.join("\n")}`);
      });
    return started;
  };
  let kubelet = await run(newKubelet());
  const get = (name: string): Promise<Pod> => client.get(pods, { namespace: "default", name });
  return {
    env,
    clock,
    client,
    runtime,
    host,
    patches,
    get kubelet() {
      return kubelet;
    },
    restartKubelet: async () => {
      await kubelet.stop();
      kubelet = await run(newKubelet());
      return kubelet;
    },
    createPod: (name, spec, metadata = {}) => {
      const containers = [{ name: "main", image: "app:1", imagePullPolicy: "IfNotPresent" }];
      const whole = { containers, nodeName: NODE, automountServiceAccountToken: false, ...spec };
      return client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", ...metadata }, spec: whole } as Pod);
    },
    pod: get,
    waitForPod: async (name, is, limitMs) => {
      try {
        await clock.runUntil(async () => is(await get(name)), limitMs);
      } catch (error) {
        const { status } = await get(name);
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${JSON.stringify(status, null, 1)}\n${lines.join("\n")}`);
      }
      return get(name);
    },
    waitUntilGone: (name, limitMs) =>
      clock.runUntil(async () => {
        const { items } = await client.list(pods, { namespace: "default" });
        return !items.some((pod) => pod.metadata.name === name);
      }, limitMs),
    eventsOf: async (name) => {
      await clock.settle();
      const { items } = await client.list(events, { namespace: "default", fieldSelector: `involvedObject.name=${name}` });
      return [...items].sort(byTime).map(({ reason, message }) => `${reason}: ${message}`);
    },
    stop: async () => {
      await kubelet.stop();
      await server.stop();
    },
  };
}

function countingPatches(client: Client, patches: string[]): Client {
  const patch: Client["patch"] = (kind, of, what, how) => {
    patches.push(`${kind.resource}${how?.subresource === undefined ? "" : `/${how.subresource}`} ${of.name}`);
    return client.patch(kind, of, what, how);
  };
  return new Proxy(client, {
    get: (target, name) => {
      if (name === "patch") return patch;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

function byTime(a: Event, b: Event): number {
  return Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion);
}

function describe(fields: LogFields | undefined): string {
  return JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? value.stack : value));
}
