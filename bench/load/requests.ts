// The requests of the load by name, each made from a number: both sides get the same ones.
import type { LoadRequest } from "./http2.ts";

export interface RequestOptions {
  readonly namespace?: string;
  /** Of a pod, beside what all have. */
  readonly spec?: object;
  /** Of a pod; `{n}` stands for its number. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly prefix?: string;
  readonly path?: string;
  /** Pods are put on nodes in turn, without a scheduler. */
  readonly nodes?: number;
  readonly acceptsGzip?: boolean;
  readonly zones?: number;
  readonly allocatable?: Readonly<Record<string, string>>;
}

type MakeRequest = (number: number, options: RequestOptions) => LoadRequest;

const DELETE_NOW = JSON.stringify({ kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0 });
const DEFAULT_ALLOCATABLE = { cpu: "32", memory: "256Gi", pods: "110", "ephemeral-storage": "100Gi" };

function podPath({ namespace = "default", prefix = "pod" }: RequestOptions, number: number): string {
  return `/api/v1/namespaces/${namespace}/pods/${prefix}-${number}`;
}

function nodeName(number: number): string {
  return `node-${number}`;
}

/** A pod as a deployment's: labels, an owner, two containers with requests, probes and variables. About 1.5 KB as it is sent. */
function pod(number: number, { prefix = "pod", namespace = "default", labels = {}, spec = {}, nodes }: RequestOptions): object {
  const app = `app-${number % 100}`;
  const container = (name: string) => ({
    name,
    image: "registry.example/app:1.2.3",
    env: [
      { name: "MODE", value: "production" },
      { name: "NODE_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "spec.nodeName" } } },
    ],
    ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
    resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "128Mi" } },
    readinessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 10 },
  });
  const placed = nodes === undefined ? {} : { nodeName: nodeName(number % nodes) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${prefix}-${number}`,
      namespace,
      labels: { app, "pod-template-hash": "5d4f8c7b9", number: String(number), ...labels },
      annotations: { "example.com/checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
    },
    spec: { containers: [container("main"), { ...container("sidecar"), ports: [] }], terminationGracePeriodSeconds: 0, ...placed, ...spec },
  };
}

/** As scheduler benchmarks have them: one container that asks for something, and what the shape says. */
function smallPod(number: number, { prefix = "pod", namespace = "default", labels = {}, spec = {}, nodes }: RequestOptions): object {
  const placed = nodes === undefined ? {} : { nodeName: nodeName(number % nodes) };
  const containers = [{ name: "main", image: "registry.example/app:1", resources: { requests: { cpu: "100m", memory: "500Mi" } } }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `${prefix}-${number}`, namespace, labels },
    spec: { containers, terminationGracePeriodSeconds: 0, ...placed, ...spec },
  };
}

function node(number: number, { zones = 5 }: RequestOptions): object {
  const name = nodeName(number);
  const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": `zone-${number % zones}` };
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, spec: {} };
}

function nodeStatus({ allocatable = DEFAULT_ALLOCATABLE }: RequestOptions): object {
  const nowText = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const condition = (type: string, status: string, reason: string) => ({
    type,
    status,
    reason,
    message: reason,
    lastHeartbeatTime: nowText,
    lastTransitionTime: nowText,
  });
  return {
    status: {
      capacity: allocatable,
      allocatable,
      conditions: [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID"),
        condition("Ready", "True", "KubeletReady"),
      ],
    },
  };
}

const podStatus = (number: number): object => {
  const nowText = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const ip = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
  const condition = (type: string) => ({ type, status: "True", lastTransitionTime: nowText });
  return {
    status: {
      phase: "Running",
      conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition),
      podIP: ip,
      podIPs: [{ ip }],
      startTime: nowText,
      containerStatuses: ["main", "sidecar"].map((name) => ({
        name,
        ready: true,
        started: true,
        restartCount: 0,
        image: "registry.example/app:1.2.3",
        imageID: "registry.example/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        containerID: `containerd://${String(number).padStart(64, "0")}`,
        state: { running: { startedAt: nowText } },
      })),
    },
  };
};

let patches = 0;
const json = (value: object): string => JSON.stringify(value);
const STRATEGIC = "application/strategic-merge-patch+json";
const MERGE = "application/merge-patch+json";

export const REQUESTS = {
  "create pods": (number, options) => ({
    method: "POST",
    path: `/api/v1/namespaces/${options.namespace ?? "default"}/pods`,
    body: json(pod(number, options)),
  }),
  "create small pods": (number, options) => ({
    method: "POST",
    path: `/api/v1/namespaces/${options.namespace ?? "default"}/pods`,
    body: json(smallPod(number, options)),
  }),
  "get pods": (number, options) => ({ method: "GET", path: podPath(options, number) }),
  "patch pods": (number, options) => ({
    method: "PATCH",
    path: podPath(options, number),
    // A patch that changes nothing writes nothing.
    body: json({ metadata: { labels: { patched: String(patches++) } } }),
    contentType: STRATEGIC,
  }),
  "patch pod statuses": (number, options) => ({
    method: "PATCH",
    path: `${podPath(options, number)}/status`,
    body: json(podStatus(number)),
    contentType: STRATEGIC,
  }),
  "delete pods": (number, options) => ({ method: "DELETE", path: podPath(options, number), body: DELETE_NOW }),
  "get path": (_number, { path = "/", acceptsGzip = false }) => ({ method: "GET", path, acceptsGzip }),
  "delete path": (_number, { path = "/" }) => ({ method: "DELETE", path, body: DELETE_NOW }),
  "create nodes": (number, options) => ({ method: "POST", path: "/api/v1/nodes", body: json(node(number, options)) }),
  // Who registers a node starts it with a taint until its status says Ready; nobody here takes it away.
  "untaint nodes": (number) => ({ method: "PATCH", path: `/api/v1/nodes/${nodeName(number)}`, body: json({ spec: { taints: null } }), contentType: MERGE }),
  "patch node statuses": (number, options) => ({
    method: "PATCH",
    path: `/api/v1/nodes/${nodeName(number)}/status`,
    body: json(nodeStatus(options)),
    contentType: STRATEGIC,
  }),
  "delete nodes": (number) => ({ method: "DELETE", path: `/api/v1/nodes/${nodeName(number)}` }),
  "create leases": (number) => ({
    method: "POST",
    path: "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
    body: json({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: nodeName(number), namespace: "kube-node-lease" },
      spec: { holderIdentity: nodeName(number), leaseDurationSeconds: 40, renewTime: new Date().toISOString().replace("Z", "000Z") },
    }),
  }),
  "create namespaces": (number, { prefix = "namespace" }) => ({
    method: "POST",
    path: "/api/v1/namespaces",
    body: json({ apiVersion: "v1", kind: "Namespace", metadata: { name: `${prefix}-${number}` } }),
  }),
  // Upstream's API server alone has no controller that makes it; without it no pod is let in.
  "create service account": (_number, { namespace = "default" }) => ({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/serviceaccounts`,
    body: json({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } }),
  }),
  "create priority class": (number, { prefix = "priority" }) => ({
    method: "POST",
    path: "/apis/scheduling.k8s.io/v1/priorityclasses",
    body: json({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: `${prefix}-${number}` }, value: number }),
  }),
} satisfies Record<string, MakeRequest>;

export type RequestName = keyof typeof REQUESTS;
