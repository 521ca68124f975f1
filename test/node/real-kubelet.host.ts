// The kubelet on real containers: the API server over a memory store, the Linux host, and a containerd of its own, with what
// tests ask of them.
import { join } from "node:path";
import { configMaps, type Pod, pods, serviceAccounts } from "../../src/api/index.ts";
import { createApiServer } from "../../src/apiserver/index.ts";
import { createSystemEnv } from "../../src/base/index.host.ts";
import type { Env } from "../../src/base/index.ts";
import type { Client } from "../../src/client/index.ts";
import { pauseImage } from "../../src/cluster/images/pause.ts";
import { createLinuxKubeletHost } from "../../src/kubelet/index.host.ts";
import { createKubelet, type Kubelet, type KubeletConfiguration, type KubeletHost } from "../../src/kubelet/index.ts";
import { createMemoryStore } from "../../src/store/index.ts";
import { startTestNode, type TestNode } from "./node.host.ts";

const NAME = "real-node";
export const IMAGE = "busybox:local";
/** The control group that the node's pods are in. */
export const CGROUP_ROOT = "/kubets-kubelet-test";

type Container = Pod["spec"]["containers"][number];

export interface RealKubelet {
  readonly machine: TestNode;
  readonly host: KubeletHost;
  /** Of an administrator. */
  readonly client: Client;
  kubelet(): Kubelet;
  /** A new one, perhaps configured otherwise, in place of the one that stopped. */
  startKubelet(configuration?: Partial<KubeletConfiguration>): Promise<void>;
  create(name: string, spec: Partial<Pod["spec"]>, metadata?: Partial<Pod["metadata"]>): Promise<Pod>;
  get(name: string): Promise<Pod>;
  waitFor(name: string, holds: (pod: Pod) => boolean): Promise<Pod>;
  until<T>(what: () => Promise<T>, holds: (value: T) => boolean): Promise<T>;
  remove(name: string): Promise<void>;
  /** What a command in the container `main` writes. */
  run(name: string, ...command: string[]): Promise<string>;
  logs(name: string, options?: { container?: string; previous?: boolean }): Promise<string>;
  dispose(): Promise<void>;
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

export function container(more: Partial<Container> = {}): Container {
  return { name: "main", image: IMAGE, imagePullPolicy: "IfNotPresent", command: ["sleep", "1000"], ...more };
}

export async function startRealKubelet(configuration: Partial<KubeletConfiguration> = {}): Promise<RealKubelet> {
  const env = createSystemEnv({ logLevel: "warn" });
  const machine = await startTestNode();
  const host = createLinuxKubeletHost(env, { rootDirectory: join(machine.paths.data, "kubelet") });
  const server = createApiServer(env, { store: createMemoryStore(env) });
  await server.start();
  const client = server.localClient({ name: "admin", groups: ["system:masters"] });
  const metadata = { name: "default", namespace: "default" };
  await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata });
  await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { ...metadata, name: "kube-root-ca.crt" }, data: { "ca.crt": "CA" } });
  const newKubelet = (chosen = configuration): Kubelet =>
    createKubelet(env, {
      client: server.localClient({ name: `system:node:${NAME}`, groups: ["system:nodes", "system:authenticated"] }),
      nodeName: NAME,
      runtime: machine.runtime,
      host,
      nodeIps: ["192.0.2.7"],
      clusterDns: ["10.96.0.10"],
      configuration: { podPidsLimit: 200, ...chosen },
      cgroupRoot: CGROUP_ROOT,
      pinnedImages: async () => [pauseImage],
    });
  let kubelet = newKubelet();
  await kubelet.start();
  const { get, until, waitFor } = questions(env, client);
  const logs: RealKubelet["logs"] = async (name, { container: of = "main", previous = false } = {}) => {
    let text = "";
    const target = { namespace: "default", pod: name, container: of };
    for await (const chunk of await kubelet.api.containerLogs(target, { previous }, new AbortController().signal)) text += new TextDecoder().decode(chunk);
    return text;
  };
  return {
    ...{ machine, host, client, get, until, waitFor, logs },
    kubelet: () => kubelet,
    startKubelet: async (chosen) => {
      kubelet = newKubelet(chosen);
      await kubelet.start();
    },
    create: (name, spec, more = {}) => {
      const whole = { containers: [container()], nodeName: NAME, terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, ...spec };
      return client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", ...more }, spec: whole } as Pod);
    },
    remove: async (name) => {
      await client.delete(pods, { namespace: "default", name });
      await until(
        () => client.list(pods, { namespace: "default" }),
        ({ items }) => !items.some((pod) => pod.metadata.name === name),
      );
    },
    run: async (name, ...command) => new TextDecoder().decode(await kubelet.api.run({ namespace: "default", pod: name, container: "main" }, command)),
    dispose: async () => {
      await kubelet.stop();
      await server.stop();
      await machine.dispose();
      await host.cgroups.remove(CGROUP_ROOT);
    },
  };
}

function questions(env: Env, client: Client): Pick<RealKubelet, "get" | "until" | "waitFor"> {
  const get = (name: string): Promise<Pod> => client.get(pods, { namespace: "default", name });
  const until: RealKubelet["until"] = async (what, holds) => {
    const deadlineMs = env.clock.monotonic() + 30_000;
    for (;;) {
      const value = await what();
      if (holds(value)) return value;
      if (env.clock.monotonic() > deadlineMs) throw new Error(`does not hold in time: ${JSON.stringify(value, null, 1)}`);
      await new Promise<void>((resolve) => env.clock.setTimeout(resolve, 50));
    }
  };
  return { get, until, waitFor: (name, holds) => until(() => get(name), holds) };
}
