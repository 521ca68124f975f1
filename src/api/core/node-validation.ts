// Nodes: taints, resources, and addresses that stay once given.
import { checkLabelKey, problemsAt } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, forbidden, invalid, required } from "../field-errors.ts";
import type { Node, Taint } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { checkCidr } from "../ip.ts";
import { checkLabelValue } from "../names.ts";
import { checkTaintEffect } from "./affinity-validation.ts";
import { checkQuantity } from "./resource-validation.ts";

const SPEC = FieldPath.root("spec");

function checkTaints(taints: readonly Taint[] | undefined): FieldError[] {
  const seen = new Set<string>();
  return (taints ?? []).flatMap((taint, position) => {
    const path = FieldPath.root("metadata").child("taints").index(position);
    const { key, value = "", effect } = taint;
    const problems = checkLabelValue(value);
    const errors = [
      ...checkLabelKey(path.child("key"), key),
      ...(problems.length === 0 ? [] : problemsAt(path.child("value"), value, [problems.join(";")])),
      ...(effect ? checkTaintEffect(path.child("effect"), effect) : [required(path.child("effect"))]),
    ];
    const pair = `${effect} ${key}`;
    if (seen.has(pair)) {
      const error = duplicate(path, taint);
      errors.push({ ...error, body: `${error.body}: taints must be unique by key and effect pair` });
    }
    seen.add(pair);
    return errors;
  });
}

function checkResources({ status }: Node): FieldError[] {
  return (["capacity", "allocatable"] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, quantity]) => checkQuantity(FieldPath.root("status").child(list, name), name, quantity)),
  );
}

function checkPodCidrs({ spec }: Node): FieldError[] {
  const path = SPEC.child("podCIDRs");
  const all = spec.podCIDRs ?? [];
  const errors = all.flatMap((cidr, position) => checkCidr(path.index(position), cidr));
  const families = new Set(all.map((cidr) => cidr.includes(":")));
  return families.size < all.length ? [...errors, invalid(path, all, "may specify no more than one CIDR for each IP family")] : errors;
}

export function validateNode(node: Node): FieldError[] {
  return [...checkTaints(node.spec.taints), ...checkResources(node), ...checkPodCidrs(node)];
}

export function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const errors = checkResources(node);
  const seen = new Set<string>();
  for (const [position, address] of (node.status?.addresses ?? []).entries()) {
    const key = `${address.type} ${address.address}`;
    if (seen.has(key)) errors.push(duplicate(FieldPath.root("status").child("addresses").index(position), address));
    seen.add(key);
  }
  if ((old.spec.podCIDRs ?? []).length > 0 && !sameValue(old.spec.podCIDRs, node.spec.podCIDRs)) {
    errors.push(forbidden(SPEC.child("podCIDRs"), 'node updates may not change podCIDR except from "" to valid'));
  }
  if (old.spec.providerID && old.spec.providerID !== node.spec.providerID) {
    errors.push(forbidden(SPEC.child("providerID"), 'node updates may not change providerID except from "" to valid'));
  }
  return [...errors, ...checkTaints(node.spec.taints)];
}
