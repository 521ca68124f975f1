// IPAddress (networking.k8s.io/v1): an address that a Service took out of a ServiceCIDR; its name is the address
// (https://kubernetes.io/docs/reference/kubernetes-api/networking/ip-address-v1/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { IPAddress } from "../generated/types.ts";

function parentText({ spec }: IPAddress): string {
  const parent = spec.parentRef;
  if (parent === undefined) return "<none>";
  const { group = "", resource, namespace = "", name } = parent;
  const text = (group === "" ? resource : `${resource}.${group}`).toLowerCase();
  return `${text}${namespace === "" ? "" : `/${namespace}`}/${name}`;
}

export const ipAddresses = kind<IPAddress>("networking.k8s.io/v1", "IPAddress", {
  columns: [nameColumn(), { name: "ParentRef", type: "string", description: "The object that uses the address.", value: parentText }, ageColumn()],
});
