import { beforeEach, describe, expect, it } from "vitest";
import {
  type Ingress,
  ingresses,
  type Kind,
  type KubeObject,
  type LimitRange,
  limitRanges,
  type Namespace,
  type Node,
  namespaces,
  nodes,
  type PersistentVolumeClaim,
  type Pod,
  type PriorityClass,
  persistentVolumeClaims,
  pods,
  priorityClasses,
  type ResourceQuota,
  type RoleBinding,
  resourceQuotas,
  roleBindings,
  runtimeClasses,
  type ServiceAccount,
  type StorageClass,
  serviceAccounts,
  storageClasses,
  type ValidatingAdmissionPolicy,
  validatingAdmissionPolicies,
} from "../../api/index.ts";
import { createVirtualEnv, type Mutable, mutableCopy } from "../../base/index.ts";
import { createAuthorizer } from "../authorization/create-authorizer.ts";
import { createMemoryClient } from "../memory-client.ts";
import { createMemoryObjectReader, type MemoryObjectReader } from "../memory-object-reader.ts";
import type { UserInfo } from "../user.ts";
import { type AdmissionChain, createAdmissionChain } from "./chain.ts";
import type { AdmissionRequest } from "./plugin.ts";

const jane: UserInfo = { name: "jane", groups: ["system:authenticated"] };
const kubelet: UserInfo = { name: "system:node:n1", groups: ["system:nodes"] };
const namespace: Namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "ns" }, spec: {}, status: { phase: "Active" } };
const account: ServiceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "ns", uid: "u" } };

let objects: MemoryObjectReader;
let chain: AdmissionChain;

beforeEach(() => {
  const { env } = createVirtualEnv({ seed: "chain" });
  objects = createMemoryObjectReader();
  objects.put(namespaces, namespace);
  objects.put(serviceAccounts, account);
  chain = createAdmissionChain(env, { objects, client: createMemoryClient(objects), authorizer: createAuthorizer({ objects }), kinds: () => [] });
});

function pod(spec: Partial<Pod["spec"]> = {}): Pod {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "ns" }, spec: { containers: [{ name: "c", image: "i" }], ...spec } };
}

interface Asked<T extends KubeObject> {
  readonly kind: Kind<T>;
  readonly object?: T;
  readonly old?: T;
  readonly operation?: AdmissionRequest["operation"];
  readonly subresource?: string;
  readonly user?: UserInfo;
}

/** Runs the whole chain and returns what would be stored. */
async function admit<T extends KubeObject>({ kind, object, old, operation = "CREATE", subresource = "", user = jane }: Asked<T>): Promise<Mutable<T>> {
  const metadata = (object ?? old)?.metadata;
  const request: AdmissionRequest = {
    operation,
    kind: kind as unknown as Kind,
    subresource,
    namespace: metadata?.namespace ?? "",
    name: metadata?.name ?? "",
    ...(object === undefined ? {} : { object: mutableCopy(object) as unknown as Mutable<KubeObject> }),
    ...(old === undefined ? {} : { oldObject: old }),
    user,
    dryRun: false,
    warnings: [],
  };
  await chain.mutate(request);
  await chain.validate(request);
  return request.object as unknown as Mutable<T>;
}

