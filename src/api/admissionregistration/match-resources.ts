// The defaults of what admission policies and their bindings match.
import type { Mutable } from "../../base/index.ts";
import type { MatchResources } from "../generated/types.ts";

export function defaultMatchResources(match: Mutable<MatchResources> | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= "Equivalent";
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= "*";
}
