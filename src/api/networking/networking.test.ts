import { describe, expect, it } from "vitest";
import { mutableCopy } from "../../base/types.ts";
import { type FieldError, fieldErrorText } from "../field-errors.ts";
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from "../generated/types.ts";
import { ingresses } from "./ingress.ts";
import { ingressClasses } from "./ingress-class.ts";
import { ipAddresses } from "./ip-address.ts";
import { networkPolicies } from "./network-policy.ts";
import { serviceCIDRs } from "./service-cidr.ts";

const apiVersion = "networking.k8s.io/v1";
const texts = (errors: FieldError[] | undefined): string[] => (errors ?? []).map(fieldErrorText);

describe("Ingress", () => {
  const ingress = (spec: Ingress["spec"]): Ingress => ({ apiVersion, kind: "Ingress", metadata: { name: "i", namespace: "ns" }, spec });
  const backend = { service: { name: "s", port: { number: 80 } } };
  const check = (spec: Ingress["spec"]): string[] => texts(ingresses.declaration.validateCreate?.(ingress(spec)));

  it("routes paths of a stated type to one backend", () => {
    expect(check({ rules: [{ host: "*.foo.com", http: { paths: [{ path: "/a", pathType: "Prefix", backend }] } }] })).toEqual([]);
    expect(check({ rules: [{ http: { paths: [{ path: "a//b", pathType: "Exact", backend: {} }] } }] })).toEqual([
      'spec.rules[0].http.paths[0].path: Invalid value: "a//b": must be an absolute path',
      "spec.rules[0].http.paths[0].path: Invalid value: \"a//b\": must not contain '//'",
      'spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required',
    ]);
    expect(check({ rules: [{ http: { paths: [{ path: "/", backend } as never] } }] })).toEqual([
      "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified",
    ]);
    expect(check({ rules: [{ host: "10.0.0.1" }] })).toEqual(['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address']);
    expect(check({})).toEqual(["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]);
  });

  it("shows hosts, address and ports", () => {
    const shown: Ingress = {
      ...ingress({ ingressClassName: "c", tls: [{}], rules: [{ host: "a" }, { host: "b" }, { host: "c" }, { host: "d" }] }),
      status: { loadBalancer: { ingress: [{ ip: "192.168.100.200" }, { hostname: "lb.example.com" }] } },
    };
    const cells = ingresses.declaration.columns.map((column) => column.value(shown, 0));
    expect(cells).toEqual(["i", "c", "a,b,c + 1 more...", "192.168.100.2...", "80, 443", "<unknown>"]);
  });
});

describe("IngressClass", () => {
  it("has a controller that stays, and parameters of a scope", () => {
    const object = mutableCopy<IngressClass>({
      apiVersion,
      kind: "IngressClass",
      metadata: { name: "c" },
      spec: { controller: "a.io/b", parameters: { kind: "K", name: "n" } },
    });
    ingressClasses.declaration.defaults?.(object);
    expect(object.spec.parameters?.scope).toBe("Cluster");
    const known = object as IngressClass;
    expect(texts(ingressClasses.declaration.validateCreate?.(known))).toEqual([]);
    expect(texts(ingressClasses.declaration.validateUpdate?.({ ...known, spec: { ...known.spec, controller: "c.io/d" } }, known))).toEqual([
      'spec.controller: Invalid value: "c.io/d": field is immutable',
    ]);
  });
});

describe("NetworkPolicy", () => {
  const policy = (spec: NetworkPolicy["spec"]): NetworkPolicy => ({ apiVersion, kind: "NetworkPolicy", metadata: { name: "p", namespace: "ns" }, spec });

  it("is about incoming traffic, and outgoing when it says so", () => {
    const object = mutableCopy(policy({ podSelector: {}, egress: [{ ports: [{ port: 53 }] }] }));
    networkPolicies.declaration.defaults?.(object);
    expect(object.spec.policyTypes).toEqual(["Ingress", "Egress"]);
    expect(object.spec.egress?.[0]?.ports?.[0]?.protocol).toBe("TCP");
  });

  it("names peers of one kind and blocks with holes inside", () => {
    const errors = networkPolicies.declaration.validateCreate?.(
      policy({
        podSelector: {},
        ingress: [{ from: [{}, { podSelector: {}, ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }], ports: [{ port: 90, endPort: 80 }] }],
      }),
    );
    expect(texts(errors)).toEqual([
      "spec.ingress[0].ports[0].endPort: Invalid value: 90: must be greater than or equal to `port`",
      "spec.ingress[0].from[0]: Required value: must specify a peer",
      'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
      "spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer",
    ]);
  });

  it("shows its selector", () => {
    const cell = (spec: NetworkPolicy["spec"]): unknown => networkPolicies.declaration.columns[1]?.value(policy(spec), 0);
    expect(cell({ podSelector: {} })).toBe("<none>");
    expect(cell({ podSelector: { matchLabels: { b: "1" }, matchExpressions: [{ key: "a", operator: "In", values: ["y", "x"] }] } })).toBe("a in (x,y),b=1");
  });
});

describe("addresses", () => {
  it("are named after themselves", () => {
    const check = (name: string): string[] => ipAddresses.declaration.validateName?.(name, false) ?? [];
    expect(check("10.0.0.1")).toEqual([]);
    expect(check("2001:DB8::1")).toEqual(['must be in canonical form ("2001:db8::1")']);
    expect(check("ten")).toHaveLength(1);
    const address: IPAddress = {
      apiVersion,
      kind: "IPAddress",
      metadata: { name: "10.0.0.1" },
      spec: { parentRef: { resource: "services", namespace: "ns", name: "s" } },
    };
    expect(ipAddresses.declaration.columns[1]?.value(address, 0)).toBe("services/ns/s");
  });

  it("come from ranges that stay, one of each family", () => {
    const range = (...cidrs: string[]): ServiceCIDR => ({ apiVersion, kind: "ServiceCIDR", metadata: { name: "c" }, spec: { cidrs } });
    const { declaration } = serviceCIDRs;
    expect(texts(declaration.validateCreate?.(range("10.0.0.0/24", "fd00::/64")))).toEqual([]);
    expect(texts(declaration.validateCreate?.(range("10.0.0.0/24", "10.1.0.0/24")))[0]).toContain("may specify no more than one IP for each IP family");
    expect(texts(declaration.validateUpdate?.(range("10.0.0.0/24", "fd00::/64"), range("10.0.0.0/24")))).toEqual([]);
    expect(texts(declaration.validateUpdate?.(range("10.1.0.0/24"), range("10.0.0.0/24")))).toEqual([
      'spec.cidrs[0]: Invalid value: "10.1.0.0/24": field is immutable',
    ]);
  });
});
