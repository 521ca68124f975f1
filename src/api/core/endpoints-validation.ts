// Endpoints: addresses that can be reached from every node, ports with names where there are several.
import { checkDnsLabelAt, checkText } from "../field-checks.ts";
import { type FieldError, FieldPath, required } from "../field-errors.ts";
import type { EndpointAddress, EndpointSubset, Endpoints } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { checkIp } from "../ip.ts";
import { checkDnsSubdomain } from "../names.ts";
import { checkEndpointAddress, checkNamedPort } from "./service-validation.ts";

function checkAddress(path: FieldPath, { ip, hostname, nodeName }: EndpointAddress): FieldError[] {
  return [
    ...checkIp(path.child("ip"), ip),
    ...(hostname ? checkDnsLabelAt(path.child("hostname"), hostname) : []),
    ...(nodeName === undefined ? [] : checkText(path.child("nodeName"), nodeName, checkDnsSubdomain)),
    ...checkEndpointAddress(path.child("ip"), ip),
  ];
}

function checkSubset(path: FieldPath, { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset): FieldError[] {
  const empty = addresses.length + notReadyAddresses.length === 0;
  return [
    ...(empty ? [required(path, "must specify `addresses` or `notReadyAddresses`")] : []),
    ...addresses.flatMap((address, position) => checkAddress(path.child("addresses").index(position), address)),
    ...notReadyAddresses.flatMap((address, position) => checkAddress(path.child("notReadyAddresses").index(position), address)),
    ...ports.flatMap((port, position) => checkNamedPort(path.child("ports").index(position), port, ports.length > 1)),
  ];
}

export function validateEndpoints({ subsets = [] }: Endpoints): FieldError[] {
  return subsets.flatMap((subset, position) => checkSubset(FieldPath.root("subsets").index(position), subset));
}

export function validateEndpointsUpdate(endpoints: Endpoints, old: Endpoints): FieldError[] {
  return sameValue(endpoints.subsets, old.subsets) ? [] : validateEndpoints(endpoints);
}
