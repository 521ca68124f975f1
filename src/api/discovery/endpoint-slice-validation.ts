// What may stand in an EndpointSlice: addresses of its one type, ports with names of their own
// (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/).
import { checkEndpointAddress } from "../core/service-validation.ts";
import { checkDnsLabelAt, checkText, problemsAt } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, invalid, notSupported, required, tooMany } from "../field-errors.ts";
import type { DiscoveryEndpointPort, Endpoint, EndpointSlice } from "../generated/types.ts";
import { checkImmutable, sameValue } from "../immutable.ts";
import { checkIp, parseIp } from "../ip.ts";
import { checkDnsSubdomain, checkQualifiedName, nameIsDnsSubdomain } from "../names.ts";

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 100;
const ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];

export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  return [...validateFrame(slice), ...checkEndpoints(slice)];
}

/** Endpoints that were taken once and did not change are not held against the writer. */
export function validateEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice): FieldError[] {
  const endpoints = sameValue(slice.endpoints, old.endpoints) ? [] : checkEndpoints(slice);
  return [...validateFrame(slice), ...endpoints, ...checkImmutable(slice.addressType, old.addressType, FieldPath.root("addressType"))];
}

function validateFrame({ addressType, ports = [] }: EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  const type = addressType ?? "";
  const typePath = FieldPath.root("addressType");
  if (type === "") errors.push(required(typePath));
  else if (!ADDRESS_TYPES.includes(type)) errors.push(notSupported(typePath, type, ADDRESS_TYPES));
  const path = FieldPath.root("ports");
  if (ports.length > MAX_PORTS) return [...errors, tooMany(path, ports.length, MAX_PORTS)];
  const names = new Set<string>();
  for (const [position, port] of ports.entries()) {
    errors.push(...checkPort(path.index(position), port));
    const name = port.name ?? "";
    if (names.has(name)) errors.push(duplicate(path.index(position).child("name"), name));
    names.add(name);
  }
  return errors;
}

function checkPort(path: FieldPath, { name = "", protocol = "", appProtocol }: DiscoveryEndpointPort): FieldError[] {
  const errors = name === "" ? [] : checkDnsLabelAt(path.child("name"), name);
  if (protocol === "") errors.push(required(path.child("protocol")));
  else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(path.child("protocol"), protocol, PROTOCOLS));
  return appProtocol === undefined ? errors : [...errors, ...checkText(path.child("appProtocol"), appProtocol, checkQualifiedName)];
}

function checkEndpoints({ addressType, endpoints = [] }: EndpointSlice): FieldError[] {
  const path = FieldPath.root("endpoints");
  if (endpoints.length > MAX_ENDPOINTS) return [tooMany(path, endpoints.length, MAX_ENDPOINTS)];
  return endpoints.flatMap((endpoint, position) => checkEndpoint(path.index(position), endpoint, addressType));
}

function checkEndpoint(path: FieldPath, { addresses = [], nodeName, hostname }: Endpoint, addressType: string): FieldError[] {
  const at = path.child("addresses");
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(at, "must contain at least 1 address"));
  else if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(at, addresses.length, MAX_ADDRESSES));
  for (const [position, address] of addresses.entries()) errors.push(...checkAddress(at, position, address, addressType));
  if (nodeName !== undefined) errors.push(...problemsAt(path.child("nodeName"), nodeName, nameIsDnsSubdomain(nodeName, false)));
  if (hostname !== undefined) errors.push(...checkDnsLabelAt(path.child("hostname"), hostname));
  return errors;
}

function checkAddress(path: FieldPath, position: number, address: string, addressType: string): FieldError[] {
  const at = path.index(position);
  if (addressType === "FQDN") {
    const name = address.endsWith(".") ? address.slice(0, -1) : address;
    if (name === "") return [required(at)];
    if (!name.includes(".")) return [invalid(at, address, "should be a domain with at least two segments separated by dots")];
    return problemsAt(at, address, checkDnsSubdomain(name));
  }
  if (addressType !== "IPv4" && addressType !== "IPv6") return [];
  const problems = checkIp(at, address);
  if (problems.length > 0) return problems;
  const isIpv4 = parseIp(address)?.bytes.length === 4;
  return isIpv4 === (addressType === "IPv4") ? checkEndpointAddress(at, address) : [invalid(path, address, `must be an ${addressType} address`)];
}
