import { describe, expect, it } from "vitest";
import type { EndpointSlice, EndpointSubset, Endpoints, Service } from "../api/index.ts";
import type { CreateAction, UpdateAction } from "./action.ts";
import { planMirror } from "./endpointslice-mirroring.ts";
import { brief } from "./testing.ts";

const service: Service = { apiVersion: "v1", kind: "Service", metadata: { name: "db", namespace: "default" }, spec: {} };
const PORT = { name: "sql", port: 5432, protocol: "TCP" };

function source(subsets: readonly EndpointSubset[], more: Partial<Endpoints["metadata"]> = {}): Endpoints {
  return { apiVersion: "v1", kind: "Endpoints", metadata: { name: "db", namespace: "default", uid: "e", ...more }, subsets };
}

function plan(endpoints: Endpoints | undefined, slices: readonly EndpointSlice[] = [], of: Service | undefined = service) {
  return planMirror({ endpoints, service: of, slices });
}

/** What the plan makes, as if it had been made. */
function made(endpoints: Endpoints): EndpointSlice[] {
  return plan(endpoints)
    .actions.filter((action) => action.do === "create")
    .map((action, position) => {
      const { object } = action as unknown as CreateAction<EndpointSlice>;
      return { ...object, metadata: { ...object.metadata, name: `db-${position}` } };
    });
}

function addresses(count: number): { ip: string }[] {
  return Array.from({ length: count }, (_, position) => ({ ip: `10.0.${Math.floor(position / 250)}.${(position % 250) + 1}` }));
}

describe("endpoints that somebody keeps", () => {
  it("are mirrored, with their labels and annotations", () => {
    const labels = { tier: "data" };
    const annotations = { note: "x", "endpoints.kubernetes.io/last-change-trigger-time": "now", "kubectl.kubernetes.io/last-applied-configuration": "{}" };
    const subset = {
      addresses: [{ ip: "10.0.0.1", hostname: "one", nodeName: "n1", targetRef: { kind: "Pod", name: "p" } }],
      notReadyAddresses: [{ ip: "10.0.0.2" }],
      ports: [PORT],
    };
    const [slice, ...others] = made(source([subset], { labels, annotations }));
    expect(others).toEqual([]);
    expect(slice).toEqual({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "db-0",
        generateName: "db-",
        namespace: "default",
        labels: {
          tier: "data",
          "kubernetes.io/service-name": "db",
          "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
        },
        annotations: { note: "x" },
        ownerReferences: [{ apiVersion: "v1", kind: "Endpoints", name: "db", uid: "e", controller: true, blockOwnerDeletion: true }],
      },
      addressType: "IPv4",
      endpoints: [
        { addresses: ["10.0.0.1"], conditions: { ready: true }, hostname: "one", nodeName: "n1", targetRef: { kind: "Pod", name: "p" } },
        { addresses: ["10.0.0.2"], conditions: { ready: false } },
      ],
      ports: [PORT],
    });
  });

  it("have a slice for each family and each set of ports", () => {
    const slices = made(
      source([
        { addresses: [{ ip: "10.0.0.1" }, { ip: "FD00::1" }], ports: [PORT] },
        { addresses: [{ ip: "10.0.0.2" }], ports: [{ name: "web", port: 80 }] },
      ]),
    );
    expect(slices.map(({ addressType, ports, endpoints }) => [addressType, ports?.[0]?.port, endpoints?.[0]?.addresses[0]])).toEqual([
      ["IPv4", 5432, "10.0.0.1"],
      ["IPv6", 5432, "fd00::1"],
      ["IPv4", 80, "10.0.0.2"],
    ]);
  });

  it("share a slice where the same addresses were written twice", () => {
    const subsets = [
      { addresses: [{ ip: "10.0.0.1" }], ports: [PORT] },
      { addresses: [{ ip: "10.0.0.1" }], ports: [{ name: "web", port: 80 }] },
    ];
    expect(made(source(subsets)).map(({ ports }) => ports?.map(({ port }) => port))).toEqual([[5432, 80]]);
  });

  it("need nothing once they are mirrored, and one update for a change", () => {
    const before = source([{ addresses: [{ ip: "10.0.0.1" }], ports: [PORT] }]);
    const slices = made(before);
    expect(plan(before, slices).actions).toEqual([]);
    const after = source([{ addresses: [{ ip: "10.0.0.1" }, { ip: "10.0.0.3" }], ports: [PORT] }]);
    expect(brief(plan(after, slices).actions)).toEqual(["update endpointslices db-0"]);
    expect(brief(plan(source([{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 81 }] }]), slices).actions)).toEqual(["update endpointslices db-0"]);
    expect(brief(plan(source([{ addresses: [{ ip: "fd00::1" }], ports: [PORT] }]), slices).actions)).toEqual([
      "create endpointslices",
      "delete endpointslices db-0",
    ]);
    const [update] = plan(source(before.subsets ?? [], { uid: "anew" }), slices).actions;
    expect((update as unknown as UpdateAction).object.metadata.ownerReferences?.[0]?.uid).toBe("anew");
  });

  it.each<[string, Endpoints | undefined, Service | undefined]>([
    ["they are gone", undefined, service],
    ["they are not to be mirrored", source([], { labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } }), service],
    ["they hold a leader election", source([], { annotations: { "control-plane.alpha.kubernetes.io/leader": "{}" } }), service],
    ["the service is gone", source([{ addresses: [{ ip: "10.0.0.1" }] }]), undefined],
    ["the service selects pods", source([{ addresses: [{ ip: "10.0.0.1" }] }]), { ...service, spec: { selector: {} } }],
    ["no address is left", source([{ addresses: [] }]), service],
  ])("lose their slices when %s", (_why, endpoints, of) => {
    const slices = made(source([{ addresses: [{ ip: "10.0.0.1" }], ports: [PORT] }]));
    expect(brief(planMirror({ endpoints, service: of, slices }).actions)).toEqual(["delete endpointslices db-0"]);
  });

  it("are mirrored up to a thousand addresses, ready ones first, without what is no address", () => {
    const subset = { addresses: [{ ip: "nonsense" }], notReadyAddresses: addresses(1002), ports: [PORT] };
    const { actions } = plan(source([{ ...subset, addresses: [...subset.addresses, { ip: "10.9.9.9" }] }]));
    expect(brief(actions)).toEqual(["note InvalidIPAddress", "note TooManyAddressesToMirror", "create endpointslices"]);
    const { object } = actions[2] as unknown as CreateAction<EndpointSlice>;
    expect(object.endpoints).toHaveLength(1000);
    expect(object.endpoints?.[0]?.addresses).toEqual(["10.9.9.9"]);
  });
});