describe("a new pod", () => {
  it("gets its account, token volume, priority and tolerations", async () => {
    const { spec } = await admit({ kind: pods, object: pod() });
    expect(spec.serviceAccountName).toBe("default");
    const volume = spec.volumes?.[0];
    expect(volume?.name).toMatch(/^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(volume?.projected).toEqual({
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] } },
      ],
    });
    expect(spec.containers[0]?.volumeMounts).toEqual([{ name: volume?.name, readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }]);
    expect(spec.priority).toBe(0);
    expect(spec.preemptionPolicy).toBe("PreemptLowerPriority");
    expect(spec.tolerations).toEqual([
      { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
      { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
    ]);
  });

  it.each([
    [undefined, undefined, true],
    [undefined, false, false],
    [true, false, true],
    [false, true, false],
  ])("mounts the token when the pod says %s and the account %s: %s", async (ofPod, ofAccount, isMounted) => {
    objects.put(serviceAccounts, { ...account, automountServiceAccountToken: ofAccount });
    const { spec } = await admit({ kind: pods, object: pod({ automountServiceAccountToken: ofPod }) });
    expect(spec.volumes !== undefined).toBe(isMounted);
  });

  it("needs a service account, a priority class and a runtime class that exist", async () => {
    await expect(admit({ kind: pods, object: pod({ serviceAccountName: "x" }) })).rejects.toMatchObject({
      code: 403,
      message: 'pods "p" is forbidden: error looking up service account ns/x: serviceaccount "x" not found',
    });
    await expect(admit({ kind: pods, object: pod({ priorityClassName: "x" }) })).rejects.toThrow(
      'pods "p" is forbidden: no PriorityClass with name x was found',
    );
    await expect(admit({ kind: pods, object: pod({ runtimeClassName: "x" }) })).rejects.toThrow('pod rejected: RuntimeClass "x" not found');
  });

  it("takes priority, overhead and selector of its classes", async () => {
    const high: PriorityClass = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: "high" }, value: 7, preemptionPolicy: "Never" };
    objects.put(priorityClasses, high);
    objects.put(runtimeClasses, {
      apiVersion: "node.k8s.io/v1",
      kind: "RuntimeClass",
      metadata: { name: "kata" },
      handler: "kata",
      overhead: { podFixed: { cpu: "10m" } },
      scheduling: { nodeSelector: { vm: "yes" } },
    });
    const { spec } = await admit({ kind: pods, object: pod({ priorityClassName: "high", runtimeClassName: "kata" }) });
    expect(spec).toMatchObject({ priority: 7, preemptionPolicy: "Never", overhead: { cpu: "10m" }, nodeSelector: { vm: "yes" } });
    await expect(admit({ kind: pods, object: pod({ priorityClassName: "high", priority: 8 }) })).rejects.toThrow(
      "the integer value of priority (8) must not be provided in pod spec; priority admission controller computed 7 from the given PriorityClass name",
    );
    await expect(admit({ kind: pods, object: pod({ runtimeClassName: "kata", nodeSelector: { vm: "no" } }) })).rejects.toThrow(
      "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no",
    );
  });

  it("keeps within the limit range, which also gives defaults", async () => {
    const range: LimitRange = {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name: "r", namespace: "ns" },
      spec: { limits: [{ type: "Container", default: { cpu: "1" }, defaultRequest: { cpu: "500m" }, max: { cpu: "2" } }] },
    };
    objects.put(limitRanges, range);
    const stored = await admit({ kind: pods, object: pod() });
    expect(stored.spec.containers[0]?.resources).toEqual({ requests: { cpu: "500m" }, limits: { cpu: "1" } });
    expect(stored.metadata.annotations?.["kubernetes.io/limit-ranger"]).toBe("LimitRanger plugin set: cpu request for container c; cpu limit for container c");
    const greedy = pod({ containers: [{ name: "c", image: "i", resources: { limits: { cpu: "3" }, requests: { cpu: "3" } } }] });
    await expect(admit({ kind: pods, object: greedy })).rejects.toThrow('pods "p" is forbidden: maximum cpu usage per Container is 2, but limit is 3');
  });

  it("is charged to the quota, and refused beyond it", async () => {
    const quota: ResourceQuota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "q", namespace: "ns" },
      spec: { hard: { pods: "2" } },
      status: { hard: { pods: "2" }, used: { pods: "0" } },
    };
    objects.put(resourceQuotas, quota);
    await Promise.all([admit({ kind: pods, object: pod() }), admit({ kind: pods, object: pod() })]);
    expect(objects.get(resourceQuotas, "ns", "q")?.status?.used).toEqual({ pods: "2" });
    await expect(admit({ kind: pods, object: pod() })).rejects.toThrow(
      'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    );
  });
});

