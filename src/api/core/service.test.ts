import { describe, expect, test } from "vitest";
import { type Mutable, mutableCopy } from "../../base/types.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { Service } from "../generated/types.ts";
import { services } from "./service.ts";
import { defaultService } from "./service-strategy.ts";
import { validateService, validateServiceUpdate } from "./service-validation.ts";

type Change = (service: Mutable<Service>) => void;

function exampleService(change: Change = () => undefined): Mutable<Service> {
  const service: Mutable<Service> = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: { ports: [{ port: 80 }], selector: { app: "web" }, clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7"] },
  };
  change(service);
  defaultService(service);
  return service;
}

describe("a service", () => {
  test("gets its defaults", () => {
    expect(exampleService().spec).toMatchObject({
      type: "ClusterIP",
      sessionAffinity: "None",
      internalTrafficPolicy: "Cluster",
      ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
    });
    const balanced = exampleService(({ spec }) => {
      spec.type = "LoadBalancer";
      spec.sessionAffinity = "ClientIP";
    });
    expect(balanced.spec).toMatchObject({
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: "Cluster",
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
    });
  });

  test.each<[string, Change, string[]]>([
    ["an ordinary one", () => undefined, []],
    [
      "no ports",
      ({ spec }) => {
        delete spec.ports;
      },
      ["spec.ports: Required value"],
    ],
    [
      "several ports without names",
      ({ spec }) => {
        spec.ports = [{ port: 80 }, { port: 81, name: "b" }];
      },
      ["spec.ports[0].name: Required value"],
    ],
    [
      "one port twice",
      ({ spec }) => {
        spec.ports = [
          { port: 80, name: "a" },
          { port: 80, name: "b" },
        ];
      },
      ['spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}'],
    ],
    [
      "a node port of a service within the cluster",
      ({ spec }) => {
        spec.ports = [{ port: 80, nodePort: 30080 }];
      },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      "an unknown type",
      ({ spec }) => {
        spec.type = "Magic";
      },
      ['spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
    ],
    [
      "a name elsewhere without the name",
      ({ spec }) => {
        spec.type = "ExternalName";
        delete spec.clusterIP;
        delete spec.clusterIPs;
      },
      ["spec.externalName: Required value"],
    ],
    [
      "an address that is none",
      ({ spec }) => {
        spec.clusterIP = "10.96.0";
        spec.clusterIPs = ["10.96.0"];
      },
      ['spec.clusterIPs[0]: Invalid value: "10.96.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    [
      "an outer address of the machine itself",
      ({ spec }) => {
        spec.externalIPs = ["127.0.0.1"];
      },
      ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ],
    [
      "an affinity without end",
      ({ spec }) => {
        spec.sessionAffinity = "ClientIP";
        spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 86401 } };
      },
      ["spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400"],
    ],
    [
      "a selector of no labels",
      ({ spec }) => {
        spec.selector = { app: "a b" };
      },
      [
        "spec.selector: Invalid value: \"a b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      ],
    ],
  ])("with %s", (_what, change, texts) => {
    expect(validateService(exampleService(change)).map(fieldErrorText)).toEqual(texts);
  });

  test("keeps its address", () => {
    const old = exampleService();
    const moved = mutableCopy(old);
    moved.spec.clusterIP = "10.96.0.8";
    moved.spec.clusterIPs = ["10.96.0.8"];
    expect(validateServiceUpdate(moved, old).map(fieldErrorText)).toEqual(['spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set']);
  });

  test("drops what belonged to the old type", () => {
    const old = exampleService(({ spec }) => {
      spec.type = "NodePort";
      spec.ports = [{ port: 80, nodePort: 30080 }];
      spec.ipFamilies = ["IPv4"];
      spec.ipFamilyPolicy = "SingleStack";
    });
    const inner = mutableCopy(old);
    inner.spec.type = "ClusterIP";
    services.declaration.prepareForUpdate?.(inner, old, { now: 0, userName: "u", userGroups: [], warn: () => undefined });
    expect(inner.spec.ports).toEqual([{ port: 80, protocol: "TCP", targetPort: 80 }]);
    expect(inner.spec.externalTrafficPolicy).toBeUndefined();
    const named = mutableCopy(old);
    named.spec.type = "ExternalName";
    named.spec.externalName = "example.com";
    services.declaration.prepareForUpdate?.(named, old, { now: 0, userName: "u", userGroups: [], warn: () => undefined });
    expect([named.spec.clusterIP, named.spec.clusterIPs, named.spec.ipFamilies]).toEqual([undefined, undefined, undefined]);
  });

  test("in the table", () => {
    const row = (service: Service): unknown[] => services.declaration.columns.map((column) => column.value(service, 0));
    expect(row(exampleService())).toEqual(["web", "ClusterIP", "10.96.0.7", "<none>", "80/TCP", "<unknown>", "app=web"]);
    const balanced = exampleService(({ spec }) => {
      spec.type = "LoadBalancer";
      spec.ports = [{ port: 80, nodePort: 30080 }];
    });
    expect(row(balanced).slice(1, 5)).toEqual(["LoadBalancer", "10.96.0.7", "<pending>", "80:30080/TCP"]);
    expect(row({ ...balanced, status: { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } } })[3]).toBe("1.2.3.4");
  });
});
