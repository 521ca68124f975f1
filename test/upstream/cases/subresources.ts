// What lies below an object: logs, shells, evictions, tokens, scales, and states of its own. Nothing runs: no node has the pod.
import type { RequestCase, Scenario } from "./cases.ts";
import { get, MERGE, patch, post, put, remove, request, STRATEGIC } from "./requests.ts";

const PODS = "/api/v1/namespaces/default/pods";
const ONE = `${PODS}/held`;
const SETS = "/apis/apps/v1/namespaces/default/statefulsets";
const ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default";
const APPARMOR = "container.apparmor.security.beta.kubernetes.io/";

const pod = (name: string, spec: object = {}, metadata: object = {}): unknown => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, ...metadata },
  spec: { containers: [{ name: "main", image: "app:1", resources: { requests: { cpu: "100m" } } }], ...spec },
});
const confined = (profile: object): object => ({ containers: [{ name: "main", image: "app:1", securityContext: { appArmorProfile: profile } }] });

/** What of a pod was an annotation once. */
const profiles: readonly RequestCase[] = [
  ["localhost/mine", {}],
  ["runtime/default", {}],
  ["unconfined", {}],
  ["localhost/", {}],
  ["localhost/ padded", {}],
  ["nonsense", {}],
  ["localhost/mine", confined({ type: "Localhost", localhostProfile: "mine" })],
  ["localhost/mine", confined({ type: "Localhost", localhostProfile: "other" })],
  ["localhost/mine", confined({ type: "RuntimeDefault" })],
  ["unconfined", { securityContext: { appArmorProfile: { type: "Unconfined" } } }],
  ["unconfined", { securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }],
].map(([profile, spec]) =>
  post(`${PODS}?dryRun=All`, pod("confined", spec as object, { annotations: { [`${APPARMOR}main`]: profile } }), {
    name: `AppArmor ${profile} ${JSON.stringify(spec)}`,
  }),
);

const seccomp: readonly RequestCase[] = [
  { "seccomp.security.alpha.kubernetes.io/pod": "runtime/default" },
  { "container.seccomp.security.alpha.kubernetes.io/main": "localhost/../x" },
  { "seccomp.security.alpha.kubernetes.io/pod": "nonsense" },
].map((annotations) => post(`${PODS}?dryRun=All`, pod("confined", {}, { annotations }), { name: JSON.stringify(annotations) }));

