// The cluster's DNS as a service: `kube-system/kube-dns` at its fixed address, leading to the server that runs in this process
// (https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/).
import {
  type ClusterRole,
  type ClusterRoleBinding,
  clusterRoleBindings,
  clusterRoles,
  type EndpointSlice,
  endpointSlices,
  ipFamilyOf,
  isStatus,
  type Role,
  type RoleBinding,
  roleBindings,
  roles,
  type Service,
  services,
} from "../api/index.ts";
import type { Client } from "../client/index.ts";
import { FORWARDING_CONFIG } from "../dns/index.ts";
import { createUnlessThere } from "./create-unless-there.ts";

const NAMESPACE = "kube-system";
const NAME = "kube-dns";
const LABELS = { "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS" };
const ROLE = "system:coredns";
export const DNS_PORT = 53;
export const DNS_METRICS_PORT = 9153;

/** Creates what is missing and corrects where the service leads to. */
export async function publishDns(
  client: Client,
  at: { readonly clusterIp: string; readonly serverAddress: string; readonly serverPort: number },
): Promise<void> {
  await createUnlessThere(client, services, dnsService(at.clusterIp));
  const slice = dnsSlice(at.serverAddress, at.serverPort);
  try {
    await client.create(endpointSlices, slice);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
    const { metadata } = await client.get(endpointSlices, { namespace: NAMESPACE, name: NAME });
    await client.update(endpointSlices, { ...slice, metadata: { ...metadata, ...slice.metadata } });
  }
}

/** What the DNS server reads of the cluster. */
export async function grantDnsRights(client: Client): Promise<void> {
  const read = ["list", "watch"];
  const role: ClusterRole = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: ROLE },
    rules: [
      { apiGroups: [""], resources: ["services", "namespaces"], verbs: read },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: read },
    ],
  };
  const binding: ClusterRoleBinding = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: ROLE },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ROLE },
    subjects: [{ kind: "ServiceAccount", name: "coredns", namespace: NAMESPACE }],
  };
  // Its own configuration, and no other.
  const { namespace, name } = FORWARDING_CONFIG;
  const configRole: Role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: ROLE, namespace },
    rules: [{ apiGroups: [""], resources: ["configmaps"], resourceNames: [name], verbs: [...read] }],
  };
  const configBinding: RoleBinding = {
    ...binding,
    kind: "RoleBinding",
    metadata: { name: ROLE, namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: ROLE },
  };
  await Promise.all([
    createUnlessThere(client, clusterRoles, role),
    createUnlessThere(client, clusterRoleBindings, binding),
    createUnlessThere(client, roles, configRole),
    createUnlessThere(client, roleBindings, configBinding),
  ]);
}

/** Without a selector: the endpoints are no pods, and no controller touches them. */
function dnsService(clusterIp: string): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: LABELS,
      annotations: { "prometheus.io/port": String(DNS_METRICS_PORT), "prometheus.io/scrape": "true" },
    },
    spec: {
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [
        { name: "dns", port: DNS_PORT, protocol: "UDP" },
        { name: "dns-tcp", port: DNS_PORT, protocol: "TCP" },
        { name: "metrics", port: DNS_METRICS_PORT, protocol: "TCP" },
      ],
    },
  };
}

function dnsSlice(address: string, port: number): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: NAME, namespace: NAMESPACE, labels: { "kubernetes.io/service-name": NAME, "endpointslice.kubernetes.io/managed-by": "kubets" } },
    addressType: ipFamilyOf(address),
    endpoints: [{ addresses: [address], conditions: { ready: true, serving: true, terminating: false } }],
    ports: [
      { name: "dns", port, protocol: "UDP" },
      { name: "dns-tcp", port, protocol: "TCP" },
      { name: "metrics", port: DNS_METRICS_PORT, protocol: "TCP" },
    ],
  };
}
