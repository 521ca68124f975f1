// Namespaces, configuration, nodes, quotas, events and volumes: what creation sets and what validation refuses.
import { describe, expect, test } from "vitest";
import { type Mutable, mutableCopy } from "../../base/types.ts";
import { type FieldError, fieldErrorText } from "../field-errors.ts";
import type { ConfigMap, Endpoints, Event, LimitRange, Namespace, Node, PersistentVolumeClaim, ResourceQuota, Secret } from "../generated/types.ts";
import { validateConfigMap, validateConfigMapUpdate, validateSecret } from "./config-validation.ts";
import { endpoints } from "./endpoints.ts";
import { validateEndpoints } from "./endpoints-validation.ts";
import { events } from "./event.ts";
import { validateCoreEvent } from "./event-validation.ts";
import { limitRanges } from "./limit-range.ts";
import { namespaces } from "./namespace.ts";
import { validateNamespaceFinalizers, validateNamespaceStatus } from "./namespace-validation.ts";
import { nodes } from "./node.ts";
import { validateNode } from "./node-validation.ts";
import { validateLimitRange, validateResourceQuota } from "./quota-validation.ts";
import { secrets } from "./secret.ts";
import { validateClaim, validateClaimUpdate } from "./volume-validation.ts";

const texts = (errors: readonly FieldError[]): string[] => errors.map(fieldErrorText);
const metadata = { name: "x", namespace: "default" };
const context = { now: 0, userName: "u", userGroups: [], warn: () => undefined };

describe("namespaces", () => {
  const example = (): Mutable<Namespace> => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: "x" }, spec: {} });

  test("begin active, with a finalizer and their name as a label", () => {
    const namespace = example();
    namespaces.declaration.defaults?.(namespace);
    namespaces.declaration.prepareForCreate?.(namespace, context);
    expect(namespace).toMatchObject({
      metadata: { labels: { "kubernetes.io/metadata.name": "x" } },
      spec: { finalizers: ["kubernetes"] },
      status: { phase: "Active" },
    });
  });

  test("lose finalizers through /finalize alone", () => {
    const old: Namespace = { ...example(), spec: { finalizers: ["kubernetes"] } };
    const updated = example();
    namespaces.declaration.prepareForUpdate?.(updated, old, context);
    expect(updated.spec.finalizers).toEqual(["kubernetes"]);
    const finalized = example();
    namespaces.declaration.subresourceUpdates?.["finalize"]?.prepare(finalized, old, context);
    expect(finalized.spec.finalizers).toBeUndefined();
  });

  test("are terminating exactly while they are deleted", () => {
    expect(texts(validateNamespaceStatus({ ...example(), status: { phase: "Terminating" } }))).toEqual([
      "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
    ]);
    expect(texts(validateNamespaceFinalizers({ ...example(), spec: { finalizers: ["mine"] } }))).toEqual([
      'spec.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ]);
  });
});

describe("configuration", () => {
  const map = (more: Partial<ConfigMap>): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata, ...more });
  const secret = (more: Partial<Secret>): Secret => ({ apiVersion: "v1", kind: "Secret", metadata, ...more });

  test("keys are file names, each once", () => {
    expect(texts(validateConfigMap(map({ data: { "a/b": "1" } })))).toEqual([
      "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ]);
    expect(texts(validateConfigMap(map({ data: { a: "1" }, binaryData: { a: "MQ==" } })))).toEqual([
      'data[a]: Invalid value: "a": duplicate of key present in binaryData',
    ]);
  });

  test("size is bounded", () => {
    expect(texts(validateConfigMap(map({ data: { a: "x".repeat(1024 * 1024 + 1) } })))).toEqual(["[]: Too long: may not be more than 1048576 bytes"]);
  });

  test("nothing changes once it is immutable", () => {
    const old = map({ data: { a: "1" }, immutable: true });
    expect(texts(validateConfigMapUpdate({ ...old, data: { a: "2" } }, old))).toEqual(["data: Forbidden: field is immutable when `immutable` is set"]);
  });

  test("text of a secret becomes data", () => {
    const example = mutableCopy(secret({ stringData: { a: "grüße" } }));
    secrets.declaration.defaults?.(example);
    expect(example).toEqual({ ...secret({ data: { a: "Z3LDvMOfZQ==" }, type: "Opaque" }) });
  });

  test.each<[string, Partial<Secret>, string[]]>([
    ["tls without a key", { type: "kubernetes.io/tls", data: { "tls.crt": "" } }, ["data[tls.key]: Required value"]],
    ["a token of nobody", { type: "kubernetes.io/service-account-token" }, ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]],
    [
      "a registry login that is no JSON",
      { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": "eA==" } },
      ["data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid character 'x' looking for beginning of value"],
    ],
  ])("refuses %s", (_what, more, expected) => {
    expect(texts(validateSecret(secret(more)))).toEqual(expected);
  });
});

