// Ingress (networking.k8s.io/v1): HTTP routes from outside to services (https://kubernetes.io/docs/concepts/services-networking/ingress/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Ingress } from "../generated/types.ts";
import { validateIngress, validateIngressCreate } from "./ingress-validation.ts";

const ADDRESS_WIDTH = 16;

function hostsText({ spec }: Ingress): string {
  const rules = spec.rules ?? [];
  const hosts = rules.map((rule) => rule.host ?? "").filter((host) => host !== "");
  if (hosts.length === 0) return "*";
  const shown = hosts.slice(0, 3).join(",");
  return hosts.length > 3 ? `${shown} + ${rules.length - 3} more...` : shown;
}

function addressText({ status }: Ingress): string {
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "").filter((address) => address !== "");
  const text = [...new Set(addresses)].sort().join(",");
  return text.length > ADDRESS_WIDTH ? `${text.slice(0, ADDRESS_WIDTH - 3)}...` : text;
}

export const ingresses = kind<Ingress>("networking.k8s.io/v1", "Ingress", {
  columns: [
    nameColumn(),
    { name: "Class", type: "string", description: "The IngressClass whose controller serves it.", value: ({ spec }) => spec.ingressClassName ?? "<none>" },
    { name: "Hosts", type: "string", description: "Host names that the rules match.", value: hostsText },
    { name: "Address", type: "string", description: "Where the load balancer listens.", value: addressText },
    { name: "Ports", type: "string", description: "Ports that are open; 443 with TLS.", value: ({ spec }) => ((spec.tls ?? []).length > 0 ? "80, 443" : "80") },
    ageColumn(),
  ],
  validateCreate: validateIngressCreate,
  validateUpdate: validateIngress,
});
