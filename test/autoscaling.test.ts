// The horizontal pod autoscaler in a whole cluster on virtual time: simulated containers use what the test says.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { events, type HorizontalPodAutoscaler, horizontalPodAutoscalers } from "../src/api/index.ts";
import { type Cluster, createVirtualEnv, type Deployment, deployments, startCluster, type VirtualClock } from "../src/cluster/index.ts";

let cluster: Cluster;
let clock: VirtualClock;
/** Of each container, in thousandths of a core. */
let load = 100;

beforeEach(async () => {
  const virtual = createVirtualEnv();
  clock = virtual.clock;
  load = 100;
  cluster = await startCluster({ env: virtual.env, runtime: { load: () => ({ milliCpu: load, memoryBytes: 64 * 2 ** 20 }) } });
});
afterEach(async () => {
  await cluster.stop();
});

function deployment(replicas: number): Deployment {
  const resources = { requests: { cpu: "200m", memory: "128Mi" } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { name: "", labels: { app: "web" } }, spec: { containers: [{ name: "main", image: "app:1", resources }] } },
    },
  };
}

type Spec = HorizontalPodAutoscaler["spec"];

async function autoscale(spec: Partial<Spec>, name = "web"): Promise<void> {
  const target = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
  const metrics = [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } }];
  await cluster.client().create(horizontalPodAutoscalers, {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name, namespace: "default" },
    spec: { scaleTargetRef: target, maxReplicas: 10, metrics, ...spec },
  });
}

const autoscaler = (name = "web") => cluster.client().get(horizontalPodAutoscalers, { namespace: "default", name });
const replicas = async (): Promise<number | undefined> => (await cluster.client().get(deployments, { namespace: "default", name: "web" })).spec.replicas;

