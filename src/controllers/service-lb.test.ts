import { describe, expect, it } from "vitest";
import { type EndpointSlice, loadBalancersPatch, type Node, type Service } from "../api/index.ts";
import { planLoadBalancer } from "./service-lb.ts";

function service(spec: Partial<Service["spec"]> = {}, ingress: readonly string[] = []): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", uid: "s" },
    spec: { type: "LoadBalancer", clusterIP: "10.96.0.7", ipFamilies: ["IPv4"], ports: [{ port: 80, protocol: "TCP" }], ...spec },
    status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip, ipMode: "VIP" })) } },
  };
}

interface NodeSketch {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Services it answers for; absent: it does not say. */
  readonly answersFor?: readonly string[];
  readonly ready?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

function node({ name, addresses, answersFor, ready = true, labels = {} }: NodeSketch): Node {
  const annotations = answersFor === undefined ? {} : loadBalancersPatch(answersFor).metadata.annotations;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels, annotations },
    spec: {},
    status: {
      addresses: addresses.map((address) => ({ type: "InternalIP", address })),
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

const slice = (nodeName: string): EndpointSlice => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: "web-1", namespace: "default" },
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.244.0.2"], nodeName }],
});

/** The addresses that the plan writes; undefined: it writes nothing. */
function written(of: Service, nodes: readonly Node[], more: { slices?: EndpointSlice[]; taken?: string[] } = {}): string[] | undefined {
  const { actions } = planLoadBalancer({ service: of, nodes, slices: more.slices ?? [], taken: new Set(more.taken) });
  const [write] = actions;
  if (write?.do !== "update") return undefined;
  return ((write.object as Service).status?.loadBalancer?.ingress ?? []).map(({ ip = "", ipMode }) => (ipMode === "VIP" ? ip : `${ip} without ipMode`));
}

const a = node({ name: "a", addresses: ["192.0.2.1", "fd00::1"], answersFor: ["default/web"] });
const b = node({ name: "b", addresses: ["192.0.2.2"], answersFor: ["default/web", "default/other"] });

describe("the service load balancer", () => {
  it.each<[string, Service, Node[], string[] | undefined]>([
    ["names the nodes that answer, in order", service(), [b, a], ["192.0.2.1", "192.0.2.2"]],
    ["writes nothing when it is so", service({}, ["192.0.2.1", "192.0.2.2"]), [a, b], undefined],
    ["leaves out a node that does not answer for it", service(), [a, node({ name: "c", addresses: ["192.0.2.3"], answersFor: [] })], ["192.0.2.1"]],
    ["counts on a node that does not say", service(), [node({ name: "c", addresses: ["192.0.2.3"] })], ["192.0.2.3"]],
    ["leaves out nodes that are not ready", service({}, ["192.0.2.9"]), [node({ name: "c", addresses: ["192.0.2.3"], ready: false })], []],
    [
      "leaves out nodes that are excluded",
      service({}, ["192.0.2.9"]),
      [node({ name: "c", addresses: ["192.0.2.3"], labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } })],
      [],
    ],
    ["follows the service's families", service({ ipFamilies: ["IPv6", "IPv4"] }), [a], ["fd00::1", "192.0.2.1"]],
    ["leaves other classes alone", service({ loadBalancerClass: "example.com/other" }, ["203.0.113.1"]), [a], undefined],
    ["answers to its own class", service({ loadBalancerClass: "kubets.io/service-lb" }), [a], ["192.0.2.1"]],
    ["leaves other types alone", service({ type: "NodePort" }), [a], undefined],
  ])("%s", (_what, of, nodes, expected) => {
    expect(written(of, nodes)).toEqual(expected);
  });

  it("names only nodes with endpoints where the traffic stays local", () => {
    expect(written(service({ externalTrafficPolicy: "Local" }), [a, b], { slices: [slice("b")] })).toEqual(["192.0.2.2"]);
  });

  it("gives a port to the oldest service where no proxy decides", () => {
    expect(written(service({}, ["192.0.2.3"]), [node({ name: "c", addresses: ["192.0.2.3"] })], { taken: ["TCP/80"] })).toEqual([]);
  });
});
