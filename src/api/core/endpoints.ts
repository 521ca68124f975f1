// Endpoints: where a service's pods answer, in the form that came before EndpointSlice
// (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoints-v1/).
import type { Mutable } from "../../base/index.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Endpoints } from "../generated/types.ts";
import { validateEndpoints, validateEndpointsUpdate } from "./endpoints-validation.ts";

const SHOWN = 3;

function endpointsCell({ subsets = [] }: Endpoints): string {
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`))),
  );
  if (subsets.length === 0) return "<none>";
  const text = all.slice(0, SHOWN).join(",");
  return all.length > SHOWN ? `${text} + ${all.length - SHOWN} more...` : text;
}

export const endpoints = kind<Endpoints>("v1", "Endpoints", {
  columns: [nameColumn(), { name: "Endpoints", type: "string", description: "The first addresses.", value: endpointsCell }, ageColumn()],
  deprecation: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
  countsGeneration: false,
  createsOnUpdate: true,
  defaults({ subsets }: Mutable<Endpoints>): void {
    for (const { ports } of subsets ?? []) for (const port of ports ?? []) port.protocol ||= "TCP";
  },
  validateCreate: validateEndpoints,
  validateUpdate: validateEndpointsUpdate,
});
