// Controllers and scheduler against the real API server, on virtual time: what a user of a cluster sees of them.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  configMaps,
  controllerRevisions,
  cronJobs,
  daemonSets,
  deployments,
  endpointSlices,
  endpoints,
  events,
  type Job,
  jobs,
  namespaces,
  nodes,
  type Pod,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  replicaSets,
  resourceQuotas,
  type Service,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
} from "../src/api/index.ts";
import { type ControlPlane, deployment, startControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  await until(async () => (await plane.client.list(serviceAccounts, { namespace: "default" })).items.length === 1);
});
afterEach(async () => {
  await plane.stop();
});

function until(predicate: () => boolean | Promise<boolean>, limitMs?: number): Promise<void> {
  return plane.clock.runUntil(predicate, limitMs);
}
async function podsOf(namespace = "default"): Promise<readonly Pod[]> {
  return (await plane.client.list(pods, { namespace })).items;
}
async function running(): Promise<readonly Pod[]> {
  return (await podsOf()).filter(({ status, metadata }) => status?.phase === "Running" && metadata.deletionTimestamp === undefined);
}
async function available(name: string, count: number): Promise<boolean> {
  const { status, metadata } = await plane.client.get(deployments, { namespace: "default", name });
  return (
    status?.observedGeneration === metadata.generation && status?.availableReplicas === count && status?.updatedReplicas === count && status?.replicas === count
  );
}

describe("a namespace", () => {
  it("gets its service account and root CA, and gets them back", async () => {
    await plane.client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" }, spec: {} });
    const both = async (): Promise<boolean> => {
      const accounts = await plane.client.list(serviceAccounts, { namespace: "team" });
      const maps = await plane.client.list(configMaps, { namespace: "team" });
      return accounts.items[0]?.metadata.name === "default" && maps.items[0]?.data?.["ca.crt"] === "ROOT";
    };
    await until(both);
    await plane.client.delete(serviceAccounts, { namespace: "team", name: "default" });
    const map = await plane.client.get(configMaps, { namespace: "team", name: "kube-root-ca.crt" });
    await plane.client.update(configMaps, { ...map, data: { "ca.crt": "forged" } });
    await until(both);
  });

  it("is emptied before it goes, pods first", async () => {
    await plane.addNode("node-1");
    await plane.client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" }, spec: {} });
    await until(async () => (await plane.client.list(serviceAccounts, { namespace: "team" })).items.length === 1);
    const spec = { serviceAccountName: "default", containers: [{ name: "main", image: "app:1" }] };
    await plane.client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name: "held", namespace: "team", finalizers: ["example.com/hold"] }, spec });
    await plane.client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept", namespace: "team" }, data: {} });
    await plane.client.delete(namespaces, { name: "team" });
    await until(async () => (await podsOf("team"))[0]?.metadata.deletionTimestamp !== undefined);
    await plane.clock.advance(60_000);
    expect(await plane.client.get(configMaps, { namespace: "team", name: "kept" })).toBeDefined();
    expect((await plane.client.get(namespaces, { name: "team" })).status?.conditions?.map(({ type }) => type)).toContain("NamespaceDeletionContentFailure");
    await plane.client.patch(pods, { namespace: "team", name: "held" }, { type: "merge", body: { metadata: { finalizers: null } } });
    await until(async () => !(await plane.client.list(namespaces)).items.some(({ metadata }) => metadata.name === "team"));
  });
});

