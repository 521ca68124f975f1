// IPAddress (networking.k8s.io/v1): an address that a Service took out of a ServiceCIDR; its name is the address
// (https://kubernetes.io/docs/reference/kubernetes-api/networking/ip-address-v1/).
import { nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { FieldPath } from "../field-errors.ts";
import type { IPAddress } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { formatIp, parseIp } from "../ip.ts";

function parentText({ spec }: IPAddress): string {
  const parent = spec.parentRef;
  if (parent === undefined) return "<none>";
  const { group = "", resource, namespace = "", name } = parent;
  const text = (group === "" ? resource : `${resource}.${group}`).toLowerCase();
  return `${text}${namespace === "" ? "" : `/${namespace}`}/${name}`;
}

export const ipAddresses = kind<IPAddress>("networking.k8s.io/v1", "IPAddress", {
  columns: [nameColumn(), { name: "ParentRef", type: "string", description: "The object that uses the address.", value: parentText }],
  validateName: (name) => {
    const address = parseIp(name);
    if (address === undefined) return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"];
    return formatIp(address) === name ? [] : [`must be in canonical form (${JSON.stringify(formatIp(address))})`];
  },
  validateUpdate: (object, old) => checkImmutable(object.spec.parentRef, old.spec.parentRef, FieldPath.root("spec").child("parentRef")),
  countsGeneration: false,
});
