// A control plane for tests: the real API server over a memory store with controllers and scheduler, and nodes that run
// whatever they are told to, all on one virtual clock.
import { type Deployment, leases, type Node, nodes, type Pod, pods } from "../src/api/index.ts";
import { createApiServer } from "../src/apiserver/index.ts";
import { createVirtualEnv, type Env, formatMicroTime, formatTime, type VirtualClock } from "../src/base/index.ts";
import { type Client, createInformerFactory, type Informer, type InformerFactory } from "../src/client/index.ts";
import { type ControllerManagerOptions, createControllerManager } from "../src/controllers/index.ts";
import { createScheduler } from "../src/scheduler/index.ts";
import { createMemoryStore } from "../src/store/index.ts";

const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const AUTHENTICATED = "system:authenticated";
const MANAGER = { name: "system:kube-controller-manager", groups: [AUTHENTICATED] };
const SCHEDULER = { name: "system:kube-scheduler", groups: [AUTHENTICATED] };

/** A controller, as it acts: with the rights of its own role. */
function controllerAccount(name: string): { name: string; groups: string[] } {
  return { name: `system:serviceaccount:kube-system:${name}`, groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", AUTHENTICATED] };
}

export interface ControlPlane {
  readonly env: Env;
  readonly clock: VirtualClock;
  readonly client: Client;
  readonly informers: InformerFactory;
  /** Warnings and errors that components logged. */
  readonly log: readonly string[];
  addNode(name: string, options?: { readonly cpu?: string }): Promise<PlainNode>;
  stop(): Promise<void>;
}

/**
 * A node that makes every pod it is given Running and Ready at once, and ends those that are deleted. A pod of the image
 * `exit:<code>` ends at once with that code.
 */
export interface PlainNode {
  readonly name: string;
  /** Ends heartbeats and all care for pods, as a power failure does. */
  die(): void;
}

export async function startControlPlane(options: ControllerManagerOptions = {}): Promise<ControlPlane> {
  const log: string[] = [];
  const { env, clock } = createVirtualEnv({
    onLog: (level, component, message, fields) => {
      if (level === "warn" || level === "error") log.push(`${level} ${component}: ${message} ${JSON.stringify(fields, errorsAsText)}`);
    },
  });
  const server = createApiServer(env, { store: createMemoryStore(env) });
  await server.start();
  const client = server.localClient(ADMIN);
  const managerClient = server.localClient(MANAGER);
  const informers = createInformerFactory(env, managerClient);
  const clientFor = (account: string): Client => server.localClient(controllerAccount(account));
  const manager = createControllerManager(env, managerClient, {
    informers,
    clientFor,
    rootCaPem: "ROOT",
    nodeIpam: { clusterCidrs: ["10.244.0.0/16"] },
    ...options,
  });
  const scheduler = createScheduler(env, server.localClient(SCHEDULER), { informers });
  await Promise.all([manager.start(), scheduler.start()]);
  const alive: (() => void)[] = [];
  return {
    env,
    clock,
    client,
    informers,
    log,
    addNode: async (name, { cpu = "4" } = {}) => {
      const node = await startNode(env, client, informers.informer(pods), name, cpu);
      alive.push(node.die);
      return node;
    },
    stop: async () => {
      for (const die of alive) die();
      await scheduler.stop();
      await manager.stop();
      informers.stop();
      await server.stop();
    },
  };
}

function errorsAsText(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}

async function startNode(env: Env, client: Client, informer: Informer<Pod>, name: string, cpu: string): Promise<PlainNode> {
  const allocatable = { cpu, memory: "8Gi", pods: "110", "ephemeral-storage": "50Gi" };
  const now = formatTime(env.clock.now());
  const status = {
    allocatable,
    capacity: allocatable,
    conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "ready", lastHeartbeatTime: now, lastTransitionTime: now }],
  };
  const object: Node = { apiVersion: "v1", kind: "Node", metadata: { name, labels: { "kubernetes.io/hostname": name } }, spec: {}, status };
  await client.create(nodes, object);
  const created = await client.get(nodes, { name });
  await client.update(nodes, { ...created, status }, { subresource: "status" });
  let dead = false;
  let address = 1;
  const care = (pod: Pod): void => {
    if (dead || pod.spec.nodeName !== name) return;
    void runOrEnd(env, client, pod, () => `10.0.0.${address++}`);
  };
  const remove = informer.addHandler({ added: care, updated: care });
  const beat = async (): Promise<void> => {
    if (dead) return;
    const metadata = { name, namespace: "kube-node-lease" };
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: formatMicroTime(env.clock.now()) };
    const known = await client.get(leases, metadata).catch(() => undefined);
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: known?.metadata ?? metadata, spec };
    await (known === undefined ? client.create(leases, lease) : client.update(leases, lease));
    env.clock.setTimeout(() => void beat(), 10_000);
  };
  await beat();
  return {
    name,
    die: () => {
      dead = true;
      remove();
    },
  };
}

async function runOrEnd(env: Env, client: Client, pod: Pod, nextAddress: () => string): Promise<void> {
  const { name, namespace, uid } = pod.metadata;
  try {
    if (pod.metadata.deletionTimestamp !== undefined) {
      await client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid } });
      return;
    }
    if (pod.status?.phase !== "Pending" && pod.status?.phase !== undefined) return;
    const ip = nextAddress();
    const conditions = ["Initialized", "ContainersReady", "Ready"].map((type) => ({ type, status: "True", lastTransitionTime: formatTime(env.clock.now()) }));
    const [container] = pod.spec.containers;
    const exit = /^exit:([0-9]+)$/.exec(container?.image ?? "");
    if (exit !== null && container !== undefined) {
      const terminated = { exitCode: Number(exit[1]), reason: exit[1] === "0" ? "Completed" : "Error", finishedAt: formatTime(env.clock.now()) };
      const containerStatuses = [{ name: container.name, state: { terminated }, ready: false, restartCount: 0, image: "", imageID: "" }];
      const ended = { phase: exit[1] === "0" ? "Succeeded" : "Failed", containerStatuses };
      await client.patch(pods, { name, namespace }, { type: "strategic", body: { status: ended } }, { subresource: "status" });
      return;
    }
    const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], startTime: formatTime(env.clock.now()), conditions };
    await client.patch(pods, { name, namespace }, { type: "strategic", body: { status } }, { subresource: "status" });
  } catch (error) {
    // The pod may be gone by now.
    if (!(error instanceof Error)) throw error;
  }
}

export function deployment(name: string, replicas: number, more: Partial<Deployment["spec"]> = {}, image = "app:1"): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { name: "", labels: { app: name } },
        spec: { containers: [{ name: "main", image, ports: [{ name: "http", containerPort: 8080 }] }] },
      },
      ...more,
    },
  };
}
