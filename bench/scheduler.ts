// `npm run bench -- scheduler`: pods a second through the scheduler, by cluster size and by what the pods wish. The API server, its store
// in memory and the scheduler run in this process; nodes are objects without kubelets. The pods wait in the API before the scheduler
// starts; what counts is the time until the last one is bound, bindings through the API included, and the CPU time of the process for
// all of it. The share of the decisions alone comes from the scheduler's own histogram.

import { namespaces, nodes, type Pod, type PodSpec, pods, replicaSets, serviceAccounts, services } from "../src/api/index.ts";
import { createApiServer } from "../src/apiserver/index.ts";
import { createSystemEnv } from "../src/base/index.host.ts";
import { type Client, createInformerFactory } from "../src/client/index.ts";
import { createScheduler } from "../src/scheduler/index.ts";
import { createMemoryStore } from "../src/store/index.ts";

const NODE_COUNTS = [100, 1000, 5000];
const POD_COUNT = 2000;
/** Pods of one application. */
const GROUP = 20;
const ZONES = 5;
const ZONE = "topology.kubernetes.io/zone";
const HOST = "kubernetes.io/hostname";
const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"] };

interface Shape {
  readonly name: string;
  /** What a pod of an application says, beside what it asks for. */
  readonly spec: (app: string) => Partial<PodSpec>;
  /** Its pods belong to a ReplicaSet and a Service, as nearly all do. */
  readonly isOwned?: boolean;
}

const term = (app: string, topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: { app } } });
const spread = (app: string, topologyKey: string, whenUnsatisfiable: string) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable,
  labelSelector: { matchLabels: { app } },
});

const SHAPES: readonly Shape[] = [
  { name: "requests only", spec: () => ({}) },
  { name: "of a Service and a ReplicaSet", spec: () => ({}), isOwned: true },
  { name: "affinity, zone", spec: (app) => ({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app, ZONE)] } } }) },
  { name: "anti-affinity, node", spec: (app) => ({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app, HOST)] } } }) },
  {
    name: "preferred affinity and anti-affinity",
    spec: (app) => ({
      affinity: {
        podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm: term(app, ZONE) }] },
        podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 50, podAffinityTerm: term(app, HOST) }] },
      },
    }),
  },
  {
    name: "spread, zone hard and node soft",
    spec: (app) => ({ topologySpreadConstraints: [spread(app, ZONE, "DoNotSchedule"), spread(app, HOST, "ScheduleAnyway")] }),
  },
  { name: "spread, node hard", spec: (app) => ({ topologySpreadConstraints: [spread(app, HOST, "DoNotSchedule")] }) },
];

async function createNodes(client: Client, count: number): Promise<void> {
  const allocatable = { cpu: "32", memory: "128Gi", pods: "110", "ephemeral-storage": "100Gi" };
  for (let number = 0; number < count; number++) {
    const name = `node-${number}`;
    const labels = { [HOST]: name, [ZONE]: `zone-${number % ZONES}` };
    const created = await client.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name, labels }, spec: {} });
    const untainted = await client.update(nodes, { ...created, spec: {} });
    const status = { allocatable, capacity: allocatable, conditions: [{ type: "Ready", status: "True" }] };
    await client.update(nodes, { ...untainted, status }, { subresource: "status" });
  }
}

async function createPods(client: Client, { spec, isOwned = false }: Shape): Promise<void> {
  const namespace = "default";
  for (let number = 0; number < POD_COUNT; number++) {
    const app = `app-${Math.floor(number / GROUP)}`;
    const labels = { app };
    const containers = [{ name: "main", image: "app:1", resources: { requests: { cpu: "100m", memory: "128Mi" } } }];
    let owner: NonNullable<Pod["metadata"]["ownerReferences"]> = [];
    if (isOwned) {
      if (number % GROUP === 0) await createOwners(client, app);
      const { uid = "" } = (await client.get(replicaSets, { namespace, name: app })).metadata;
      owner = [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: app, uid, controller: true }];
    }
    const metadata = { name: `pod-${number}`, namespace, labels, ownerReferences: owner };
    await client.create(pods, { apiVersion: "v1", kind: "Pod", metadata, spec: { containers, ...spec(app) } });
  }
}

async function createOwners(client: Client, app: string): Promise<void> {
  const metadata = { name: app, namespace: "default" };
  const template = { metadata: { name: "", labels: { app } }, spec: { containers: [{ name: "main", image: "app:1" }] } };
  await client.create(services, { apiVersion: "v1", kind: "Service", metadata, spec: { selector: { app }, ports: [{ port: 80 }] } });
  await client.create(replicaSets, { apiVersion: "apps/v1", kind: "ReplicaSet", metadata, spec: { selector: { matchLabels: { app } }, template } });
}

/** Resolves when the last pod is bound. */
async function untilBound(client: Client, env: ReturnType<typeof createSystemEnv>): Promise<void> {
  const factory = createInformerFactory(env, client);
  const informer = factory.informer(pods);
  let bound = 0;
  await new Promise<void>((resolve) => {
    informer.addHandler({
      updated: (pod, old) => {
        if (pod.spec.nodeName !== undefined && old.spec.nodeName === undefined && ++bound === POD_COUNT) resolve();
      },
    });
    factory.start();
  });
  factory.stop();
}

async function measure(shape: Shape, nodeCount: number): Promise<void> {
  const env = createSystemEnv({ logLevel: "error" });
  const server = createApiServer(env, { store: createMemoryStore(env) });
  await server.start();
  const client = server.localClient(ADMIN);
  await client.get(namespaces, { name: "default" });
  await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } });
  await createNodes(client, nodeCount);
  await createPods(client, shape);
  const scheduler = createScheduler(env, client);
  const done = untilBound(client, env);
  const beganMs = performance.now();
  const cpuBefore = process.cpuUsage();
  await scheduler.start();
  await done;
  const seconds = (performance.now() - beganMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const decisions = /scheduler_scheduling_algorithm_duration_seconds_sum (\S+)/.exec(env.metrics.render())?.[1];
  await scheduler.stop();
  await server.stop();
  const perSecond = (time: number): string => Math.round(POD_COUNT / time).toLocaleString("en-US");
  console.log(`| ${shape.name} | ${nodeCount} | ${perSecond(seconds)} | ${perSecond((user + system) / 1e6)} | ${perSecond(Number(decisions))} |`);
}

// The timers of the components do not keep the process alive.
const alive = setInterval(() => undefined, 1000);
console.log(`| ${POD_COUNT} pods | nodes | pods/s bound | pods per CPU second | decisions/s |`);
console.log("|---|---|---|---|---|");
for (const shape of SHAPES) for (const nodeCount of NODE_COUNTS) await measure(shape, nodeCount);
clearInterval(alive);
