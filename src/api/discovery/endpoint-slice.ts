// EndpointSlice (discovery.k8s.io/v1): addresses behind a Service (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/).
import { ageColumn, firstItemsText, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { EndpointSlice } from "../generated/types.ts";
import { validateEndpointSlice, validateEndpointSliceUpdate } from "./endpoint-slice-validation.ts";

export const endpointSlices = kind<EndpointSlice>("discovery.k8s.io/v1", "EndpointSlice", {
  columns: [
    nameColumn(),
    { name: "AddressType", type: "string", description: "IPv4, IPv6 or FQDN.", value: ({ addressType }) => addressType },
    {
      name: "Ports",
      type: "string",
      description: "Ports that every endpoint serves.",
      value: ({ ports }) => firstItemsText((ports ?? []).map((port) => (port.port === undefined ? (port.name ?? "*") : String(port.port)))),
    },
    {
      name: "Endpoints",
      type: "string",
      description: "Addresses of the endpoints.",
      value: ({ endpoints }) => firstItemsText((endpoints ?? []).flatMap((endpoint) => endpoint.addresses)),
    },
    ageColumn(),
  ],
  defaults: (slice) => {
    for (const port of slice.ports ?? []) {
      port.name ??= "";
      port.protocol ??= "TCP";
    }
  },
  validateCreate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  countsGeneration: true,
  generationCounts: ({ addressType, endpoints, ports, metadata }) => [addressType, endpoints, ports, metadata.labels],
});
