import { describe, expect, it } from "vitest";
import { type EndpointSlice, type Endpoints, endpointSlices, type Pod, type Service } from "../api/index.ts";
import { planEndpoints } from "./endpoints.ts";
import { planEndpointSlices } from "./endpointslice.ts";
import { brief, pod } from "./testing.ts";

function service(spec: Partial<Service["spec"]> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", uid: "s", labels: { tier: "front" } },
    spec: {
      clusterIP: "10.96.0.7",
      ipFamilies: ["IPv4"],
      selector: { app: "web" },
      ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }],
      ...spec,
    },
  };
}
const ready = (name: string, ip: string): Pod => pod({ name, ip, ready: true });

describe("endpoints", () => {
  const subsets = (of: Service, pods: readonly Pod[]) => {
    const [write] = planEndpoints({ service: of, pods, current: undefined }).actions;
    return write?.do === "create" ? (write.object as Endpoints).subsets : undefined;
  };
  it("sort pods into ready and not ready, and leave out those without address, ended or going", () => {
    const pods = [
      ready("b", "10.0.0.2"),
      pod({ name: "a", ip: "10.0.0.1" }),
      pod({ name: "none" }),
      pod({ name: "done", ip: "10.0.0.3", phase: "Failed" }),
      pod({ name: "going", ip: "10.0.0.4", ready: true, deleting: true }),
    ];
    const [subset, ...others] = subsets(service(), pods) ?? [];
    expect(others).toEqual([]);
    expect(subset?.addresses?.map(({ ip }) => ip)).toEqual(["10.0.0.2"]);
    expect(subset?.notReadyAddresses?.map(({ ip }) => ip)).toEqual(["10.0.0.1"]);
    expect(subset?.ports).toEqual([{ name: "http", port: 8080, protocol: "TCP" }]);
  });

  it("make a subset for each set of ports, and resolve names per pod", () => {
    const named = (name: string, ip: string, port: number) =>
      pod({ name, ip, ready: true, more: { containers: [{ name: "main", image: "app:1", ports: [{ name: "web", containerPort: port, protocol: "TCP" }] }] } });
    const result = subsets(service({ ports: [{ port: 80, targetPort: "web", protocol: "TCP" }] }), [
      named("a", "10.0.0.1", 80),
      named("b", "10.0.0.2", 81),
      ready("c", "10.0.0.3"),
    ]);
    expect(result?.map(({ addresses, ports }) => [addresses?.[0]?.ip, ports?.[0]?.port]).sort()).toEqual([
      ["10.0.0.1", 80],
      ["10.0.0.2", 81],
    ]);
  });

  it("publish pods that are not ready where asked to", () => {
    expect(subsets(service({ publishNotReadyAddresses: true }), [pod({ name: "a", ip: "10.0.0.1" })])?.[0]?.addresses).toHaveLength(1);
  });

  it("are written once", () => {
    const pods = [ready("a", "10.0.0.1")];
    const [write] = planEndpoints({ service: service(), pods, current: undefined }).actions;
    const current = write?.do === "create" ? (write.object as Endpoints) : undefined;
    expect(current?.metadata.labels).toEqual({ tier: "front", "endpoints.kubernetes.io/managed-by": "endpoint-controller" });
    expect(planEndpoints({ service: service(), pods, current }).actions).toEqual([]);
  });

  it("go with the service, and are left alone where it has no selector", () => {
    const [write] = planEndpoints({ service: service(), pods: [], current: undefined }).actions;
    const current = write?.do === "create" ? (write.object as Endpoints) : undefined;
    expect(brief(planEndpoints({ service: undefined, pods: [], current }).actions)).toEqual(["delete endpoints web"]);
    expect(planEndpoints({ service: service({ selector: undefined }), pods: [], current: undefined }).actions).toEqual([]);
  });
});