/** `Type=Status Reason` of each condition. */
async function conditions(name?: string): Promise<string[]> {
  return ((await autoscaler(name)).status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`).sort();
}
async function told(reason: string): Promise<string[]> {
  const { items } = await cluster.client().list(events, { namespace: "default" });
  return items.filter((event) => event.reason === reason && event.involvedObject.kind === "HorizontalPodAutoscaler").map(({ message }) => message ?? "");
}
async function messageOf(type: string): Promise<string | undefined> {
  return (await autoscaler()).status?.conditions?.find((condition) => condition.type === type)?.message;
}

describe("a horizontal pod autoscaler", () => {
  it("follows the load up at once and down after five minutes", async () => {
    await cluster.client().create(deployments, deployment(1));
    await autoscale({});
    await clock.runUntil(async () => (await autoscaler()).status?.currentMetrics?.[0]?.resource?.current.averageUtilization === 50);
    expect(await replicas()).toBe(1);
    load = 200;
    await clock.runUntil(async () => (await replicas()) === 2);
    expect(await told("SuccessfulRescale")).toEqual(["New size: 2; reason: cpu resource utilization (percentage of request) above target"]);
    load = 90;
    await clock.advance(600_000);
    expect(await replicas()).toBe(2);
    expect(await conditions()).toEqual(["AbleToScale=True ReadyForNewScale", "ScalingActive=True ValidMetricFound", "ScalingLimited=False DesiredWithinRange"]);
    load = 20;
    await clock.advance(240_000);
    expect(await replicas()).toBe(2);
    expect(await conditions()).toContain("AbleToScale=True ScaleDownStabilized");
    await clock.runUntil(async () => (await replicas()) === 1);
    expect((await autoscaler()).status).toMatchObject({ currentReplicas: 2, desiredReplicas: 1 });
    expect(await told("SuccessfulRescale")).toContain("New size: 1; reason: All metrics below target");
  });

  it("keeps to its policies, and to the largest count", async () => {
    await cluster.client().create(deployments, deployment(1));
    const rules = (value: number) => ({ stabilizationWindowSeconds: 0, policies: [{ type: "Pods", value, periodSeconds: 60 }] });
    await autoscale({ maxReplicas: 4, behavior: { scaleUp: rules(2), scaleDown: rules(1) } });
    load = 1000;
    await clock.runUntil(async () => (await replicas()) === 3);
    await clock.advance(30_000);
    expect(await replicas()).toBe(3);
    expect(await conditions()).toContain("ScalingLimited=True ScaleUpLimit");
    await clock.runUntil(async () => (await replicas()) === 4);
    await clock.advance(60_000);
    expect(await conditions()).toContain("ScalingLimited=True TooManyReplicas");
    load = 0;
    await clock.runUntil(async () => (await replicas()) === 3);
    await clock.advance(30_000);
    expect(await replicas()).toBe(3);
    await clock.runUntil(async () => (await replicas()) === 1);
  });

  it("follows memory by amount, and one container of several", async () => {
    await cluster.client().create(deployments, deployment(1));
    const memory = { type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "32Mi" } } };
    const container = {
      type: "ContainerResource",
      containerResource: { name: "cpu", container: "main", target: { type: "Utilization", averageUtilization: 80 } },
    };
    await autoscale({ metrics: [memory, container] });
    await clock.runUntil(async () => (await replicas()) === 2);
    expect((await autoscaler()).status?.currentMetrics).toEqual([
      { type: "Resource", resource: { name: "memory", current: { averageValue: "64Mi" } } },
      { type: "ContainerResource", containerResource: { name: "cpu", container: "main", current: { averageUtilization: 50, averageValue: "100m" } } },
    ]);
  });

  it("brings the count into its range before it looks at metrics, and leaves zero alone", async () => {
    await cluster.client().create(deployments, deployment(6));
    await autoscale({ maxReplicas: 3 });
    await clock.runUntil(async () => (await replicas()) === 3);
    expect(await told("SuccessfulRescale")).toEqual(["New size: 3; reason: Current number of replicas above Spec.MaxReplicas"]);
    const set = async (count: number): Promise<void> => {
      await cluster.client().patch(deployments, { namespace: "default", name: "web" }, { type: "merge", body: { spec: { replicas: count } } });
    };
    await set(0);
    await clock.advance(40_000);
    expect(await replicas()).toBe(0);
    expect(await conditions()).toContain("ScalingActive=False ScalingDisabled");
  });

  it("says what is wrong: no target, no requests, no such metric, two for one target", async () => {
    await autoscale({});
    await clock.advance(20_000);
    expect(await conditions()).toEqual(["AbleToScale=False FailedGetScale"]);
    expect(await messageOf("AbleToScale")).toContain('deployments/scale.apps "web" not found');
    const made = deployment(1);
    const containers = made.spec.template.spec.containers.map(({ resources: _, ...container }) => container);
    await cluster.client().create(deployments, { ...made, spec: { ...made.spec, template: { ...made.spec.template, spec: { containers } } } });
    await clock.runUntil(async () => (await messageOf("ScalingActive"))?.includes("missing request for cpu in container main of Pod web-") === true);
    expect(await conditions()).toContain("ScalingActive=False FailedGetResourceMetric");
    expect(await told("FailedComputeMetricsReplicas")).toContainEqual(
      expect.stringMatching(/^invalid metrics \(1 invalid out of 1\), first error is: failed to get cpu resource metric value: /),
    );
    const { name } = (await autoscaler()).metadata;
    const metric = { type: "Pods", pods: { metric: { name: "hits" }, target: { type: "AverageValue", averageValue: "10" } } };
    await cluster.client().patch(horizontalPodAutoscalers, { namespace: "default", name }, { type: "merge", body: { spec: { metrics: [metric] } } });
    await clock.advance(20_000);
    expect(await conditions()).toContain("ScalingActive=False FailedGetPodsMetric");
    expect(await messageOf("ScalingActive")).toBe(
      "the HPA was unable to compute the replica count: unable to get metric hits: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered",
    );
    await autoscale({}, "second");
    await clock.advance(20_000);
    expect(await conditions("second")).toContain("ScalingActive=False AmbiguousSelector");
    expect(await told("AmbiguousSelector")).toContain("pods by selector app=web are controlled by multiple HPAs: [{second default} {web default}]");
  });
});
