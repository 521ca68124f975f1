// Service (https://kubernetes.io/docs/concepts/services-networking/service/): one name and address for a set of pods.
// Addresses and node ports are allotted by the API server, not here.
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Service } from "../generated/types.ts";
import type { Column } from "../kind.ts";
import { nameIsDnsLabel } from "../names.ts";
import { labelsCell } from "./container-cells.ts";
import { defaultService, dropFieldsOfOldType } from "./service-strategy.ts";
import { validateService, validateServiceStatusUpdate, validateServiceUpdate } from "./service-validation.ts";

function externalAddress({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  if (spec.type === "ExternalName") return spec.externalName ?? "";
  if (spec.type === "LoadBalancer") {
    const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "").filter((address) => address !== "");
    const addresses = [...[...new Set(ingress)].sort(), ...external];
    return addresses.length === 0 ? "<pending>" : addresses.join(",");
  }
  return external.length === 0 ? "<none>" : external.join(",");
}

function portsCell({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol }) => (nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`));
  return ports.length === 0 ? "<none>" : ports.join(",");
}

const columns: readonly Column<Service>[] = [
  nameColumn(),
  { name: "Type", type: "string", description: "How the service is reached.", value: ({ spec }) => spec.type ?? "" },
  { name: "Cluster-IP", type: "string", description: "Its address within the cluster.", value: ({ spec }) => spec.clusterIPs?.[0] ?? "<none>" },
  { name: "External-IP", type: "string", description: "Its addresses outside of the cluster.", value: externalAddress },
  { name: "Port(s)", type: "string", description: "Its ports, with the nodes' ports that lead there.", value: portsCell },
  ageColumn(),
  { name: "Selector", type: "string", priority: 1, description: "The labels of the pods behind it.", value: ({ spec }) => labelsCell(spec.selector) },
];

export const services = kind<Service>("v1", "Service", {
  columns,
  countsGeneration: false,
  createsOnUpdate: true,
  validateName: nameIsDnsLabel,
  defaults: defaultService,
  prepareForUpdate: dropFieldsOfOldType,
  validateCreate: validateService,
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate: validateServiceStatusUpdate,
  selectableFields: {
    "spec.clusterIP": ({ spec }) => spec.clusterIP ?? "",
    "spec.type": ({ spec }) => spec.type ?? "",
  },
});