describe("namespaces", () => {
  it("take nothing new while they are deleted, and must be there", async () => {
    objects.put(namespaces, { ...namespace, status: { phase: "Terminating" } });
    await expect(admit({ kind: pods, object: pod() })).rejects.toMatchObject({
      code: 403,
      message: 'pods "p" is forbidden: unable to create new content in namespace ns because it is being terminated',
      details: { causes: [{ reason: "NamespaceTerminating", message: "namespace ns is being terminated", field: "metadata.namespace" }] },
    });
    objects.remove(namespaces, "", "ns");
    await expect(admit({ kind: pods, object: pod() })).rejects.toMatchObject({ code: 404, message: 'namespaces "ns" not found' });
  });

  it("of the system stay", async () => {
    const old: Namespace = { ...namespace, metadata: { name: "kube-system" } };
    await expect(admit({ kind: namespaces, old, operation: "DELETE" })).rejects.toThrow(
      'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    );
  });
});

describe("defaults", () => {
  it("give a claim the youngest default class, and protection", async () => {
    const storageClass = (name: string, creationTimestamp: string): StorageClass => ({
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name, creationTimestamp, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
      provisioner: "p",
    });
    objects.put(storageClasses, storageClass("old", "2026-01-01T00:00:00Z"), storageClass("new", "2026-02-01T00:00:00Z"));
    const claim: PersistentVolumeClaim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "c", namespace: "ns" },
      spec: { accessModes: ["ReadWriteOnce"] },
    };
    const stored = await admit({ kind: persistentVolumeClaims, object: claim });
    expect(stored.spec.storageClassName).toBe("new");
    expect(stored.metadata.finalizers).toEqual(["kubernetes.io/pvc-protection"]);
  });

  it("leave an Ingress alone when there is no default class", async () => {
    const ingress: Ingress = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata: { name: "i", namespace: "ns" }, spec: {} };
    expect((await admit({ kind: ingresses, object: ingress })).spec).toEqual({});
  });
});

describe("a node", () => {
  const node = (name: string, more: Partial<Node["metadata"]> = {}): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name, ...more }, spec: {} });

  it("starts with a taint", async () => {
    const stored = await admit({ kind: nodes, object: node("n1"), user: kubelet });
    expect(stored.spec?.taints).toEqual([{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }]);
  });

  it("writes only itself, without labels that are not its business", async () => {
    await expect(admit({ kind: nodes, object: node("n2"), user: kubelet })).rejects.toThrow('node "n1" is not allowed to modify node "n2"');
    await expect(admit({ kind: nodes, object: node("n1", { labels: { "node-role.kubernetes.io/control-plane": "" } }), user: kubelet })).rejects.toThrow(
      'node "n1" is not allowed to set the following labels: node-role.kubernetes.io/control-plane',
    );
    await expect(admit({ kind: nodes, object: node("n1", { labels: { "kubernetes.io/os": "linux", mine: "x" } }), user: kubelet })).resolves.toBeDefined();
  });

  it("creates only mirror pods, and writes the status only of its own", async () => {
    objects.put(nodes, node("n1", { uid: "nu" }));
    await expect(admit({ kind: pods, object: pod(), user: kubelet })).rejects.toThrow('node "n1" can only create mirror pods');
    const foreign = pod({ nodeName: "n2" });
    await expect(admit({ kind: pods, object: foreign, old: foreign, operation: "UPDATE", subresource: "status", user: kubelet })).rejects.toThrow(
      'node "n1" can only update pod status for pods with spec.nodeName set to itself',
    );
    const own = pod({ nodeName: "n1" });
    await expect(admit({ kind: pods, object: own, old: own, operation: "UPDATE", subresource: "status", user: kubelet })).resolves.toBeDefined();
  });
});

describe("roles and bindings", () => {
  it("grant nothing that their writer does not hold", async () => {
    const binding: RoleBinding = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "b", namespace: "ns" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "User", name: "jane", apiGroup: "rbac.authorization.k8s.io" }],
    };
    await expect(admit({ kind: roleBindings, object: binding })).rejects.toMatchObject({ code: 404 });
    await expect(admit({ kind: roleBindings, object: binding, user: { name: "admin", groups: ["system:masters"] } })).resolves.toBeDefined();
  });
});

describe("what is not built", () => {
  it("is said to have no effect", async () => {
    const object: ValidatingAdmissionPolicy = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name: "w" },
      spec: {},
    };
    const request: AdmissionRequest = {
      operation: "CREATE",
      kind: validatingAdmissionPolicies as unknown as Kind,
      subresource: "",
      namespace: "",
      name: "w",
      object: mutableCopy(object) as unknown as Mutable<KubeObject>,
      user: jane,
      dryRun: false,
      warnings: [],
    };
    await chain.validate(request);
    expect(request.warnings).toEqual([
      "kubets stores this ValidatingAdmissionPolicy, but it has no effect: admission policies are not evaluated yet, and their CEL is not checked",
    ]);
  });
});