const pods: readonly RequestCase[] = [
  post(PODS, pod("held", {}, { annotations: { [`${APPARMOR}main`]: "unconfined" } })),
  patch(`${ONE}?dryRun=All`, MERGE, { metadata: { annotations: { [`${APPARMOR}main`]: "runtime/default" } } }),
  patch(`${ONE}?dryRun=All`, MERGE, { metadata: { annotations: { [`${APPARMOR}main`]: null } } }),
  patch(`${ONE}?dryRun=All`, MERGE, { metadata: { annotations: { [`${APPARMOR}new`]: "unconfined" } } }),
  get(`${ONE}/log`),
  get(`${ONE}/log?container=nope`),
  get(`${ONE}/log?tailLines=-1`),
  get(`${ONE}/log?tailLines=x`),
  get(`${ONE}/log?limitBytes=0`),
  get(`${ONE}/log?sinceSeconds=0`),
  get(`${ONE}/log?sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z`),
  get(`${ONE}/log?sinceTime=yesterday`),
  get(`${ONE}/log?stream=Nope`),
  get(`${ONE}/log?stream=Stdout&tailLines=5`),
  get(`${ONE}/exec`),
  get(`${ONE}/exec?command=a`),
  get(`${ONE}/exec?command=a&container=nope&stdout=1`),
  post(`${ONE}/exec?command=a&stdout=1`, ""),
  get(`${ONE}/attach?stdout=1`),
  get(`${ONE}/attach`),
  get(`${ONE}/portforward`),
  get(`${ONE}/proxy/`),
  get(`${PODS}/missing/attach?stdout=1`),
  get(`${PODS}/missing/portforward`),
  get(`${PODS}/missing/proxy/`),
  get(`${ONE}/nope`),
  get(`${ONE}/status`),
  put(`${ONE}/status`, { apiVersion: "v1", kind: "Pod", metadata: { name: "held" }, spec: { containers: [] }, status: { phase: "Running" } }),
  patch(`${ONE}/status?dryRun=All`, MERGE, { status: { phase: "Nope" } }),
  patch(`${ONE}/status?dryRun=All`, MERGE, { status: { conditions: [{ type: "a b", status: "True" }] } }),
  patch(`${ONE}/status?dryRun=All`, STRATEGIC, { status: { conditions: [{ type: "example.com/a", status: "True" }] } }),
  patch(`${ONE}/status?dryRun=All`, MERGE, { status: { qosClass: "Guaranteed" } }),
  get(`${ONE}/ephemeralcontainers`),
  patch(`${ONE}/ephemeralcontainers?dryRun=All`, STRATEGIC, { spec: { ephemeralContainers: [{ name: "debug", image: "sh:1" }] } }),
  patch(`${ONE}/ephemeralcontainers?dryRun=All`, STRATEGIC, { spec: { ephemeralContainers: [{ name: "main", image: "sh:1" }] } }),
  patch(`${ONE}/ephemeralcontainers?dryRun=All`, STRATEGIC, {
    spec: { ephemeralContainers: [{ name: "debug", image: "sh:1", ports: [{ containerPort: 1 }] }] },
  }),
  patch(`${ONE}/ephemeralcontainers?dryRun=All`, STRATEGIC, { spec: { ephemeralContainers: [{ name: "debug", targetContainerName: "nope" }] } }),
  get(`${ONE}/resize`),
  patch(`${ONE}/resize?dryRun=All`, STRATEGIC, { spec: { containers: [{ name: "main", resources: { requests: { cpu: "200m" } } }] } }),
  patch(`${ONE}/resize?dryRun=All`, STRATEGIC, { spec: { containers: [{ name: "main", resources: { requests: { cpu: null, memory: "1Gi" } } }] } }),
  patch(`${ONE}/resize?dryRun=All`, STRATEGIC, { spec: { containers: [{ name: "main", resources: { limits: { cpu: "1" } } }] } }),
  patch(`${ONE}/resize?dryRun=All`, STRATEGIC, { spec: { containers: [{ name: "main", resources: { requests: { "example.com/gpu": "1" } } }] } }),
  patch(`${ONE}/resize?dryRun=All`, STRATEGIC, { spec: { containers: [{ name: "other", image: "a" }] } }),
  post(`${ONE}/eviction?dryRun=All`, { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "held" } }),
  post(`${ONE}/eviction?dryRun=All`, { apiVersion: "policy/v1beta1", kind: "Eviction", metadata: { name: "held" } }),
  post(`${ONE}/eviction`, { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "held" }, deleteOptions: { dryRun: ["Some"] } }),
  post(`${ONE}/eviction`, { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "held" }, deleteOptions: { preconditions: { uid: "other" } } }),
  get(`${ONE}/eviction`),
  post(`${ONE}/binding?dryRun=All`, { apiVersion: "v1", kind: "Binding", metadata: { name: "held" }, target: { kind: "Node", name: "anywhere" } }),
  post(`${ONE}/binding`, { apiVersion: "v1", kind: "Binding", metadata: { name: "held" }, target: { kind: "Node", name: "anywhere" } }),
  post(`${ONE}/binding`, { apiVersion: "v1", kind: "Binding", metadata: { name: "held" }, target: { kind: "Node", name: "elsewhere" } }),
  get(`${PODS}?fieldSelector=spec.nodeName%3Danywhere`, { headers: { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" } }),
  remove(`${ONE}?gracePeriodSeconds=5&dryRun=All`),
  remove(`${ONE}?gracePeriodSeconds=5`),
  get(ONE, { name: "the pod that ends" }),
  remove(`${ONE}?gracePeriodSeconds=0`),
];

const tokens: readonly RequestCase[] = [
  post(`${ACCOUNT}/token?dryRun=All`, { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences: ["a"], expirationSeconds: 2 ** 33 } }),
  post(`${ACCOUNT}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { boundObjectRef: { kind: "Deployment", apiVersion: "apps/v1", name: "a" } },
  }),
  post(`${ACCOUNT}/token`, { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: { name: "other" }, spec: {} }),
  post(`${ACCOUNT}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { boundObjectRef: { kind: "Secret", apiVersion: "v1", name: "missing" } },
  }),
  post(`${ACCOUNT}/token`, { apiVersion: "v1", kind: "ServiceAccount" }),
  get(`${ACCOUNT}/token`),
];

