// Services and endpoint slices for the tests of this room.
import type { EndpointSlice, Service, ServicePort, ServiceSpec } from "../api/index.ts";

export interface TestEndpoint {
  readonly ip: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}

/** The target port is always 8080. */
export function servicePort(protocol: "TCP" | "UDP" | "SCTP", port: number, nodePort?: number): ServicePort {
  return { name: `${protocol.toLowerCase()}-${port}`, protocol, port, targetPort: 8080, ...(nodePort === undefined ? {} : { nodePort }) };
}

export function testService(name: string, spec: ServiceSpec, balancerIps: readonly string[] = []): Service {
  const status = balancerIps.length === 0 ? {} : { loadBalancer: { ingress: balancerIps.map((ip) => ({ ip })) } };
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec: { type: "ClusterIP", ...spec }, status };
}

export function testSlice(service: string, ports: readonly ServicePort[], endpoints: readonly TestEndpoint[], suffix = "1"): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${service}-${suffix}`, namespace: "default", labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    ports: ports.map(({ name, protocol }) => ({ name, protocol, port: 8080 })),
    endpoints: endpoints.map(({ ip, node = "node", ...conditions }) => ({ addresses: [ip], nodeName: node, conditions })),
  };
}