describe("a deployment", () => {
  it("becomes pods on a node, which go with it", async () => {
    await plane.addNode("node-1");
    await plane.client.create(deployments, deployment("web", 3));
    await until(() => available("web", 3));
    const [pod] = await podsOf();
    expect(pod?.spec.nodeName).toBe("node-1");
    expect(pod?.metadata.ownerReferences?.[0]).toMatchObject({ kind: "ReplicaSet", controller: true });
    const [set] = (await plane.client.list(replicaSets)).items;
    expect(set?.metadata.annotations).toMatchObject({
      "deployment.kubernetes.io/revision": "1",
      "deployment.kubernetes.io/desired-replicas": "3",
      "deployment.kubernetes.io/max-replicas": "4",
    });
    expect(pod?.metadata.labels?.["pod-template-hash"]).toBe(set?.metadata.labels?.["pod-template-hash"]);
    await plane.client.delete(deployments, { namespace: "default", name: "web" });
    await until(async () => (await podsOf()).length === 0 && (await plane.client.list(replicaSets)).items.length === 0);
    expect(plane.log).toEqual([]);
  });

  it("replaces a deleted pod, and one whose label was taken away", async () => {
    await plane.addNode("node-1");
    await plane.client.create(deployments, deployment("web", 2));
    await until(() => available("web", 2));
    const [first, second] = await podsOf();
    await plane.client.delete(pods, { namespace: "default", name: first?.metadata.name ?? "" });
    const freed = { namespace: "default", name: second?.metadata.name ?? "" };
    await plane.client.patch(pods, freed, { type: "merge", body: { metadata: { labels: { app: null } } } });
    await until(async () => (await running()).length === 3 && (await available("web", 2)));
    expect((await plane.client.get(pods, freed)).metadata.ownerReferences ?? []).toEqual([]);
  });

  it("rolls to a new template within its bounds and keeps its history", async () => {
    await plane.addNode("node-1");
    await plane.client.create(deployments, deployment("web", 4));
    await until(() => available("web", 4));
    let [least, most] = [99, 0];
    plane.informers.informer(pods).addHandler({
      updated: () => {
        const all = plane.informers
          .informer(pods)
          .list()
          .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        const ready = all.filter(({ status }) => status?.phase === "Running").length;
        [least, most] = [Math.min(least, ready), Math.max(most, all.length)];
      },
    });
    const current = await plane.client.get(deployments, { namespace: "default", name: "web" });
    await plane.client.update(deployments, { ...current, spec: deployment("web", 4, {}, "app:2").spec });
    await until(() => available("web", 4));
    expect([least, most]).toEqual([3, 5]);
    const sets = (await plane.client.list(replicaSets)).items;
    expect(sets.map(({ metadata, spec }) => [metadata.annotations?.["deployment.kubernetes.io/revision"], spec.replicas]).sort()).toEqual([
      ["1", 0],
      ["2", 4],
    ]);
    const done = await plane.client.get(deployments, { namespace: "default", name: "web" });
    expect(done.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("2");
    expect(done.status?.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`).sort()).toEqual([
      "Available=True MinimumReplicasAvailable",
      "Progressing=True NewReplicaSetAvailable",
    ]);
  });

  it("scales up and down", async () => {
    await plane.addNode("node-1");
    await plane.client.create(deployments, deployment("web", 1));
    await until(() => available("web", 1));
    for (const replicas of [5, 2, 0]) {
      await plane.client.patch(deployments, { namespace: "default", name: "web" }, { type: "merge", body: { spec: { replicas } } });
      await until(async () => (await podsOf()).length === replicas);
    }
  });

  it("tells why its pods cannot be placed, and places them when a node comes", async () => {
    await plane.client.create(deployments, deployment("web", 1));
    await until(async () => (await podsOf())[0]?.status?.conditions?.some(({ reason }) => reason === "Unschedulable") ?? false);
    await plane.addNode("node-1");
    await until(() => available("web", 1));
    const texts = (await plane.client.list(events, { namespace: "default" })).items.map(({ reason, message }) => `${reason}: ${message}`);
    expect(texts).toContain("FailedScheduling: no nodes available to schedule pods");
    expect(texts.some((text) => /^Scheduled: Successfully assigned default\/web-\S+ to node-1$/.test(text))).toBe(true);
    expect(texts.some((text) => /^ScalingReplicaSet: Scaled up replica set web-\S+ from 0 to 1$/.test(text))).toBe(true);
    expect(texts.some((text) => /^SuccessfulCreate: Created pod: web-/.test(text))).toBe(true);
  });

  it("leaves its pods when it is deleted with orphaning, and goes last when deleted in the foreground", async () => {
    await plane.addNode("node-1");
    await plane.client.create(deployments, deployment("web", 2));
    await until(() => available("web", 2));
    const [set] = (await plane.client.list(replicaSets)).items;
    await plane.client.delete(deployments, { namespace: "default", name: "web" }, { propagationPolicy: "Orphan" });
    await until(async () => (await plane.client.list(deployments)).items.length === 0);
    const orphan = { namespace: "default", name: set?.metadata.name ?? "" };
    expect((await plane.client.get(replicaSets, orphan)).metadata.ownerReferences ?? []).toEqual([]);
    await plane.client.delete(replicaSets, orphan, { propagationPolicy: "Foreground" });
    await until(async () => (await plane.client.list(replicaSets)).items.length === 0);
    expect(await podsOf()).toEqual([]);
  });
});

describe("a daemon set", () => {
  it("has a pod on each node, also on one that comes later, and rolls to a new template", async () => {
    const template = (image: string) => ({ metadata: { name: "", labels: { app: "agent" } }, spec: { containers: [{ name: "main", image }] } });
    await plane.addNode("node-1");
    await plane.client.create(daemonSets, {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "agent", namespace: "default" },
      spec: { selector: { matchLabels: { app: "agent" } }, template: template("app:1") },
    });
    const spread = async (count: number, image: string): Promise<boolean> => {
      const all = await running();
      return (
        all.length === count && new Set(all.map(({ spec }) => spec.nodeName)).size === count && all.every(({ spec }) => spec.containers[0]?.image === image)
      );
    };
    await until(() => spread(1, "app:1"));
    await plane.addNode("node-2");
    await until(() => spread(2, "app:1"));
    await plane.client.patch(daemonSets, { namespace: "default", name: "agent" }, { type: "strategic", body: { spec: { template: template("app:2") } } });
    await until(() => spread(2, "app:2"));
    const revisions = (await plane.client.list(controllerRevisions)).items.map(({ revision }) => revision).sort();
    expect(revisions).toEqual([1, 2]);
    await until(async () => {
      const { status } = await plane.client.get(daemonSets, { namespace: "default", name: "agent" });
      return status?.numberAvailable === 2 && status.updatedNumberScheduled === 2;
    });
  });
});

describe("a quota", () => {
  it("is counted, keeps a replica set within it, and is given back", async () => {
    await plane.addNode("node-1");
    const quotas = { namespace: "default", name: "few" };
    await plane.client.create(resourceQuotas, { apiVersion: "v1", kind: "ResourceQuota", metadata: quotas, spec: { hard: { pods: "2" } } });
    const used = async () => (await plane.client.get(resourceQuotas, quotas)).status?.used?.["pods"];
    await until(async () => (await used()) === "0");
    await plane.client.create(deployments, deployment("web", 3));
    await until(async () => (await running()).length === 2 && (await used()) === "2");
    const [set] = (await plane.client.list(replicaSets)).items;
    expect(set?.status?.conditions?.[0]).toMatchObject({ type: "ReplicaFailure", reason: "FailedCreate" });
    await plane.client.patch(deployments, { namespace: "default", name: "web" }, { type: "merge", body: { spec: { replicas: 1 } } });
    await until(async () => (await running()).length === 1 && (await used()) === "1" && (await available("web", 1)));
  });
});

describe("a disruption budget", () => {
  it("lets pods be evicted while enough are left", async () => {
    await plane.addNode("node-1");
    await plane.client.create(deployments, deployment("web", 2));
    await until(() => available("web", 2));
    const spec = { minAvailable: "50%", selector: { matchLabels: { app: "web" } } };
    await plane.client.create(podDisruptionBudgets, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "web", namespace: "default" },
      spec,
    });
    const allowed = async () => (await plane.client.get(podDisruptionBudgets, { namespace: "default", name: "web" })).status?.disruptionsAllowed;
    await until(async () => (await allowed()) === 1);
    const evict = async (name: string) =>
      plane.client.createSubresource(pods, { namespace: "default", name }, "eviction", {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name, namespace: "default" },
      });
    const [first, second] = (await running()).map(({ metadata }) => metadata.name);
    await evict(first ?? "");
    await expect(evict(second ?? "")).rejects.toMatchObject({ code: 429 });
    await until(async () => (await allowed()) === 1 && (await running()).length === 2);
  });
});

describe("a disruption budget in percent", () => {
  const owned = (name: string, owner: { apiVersion: string; kind: string; name: string; uid: string }): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels: { app: "odd" }, ownerReferences: [{ ...owner, controller: true }] },
    spec: { containers: [{ name: "main", image: "app:1" }] },
  });
  const status = async () => (await plane.client.get(podDisruptionBudgets, { namespace: "default", name: "odd" })).status;
  beforeEach(async () => {
    await plane.client.create(podDisruptionBudgets, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "odd", namespace: "default" },
      spec: { minAvailable: "50%", selector: { matchLabels: { app: "odd" } } },
    });
  });

  it("asks any other kind for its scale", async () => {
    const made = await plane.client.create(deployments, deployment("boss", 4, { paused: true }));
    await plane.client.create(pods, owned("direct", { apiVersion: "apps/v1", kind: "Deployment", name: "boss", uid: made.metadata.uid ?? "" }));
    await until(async () => (await status())?.expectedPods === 4);
    expect(await status()).toMatchObject({ desiredHealthy: 2, disruptionsAllowed: 0 });
  });

  it("allows nothing for what has no scale, and says so", async () => {
    const made = await plane.client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "boss", namespace: "default" } });
    await plane.client.create(pods, owned("direct", { apiVersion: "v1", kind: "ConfigMap", name: "boss", uid: made.metadata.uid ?? "" }));
    await until(async () => (await status())?.conditions?.[0]?.reason === "SyncFailed");
    expect((await status())?.conditions?.[0]?.message).toBe("configmaps does not implement the scale subresource");
  });
});

describe("a stateful set", () => {
  it("brings up its pods in order with claims, updates from the highest, and shrinks", async () => {
    await plane.addNode("node-1");
    const template = (image: string) => ({ metadata: { name: "", labels: { app: "db" } }, spec: { containers: [{ name: "main", image }] } });
    const resources = { requests: { storage: "1Gi" } };
    const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources } };
    for (const name of ["one", "two", "three"]) {
      const spec = { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: `/data/${name}` } };
      await plane.client.create(persistentVolumes, { apiVersion: "v1", kind: "PersistentVolume", metadata: { name }, spec });
    }
    await plane.client.create(statefulSets, {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "db", namespace: "default" },
      spec: { replicas: 3, serviceName: "db", selector: { matchLabels: { app: "db" } }, template: template("app:1"), volumeClaimTemplates: [claim] },
    });
    const names = async (): Promise<string[]> => (await running()).map(({ metadata }) => metadata.name).sort();
    const image = async (): Promise<(string | undefined)[]> => (await running()).map(({ spec }) => spec.containers[0]?.image);
    await until(async () => (await names()).length === 3);
    expect(await names()).toEqual(["db-0", "db-1", "db-2"]);
    expect((await plane.client.list(persistentVolumeClaims)).items.map(({ metadata }) => metadata.name)).toEqual(["data-db-0", "data-db-1", "data-db-2"]);
    await plane.client.patch(statefulSets, { namespace: "default", name: "db" }, { type: "strategic", body: { spec: { template: template("app:2") } } });
    await until(async () => {
      const { status } = await plane.client.get(statefulSets, { namespace: "default", name: "db" });
      return status?.currentRevision === status?.updateRevision && status?.readyReplicas === 3 && (await image()).every((text) => text === "app:2");
    });
    await plane.client.patch(statefulSets, { namespace: "default", name: "db" }, { type: "merge", body: { spec: { replicas: 1 } } });
    await until(async () => (await podsOf()).length === 1 && (await names())[0] === "db-0");
    expect((await plane.client.list(persistentVolumeClaims)).items).toHaveLength(3);
  });
});

describe("a job", () => {
  const job = (name: string, image: string, more: Partial<Job["spec"]> = {}): Job => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: "default" },
    spec: { template: { metadata: { name: "" }, spec: { restartPolicy: "Never", containers: [{ name: "main", image }] } }, ...more },
  });
  const state = async (name: string) => (await plane.client.get(jobs, { namespace: "default", name })).status;
  const conditions = async (name: string) => (await state(name))?.conditions?.map(({ type, reason }) => `${type} ${reason}`);
  const ended = async (name: string): Promise<boolean> =>
    (await state(name))?.conditions?.some(({ type }) => type === "Complete" || type === "Failed") ?? false;

  it("completes, and counts every pod once", async () => {
    await plane.addNode("node-1");
    await plane.client.create(jobs, job("five", "exit:0", { completions: 5, parallelism: 2 }));
    await until(() => ended("five"));
    expect(await conditions("five")).toEqual(["SuccessCriteriaMet CompletionsReached", "Complete CompletionsReached"]);
    expect(await state("five")).toMatchObject({ succeeded: 5, ready: 0, uncountedTerminatedPods: {} });
    expect((await podsOf()).map(({ metadata }) => metadata.finalizers ?? [])).toEqual([[], [], [], [], []]);
    expect((await state("five"))?.completionTime).toBeDefined();
  });

  it("gives each of its pods an index where asked to", async () => {
    await plane.addNode("node-1");
    await plane.client.create(jobs, job("indexed", "exit:0", { completions: 3, parallelism: 3, completionMode: "Indexed" }));
    await until(() => ended("indexed"));
    expect((await state("indexed"))?.completedIndexes).toBe("0-2");
    const indexes = (await podsOf()).map(({ metadata, spec }) => [metadata.labels?.["batch.kubernetes.io/job-completion-index"], spec.hostname]).sort();
    expect(indexes).toEqual([
      ["0", "indexed-0"],
      ["1", "indexed-1"],
      ["2", "indexed-2"],
    ]);
  });

  it("fails when its pods failed too often, waiting longer each time", async () => {
    await plane.addNode("node-1");
    await plane.client.create(jobs, job("bad", "exit:1", { backoffLimit: 2 }));
    const begin = plane.clock.monotonic();
    await until(() => ended("bad"));
    expect(await conditions("bad")).toEqual(["FailureTarget BackoffLimitExceeded", "Failed BackoffLimitExceeded"]);
    expect(await state("bad")).toMatchObject({ failed: 3 });
    expect(plane.clock.monotonic() - begin).toBeGreaterThanOrEqual(29_000);
  });

  it("stops while suspended, and goes with its pods", async () => {
    await plane.addNode("node-1");
    await plane.client.create(jobs, job("slow", "app:1", { parallelism: 2 }));
    await until(async () => (await running()).length === 2);
    await plane.client.patch(jobs, { namespace: "default", name: "slow" }, { type: "merge", body: { spec: { suspend: true } } });
    await until(async () => (await podsOf()).length === 0);
    expect(await state("slow")).toMatchObject({ conditions: [{ type: "Suspended", status: "True" }] });
    await plane.client.patch(jobs, { namespace: "default", name: "slow" }, { type: "merge", body: { spec: { suspend: false } } });
    await until(async () => (await running()).length === 2);
    await plane.client.delete(jobs, { namespace: "default", name: "slow" }, { propagationPolicy: "Background" });
    await until(async () => (await podsOf()).length === 0);
  });

  it("is deleted when its time to live is over", async () => {
    await plane.addNode("node-1");
    await plane.client.create(jobs, job("short", "exit:0", { ttlSecondsAfterFinished: 30 }));
    await until(() => ended("short"));
    await until(async () => (await plane.client.list(jobs)).items.length === 0 && (await podsOf()).length === 0);
  });
});

describe("a cron job", () => {
  it("makes a job every minute and keeps the last ones", async () => {
    await plane.addNode("node-1");
    const template = { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "exit:0" }] } };
    await plane.client.create(cronJobs, {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "tick", namespace: "default" },
      spec: { schedule: "* * * * *", successfulJobsHistoryLimit: 2, jobTemplate: { spec: { template } } },
    });
    await plane.clock.advance(10 * 60_000 + 30_000);
    const made = (await plane.client.list(jobs)).items.map(({ metadata }) => metadata.name);
    expect(made).toHaveLength(2);
    const { status } = await plane.client.get(cronJobs, { namespace: "default", name: "tick" });
    expect(status?.lastScheduleTime).toBe(`${new Date(Math.floor(plane.clock.now() / 60_000) * 60_000).toISOString().slice(0, 19)}Z`);
    expect(status?.active ?? []).toEqual([]);
  });
});

describe("a service", () => {
  const service: Service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", labels: { tier: "front" } },
    spec: { selector: { app: "web" }, ipFamilies: ["IPv4"], ports: [{ port: 80, targetPort: "http", protocol: "TCP" }] },
  };

  it("has endpoints and slices of its ready pods", async () => {
    await plane.addNode("node-1");
    await plane.client.create(services, service);
    const slices = async () => (await plane.client.list(endpointSlices, { namespace: "default", labelSelector: "kubernetes.io/service-name=web" })).items;
    await until(async () => (await slices()).length === 1);
    expect((await slices())[0]?.endpoints ?? []).toEqual([]);
    await plane.client.create(deployments, deployment("web", 2));
    await until(() => available("web", 2));
    await until(async () => (await slices())[0]?.endpoints?.filter(({ conditions }) => conditions?.ready).length === 2);
    const [slice, ...others] = await slices();
    expect(others).toEqual([]);
    expect(slice?.ports).toEqual([{ name: "", port: 8080, protocol: "TCP" }]);
    expect(slice?.metadata.labels).toMatchObject({ tier: "front", "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" });
    const { subsets } = await plane.client.get(endpoints, { namespace: "default", name: "web" });
    expect(subsets?.[0]?.addresses).toHaveLength(2);
    expect(subsets?.[0]?.ports).toEqual([{ port: 8080, protocol: "TCP" }]);
    await plane.client.delete(services, { namespace: "default", name: "web" });
    await until(async () => (await slices()).length === 0 && !(await plane.client.list(endpoints)).items.some(({ metadata }) => metadata.name === "web"));
  });
});

describe("a service without a selector", () => {
  const slices = async () => (await plane.client.list(endpointSlices, { namespace: "default", labelSelector: "kubernetes.io/service-name=db" })).items;
  const addresses = async () => (await slices()).flatMap(({ endpoints: all = [] }) => (all ?? []).flatMap((endpoint) => endpoint.addresses)).sort();
  const place = { namespace: "default", name: "db" };

  it("has slices of the endpoints that somebody keeps for it, as long as he does", async () => {
    await plane.client.create(services, { apiVersion: "v1", kind: "Service", metadata: { ...place }, spec: { ports: [{ port: 5432 }] } });
    const subset = (...ips: string[]) => ({ addresses: ips.map((ip) => ({ ip })), ports: [{ port: 5432 }] });
    await plane.client.create(endpoints, { apiVersion: "v1", kind: "Endpoints", metadata: { ...place }, subsets: [subset("192.0.2.1")] });
    await until(async () => (await addresses()).join() === "192.0.2.1");
    expect((await slices())[0]?.metadata.labels?.["endpointslice.kubernetes.io/managed-by"]).toBe("endpointslicemirroring-controller.k8s.io");
    const current = await plane.client.get(endpoints, place);
    await plane.client.update(endpoints, { ...current, subsets: [subset("192.0.2.2", "192.0.2.3")] });
    await until(async () => (await addresses()).join() === "192.0.2.2,192.0.2.3");
    expect(await slices()).toHaveLength(1);
    await plane.client.delete(endpoints, place);
    await until(async () => (await slices()).length === 0);
  });

  it("keeps the slices that were made by hand", async () => {
    await plane.client.create(services, { apiVersion: "v1", kind: "Service", metadata: { ...place }, spec: { ports: [{ port: 5432 }] } });
    const metadata = { name: "mine", namespace: "default", labels: { "kubernetes.io/service-name": "db" } };
    const made = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata, addressType: "IPv4", endpoints: [{ addresses: ["192.0.2.9"] }] };
    await plane.client.create(endpointSlices, made);
    await plane.clock.advance(10_000);
    expect(await addresses()).toEqual(["192.0.2.9"]);
  });
});

describe("the cluster's introduction to new nodes", () => {
  it("is signed with each token until that ends", async () => {
    const place = { namespace: "kube-public", name: "cluster-info" };
    await plane.client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { ...place }, data: { kubeconfig: "clusters: []" } });
    const expiration = new Date(plane.clock.now() + 60_000).toISOString();
    const stringData = { "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-signing": "true", expiration };
    const metadata = { name: "bootstrap-token-abcdef", namespace: "kube-system" };
    await plane.client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata, type: "bootstrap.kubernetes.io/token", stringData });
    const keys = async () => Object.keys((await plane.client.get(configMaps, place)).data ?? {}).sort();
    await until(async () => (await keys()).join() === "jws-kubeconfig-abcdef,kubeconfig");
    await until(async () => (await keys()).join() === "kubeconfig");
    expect((await plane.client.list(secrets, { namespace: "kube-system" })).items.map((secret) => secret.metadata.name)).not.toContain(metadata.name);
  });
});

describe("a node", () => {
  it("learns how long it may keep secrets", async () => {
    await plane.addNode("node-1");
    const ttl = async () => (await plane.client.get(nodes, { name: "node-1" })).metadata.annotations?.["node.alpha.kubernetes.io/ttl"];
    await until(async () => (await ttl()) === "0");
  });

  it("gets a range of pod addresses of its own", async () => {
    await plane.addNode("node-1");
    await plane.addNode("node-2");
    const ranges = async () => (await plane.client.list(nodes)).items.map(({ spec }) => spec.podCIDR);
    await until(async () => (await ranges()).every((range) => range !== undefined));
    expect((await ranges()).sort()).toEqual(["10.244.0.0/24", "10.244.1.0/24"]);
  });

  it("that falls silent is tainted, and its pods are replaced elsewhere after five minutes", async () => {
    const first = await plane.addNode("node-1");
    await plane.client.create(deployments, deployment("web", 1));
    await until(() => available("web", 1));
    await plane.addNode("node-2");
    first.die();
    const node = () => plane.client.get(nodes, { name: "node-1" });
    await until(async () => (await node()).status?.conditions?.find(({ type }) => type === "Ready")?.status === "Unknown");
    await until(async () => (await node()).spec.taints?.length === 2);
    expect((await node()).spec.taints?.map(({ key, effect }) => `${key}:${effect}`).sort()).toEqual([
      "node.kubernetes.io/unreachable:NoExecute",
      "node.kubernetes.io/unreachable:NoSchedule",
    ]);
    await plane.clock.advance(200_000);
    expect((await podsOf()).every(({ metadata }) => metadata.deletionTimestamp === undefined)).toBe(true);
    await until(async () => (await running()).some(({ spec }) => spec.nodeName === "node-2"));
    const left = (await podsOf()).find(({ spec }) => spec.nodeName === "node-1");
    expect(left?.status?.conditions?.find(({ type }) => type === "DisruptionTarget")?.reason).toBe("DeletionByTaintManager");
    expect(left?.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("False");
    await plane.client.delete(nodes, { name: "node-1" });
    await until(async () => (await podsOf()).length === 1);
  });
});
