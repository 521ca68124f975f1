// What may stand in a NetworkPolicy: peers of one kind, ports that exist, exceptions within their block.
import { checkLabelSelector, problemsAt } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "../generated/types.ts";
import { checkCidr, cidrContains, parseCidr } from "../ip.ts";
import { checkPortName, checkPortNumber } from "../names.ts";

const PROTOCOLS = ["TCP", "UDP", "SCTP"];
const TYPES = ["Ingress", "Egress"];

export function validateNetworkPolicy({ spec }: NetworkPolicy): FieldError[] {
  const path = FieldPath.root("spec");
  const errors = checkLabelSelector(path.child("podSelector"), spec?.podSelector);
  for (const [position, { ports = [], from = [] }] of (spec?.ingress ?? []).entries()) {
    const at = path.child("ingress").index(position);
    errors.push(...ports.flatMap((port, index) => checkPort(at.child("ports").index(index), port)));
    errors.push(...from.flatMap((peer, index) => checkPeer(at.child("from").index(index), peer)));
  }
  for (const [position, { ports = [], to = [] }] of (spec?.egress ?? []).entries()) {
    const at = path.child("egress").index(position);
    errors.push(...ports.flatMap((port, index) => checkPort(at.child("ports").index(index), port)));
    errors.push(...to.flatMap((peer, index) => checkPeer(at.child("to").index(index), peer)));
  }
  const types = spec?.policyTypes ?? [];
  if (types.length > TYPES.length) return [...errors, invalid(path.child("policyTypes"), types, "may not specify more than two policyTypes")];
  const unknown = types.flatMap((type, index) => (TYPES.includes(type) ? [] : [notSupported(path.child("policyTypes").index(index), type, TYPES)]));
  return [...errors, ...unknown];
}

function checkPort(path: FieldPath, { protocol, port, endPort }: NetworkPolicyPort): FieldError[] {
  const errors: FieldError[] = [];
  const end = path.child("endPort");
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) errors.push(notSupported(path.child("protocol"), protocol, PROTOCOLS));
  if (port === undefined) {
    if (endPort !== undefined) errors.push(invalid(end, endPort, "may not be specified when `port` is not specified"));
  } else if (typeof port === "string") {
    if (endPort !== undefined) errors.push(invalid(end, endPort, "may not be specified when `port` is non-numeric"));
    errors.push(...problemsAt(path.child("port"), port, checkPortName(port)));
  } else {
    errors.push(...problemsAt(path.child("port"), port, checkPortNumber(port)));
    if (endPort !== undefined && endPort < port) errors.push(invalid(end, port, "must be greater than or equal to `port`"));
    if (endPort !== undefined) errors.push(...problemsAt(end, endPort, checkPortNumber(endPort)));
  }
  return errors;
}

function checkPeer(path: FieldPath, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): FieldError[] {
  const errors = [
    ...checkLabelSelector(path.child("podSelector"), podSelector),
    ...checkLabelSelector(path.child("namespaceSelector"), namespaceSelector),
    ...(ipBlock === undefined ? [] : checkBlock(path.child("ipBlock"), ipBlock)),
  ];
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
  if (!hasSelector && ipBlock === undefined) errors.push(required(path, "must specify a peer"));
  if (hasSelector && ipBlock !== undefined) errors.push(forbidden(path, "may not specify both ipBlock and another peer"));
  return errors;
}

function checkBlock(path: FieldPath, { cidr, except = [] }: IPBlock): FieldError[] {
  if ((cidr ?? "") === "") return [required(path.child("cidr"))];
  const errors = checkCidr(path.child("cidr"), cidr);
  const block = parseCidr(cidr);
  if (block === undefined) return errors;
  for (const [position, text] of except.entries()) {
    const at = path.child("except").index(position);
    errors.push(...checkCidr(at, text));
    const hole = parseCidr(text);
    if (hole === undefined) continue;
    const isWithin = cidrContains(block, hole.address) && block.prefixLength < hole.prefixLength;
    if (!isWithin) errors.push(invalid(at, text, "must be a strict subset of `cidr`"));
  }
  return errors;
}