describe("endpoint slices", () => {
  const node = () => undefined;
  const plan = (pods: readonly Pod[], slices: readonly EndpointSlice[] = [], of = service()) => planEndpointSlices({ service: of, pods, slices, node }).actions;
  /** What the actions leave, by name; new slices are named in order. */
  const apply = (actions: ReturnType<typeof plan>, slices: readonly EndpointSlice[]): EndpointSlice[] => {
    const result = new Map(slices.map((slice) => [slice.metadata.name, slice]));
    for (const action of actions) {
      if (action.do === "note" || action.kind !== endpointSlices) continue;
      const name = action.do === "create" ? `web-${result.size}` : action.object.metadata.name;
      if (action.do === "delete") result.delete(name);
      else result.set(name, { ...(action.object as EndpointSlice), metadata: { ...action.object.metadata, name } });
    }
    return [...result.values()];
  };
  const many = (count: number): Pod[] => Array.from({ length: count }, (_, number) => ready(`p${number}`, `10.0.${number >> 8}.${number & 255}`));

  it("hold a hundred endpoints at most", () => {
    expect(apply(plan(many(250)), []).map(({ endpoints }) => endpoints?.length)).toEqual([100, 100, 50]);
  });

  it("tell ready, serving and terminating", () => {
    const [slice] = apply(plan([ready("a", "10.0.0.1"), pod({ name: "b", ip: "10.0.0.2", ready: true, deleting: true })]), []);
    expect(slice?.endpoints?.map(({ conditions }) => conditions)).toEqual([
      { ready: true, serving: true, terminating: false },
      { ready: false, serving: true, terminating: true },
    ]);
    expect(slice?.endpoints?.[0]).toMatchObject({ addresses: ["10.0.0.1"], nodeName: "node-1", targetRef: { kind: "Pod", name: "a", uid: "uid-a" } });
  });

  it("change only where a pod changed", () => {
    const pods = many(150);
    const slices = apply(plan(pods), []);
    expect(plan(pods, slices)).toEqual([]);
    const fewer = pods.filter((_, position) => position !== 3);
    expect(brief(plan(fewer, slices))).toEqual(["update endpointslices web-0"]);
    const more = [...fewer, ready("late", "10.0.9.9")];
    expect(apply(plan(more, apply(plan(fewer, slices), slices)), slices).every(({ endpoints }) => (endpoints?.length ?? 0) <= 100)).toBe(true);
  });

  it("keep one empty slice for a service without pods, and use it again", () => {
    const empty = apply(plan([]), []);
    expect(empty).toHaveLength(1);
    expect(empty[0]?.endpoints).toEqual([]);
    expect(plan([], empty)).toEqual([]);
    expect(brief(plan([ready("a", "10.0.0.1")], empty))).toEqual(["update endpointslices web-0"]);
    expect(apply(plan([], apply(plan(many(150)), [])), apply(plan(many(150)), []))).toHaveLength(1);
  });

  it("mark headless services", () => {
    const [slice] = apply(plan([], [], service({ clusterIP: "None" })), []);
    expect(slice?.metadata.labels).toEqual({
      tier: "front",
      "kubernetes.io/service-name": "web",
      "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      "service.kubernetes.io/headless": "",
    });
  });

  it.each<[string | undefined, object | undefined]>([
    [undefined, undefined],
    ["PreferClose", { forZones: [{ name: "a" }] }],
    ["PreferSameZone", { forZones: [{ name: "a" }] }],
    ["PreferSameNode", { forZones: [{ name: "a" }], forNodes: [{ name: "node-1" }] }],
  ])("hint at who should use a ready endpoint, for the distribution %s", (trafficDistribution, expected) => {
    const zoned = () => ({ apiVersion: "v1", kind: "Node", metadata: { name: "node-1", labels: { "topology.kubernetes.io/zone": "a" } }, spec: {} });
    const of = service(trafficDistribution === undefined ? {} : { trafficDistribution });
    const pods = [ready("a", "10.0.0.1"), pod({ name: "b", ip: "10.0.0.2" })];
    const [slice] = apply(planEndpointSlices({ service: of, pods, slices: [], node: zoned }).actions, []);
    const hints = new Map(slice?.endpoints?.map(({ addresses, hints: given }) => [addresses[0], given]));
    expect([hints.get("10.0.0.1"), hints.get("10.0.0.2")]).toEqual([expected, undefined]);
  });

  it("have one of each family, without the other family's addresses", () => {
    const dual = pod({ name: "a", ip: "10.0.0.1", ready: true });
    const both: Pod = { ...dual, status: { ...dual.status, podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] } };
    const slices = apply(plan([both], [], service({ ipFamilies: ["IPv4", "IPv6"] })), []);
    expect(slices.map(({ addressType, endpoints: [first] = [] }) => [addressType, first?.addresses])).toEqual([
      ["IPv4", ["10.0.0.1"]],
      ["IPv6", ["fd00::1"]],
    ]);
    const single = plan([both], slices, service());
    expect(apply(single, slices).map(({ addressType }) => addressType)).toEqual(["IPv4"]);
  });
});