const set = { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "rows" } };
const scale = (spec: object, metadata: object = {}): unknown => ({
  apiVersion: "autoscaling/v1",
  kind: "Scale",
  metadata: { name: "rows", ...metadata },
  spec,
});
const scales: readonly RequestCase[] = [
  post(SETS, {
    ...set,
    spec: {
      serviceName: "rows",
      selector: { matchLabels: { app: "rows" } },
      template: { metadata: { labels: { app: "rows" } }, spec: { containers: [{ name: "a", image: "a" }] } },
    },
  }),
  get(`${SETS}/rows/scale`),
  get(`${SETS}/rows/scale`, { headers: { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" } }),
  put(`${SETS}/rows/scale?dryRun=All`, scale({ replicas: 3 })),
  put(`${SETS}/rows/scale`, scale({ replicas: 3 }, { resourceVersion: "1" })),
  put(`${SETS}/rows/scale`, scale({ replicas: 3 }, { uid: "other" })),
  put(`${SETS}/rows/scale`, { ...set, spec: {} }),
  patch(`${SETS}/rows/scale?dryRun=All`, { "content-type": "application/json-patch+json" }, [{ op: "replace", path: "/spec/replicas", value: 2 }]),
  patch(`${SETS}/rows/scale?dryRun=All&fieldManager=me`, { "content-type": "application/apply-patch+yaml" }, scale({ replicas: 4 })),
  request("DELETE", `${SETS}/rows/scale`),
  post(`${SETS}/rows/scale`, scale({ replicas: 1 })),
  remove(`${SETS}/rows?propagationPolicy=Background`),
];

const namespaces: readonly RequestCase[] = [
  post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "kept" } }),
  put("/api/v1/namespaces/kept/finalize?dryRun=All", { apiVersion: "v1", kind: "Namespace", metadata: { name: "kept" }, spec: { finalizers: ["nodomain"] } }),
  put("/api/v1/namespaces/kept/finalize?dryRun=All", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "kept" },
    spec: { finalizers: ["example.com/x"] },
  }),
  patch("/api/v1/namespaces/kept/finalize", MERGE, { spec: { finalizers: [] } }),
  patch("/api/v1/namespaces/kept/status?dryRun=All", MERGE, { status: { phase: "Terminating" } }),
  remove("/api/v1/namespaces/kept"),
  get("/api/v1/namespaces/kept", { name: "the namespace that ends" }),
  post("/api/v1/namespaces/kept/configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late" } }),
  put("/api/v1/namespaces/kept/finalize", { apiVersion: "v1", kind: "Namespace", metadata: { name: "kept" }, spec: { finalizers: [] } }),
  post("/api/v1/namespaces/nowhere/configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late" } }),
];

const components: readonly RequestCase[] = [
  get("/api/v1/componentstatuses/etcd-0"),
  get("/api/v1/componentstatuses/etcd-0", { headers: { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" } }),
  get("/api/v1/componentstatuses/nope"),
  get("/api/v1/componentstatuses?labelSelector=a%3Db"),
  get("/api/v1/componentstatuses?fieldSelector=metadata.name%3Detcd-0"),
  get("/api/v1/componentstatuses?watch=1"),
  remove("/api/v1/componentstatuses/etcd-0"),
];

export const subresources: Scenario = {
  name: "subresources",
  cases: [...profiles, ...seccomp, ...pods, ...tokens, ...scales, ...namespaces, ...components],
};