describe("nodes", () => {
  const node: Node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n", labels: { "node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/worker": "" } },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: "Ready", status: "True" }],
      addresses: [{ type: "InternalIP", address: "192.168.1.2" }],
      nodeInfo: { kernelVersion: "6.1", architecture: "amd64", kubeletVersion: "v1.36.0", osImage: "Debian" } as never,
    },
  };

  test("in the table", () => {
    expect(nodes.declaration.columns.map((column) => column.value(node, 0))).toEqual([
      "n",
      "Ready,SchedulingDisabled",
      "control-plane,worker",
      "<unknown>",
      "v1.36.0",
      "192.168.1.2",
      "<none>",
      "Debian",
      "6.1 (amd64)",
      "<unknown>",
    ]);
  });

  test("have each taint once, of a known effect", () => {
    const taint = { key: "a", effect: "NoSchedule" };
    expect(texts(validateNode({ ...node, spec: { taints: [taint, taint, { key: "b", effect: "Maybe" }] } }))).toEqual([
      'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: taints must be unique by key and effect pair',
      'metadata.taints[2].effect: Unsupported value: "Maybe": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ]);
  });
});

describe("quotas and ranges", () => {
  const range = (item: LimitRange["spec"]["limits"][number]): Mutable<LimitRange> =>
    mutableCopy({ apiVersion: "v1", kind: "LimitRange", metadata, spec: { limits: [item] } });
  const quota = (spec: ResourceQuota["spec"]): ResourceQuota => ({ apiVersion: "v1", kind: "ResourceQuota", metadata, spec });

  test("a container's bounds are its defaults", () => {
    const example = range({ type: "Container", max: { cpu: "2" }, min: { cpu: "1", memory: "1Mi" } });
    limitRanges.declaration.defaults?.(example);
    expect(example.spec.limits[0]).toMatchObject({ default: { cpu: "2" }, defaultRequest: { cpu: "2", memory: "1Mi" } });
  });

  test("ranges that contradict themselves", () => {
    expect(texts(validateLimitRange(range({ type: "Pod", max: { cpu: "1" }, min: { cpu: "2" } })))).toEqual([
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
    ]);
  });

  test("resources and scopes of quotas", () => {
    expect(texts(validateResourceQuota(quota({ hard: { gold: "1", pods: "500m" } })))).toEqual([
      'spec.hard[gold]: Invalid value: "gold": must be a standard resource type or fully qualified',
      'spec.hard[gold]: Invalid value: "gold": must be a standard resource for quota',
      'spec.hard[pods]: Invalid value: "500m": must be an integer',
    ]);
    expect(texts(validateResourceQuota(quota({ hard: { pods: "1" }, scopes: ["BestEffort", "NotBestEffort"] })))).toEqual([
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
    ]);
  });
});

describe("endpoints and events", () => {
  test("three addresses are shown, and how many more", () => {
    const addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].map((ip) => ({ ip }));
    const example: Endpoints = { apiVersion: "v1", kind: "Endpoints", metadata, subsets: [{ addresses, ports: [{ port: 80, protocol: "TCP" }] }] };
    expect(endpoints.declaration.columns[1]?.value(example, 0)).toBe("10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...");
    expect(texts(validateEndpoints(example))).toEqual([]);
    expect(texts(validateEndpoints({ ...example, subsets: [{}] }))).toEqual(["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]);
  });

  test("an event is where its object is", () => {
    const event: Event = { apiVersion: "v1", kind: "Event", metadata, involvedObject: { kind: "Pod", name: "p", namespace: "other" } };
    expect(texts(validateCoreEvent(event))).toEqual(['involvedObject.namespace: Invalid value: "other": does not match event.namespace']);
    const { selectableFields = {}, columns } = events.declaration;
    expect(selectableFields["involvedObject.name"]?.(event)).toBe("p");
    expect(columns[3]?.value(event, 0)).toBe("pod/p");
  });
});

describe("claims", () => {
  const claim = (spec: PersistentVolumeClaim["spec"], phase = "Pending"): PersistentVolumeClaim => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata,
    spec,
    status: { phase },
  });
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };

  test("ask for a size and a mode", () => {
    expect(texts(validateClaim(claim({})))).toEqual([
      "spec.accessModes: Required value: at least 1 access mode is required",
      "spec.resources[storage]: Required value",
    ]);
  });

  test("grow once they are bound, and change in nothing else", () => {
    const larger = { ...spec, resources: { requests: { storage: "2Gi" } } };
    expect(texts(validateClaimUpdate(claim(larger, "Bound"), claim(spec, "Bound")))).toEqual([]);
    expect(texts(validateClaimUpdate(claim(larger), claim(spec)))).toEqual([
      'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n- resources.requests.storage: "1Gi"\n+ resources.requests.storage: "2Gi"',
    ]);
  });
});
