// How tables show the parameters of admission policies and their bindings.
import type { ParamKind, ParamRef } from "../generated/types.ts";

export function paramKindText(paramKind: ParamKind | undefined): string {
  return paramKind === undefined ? "<unset>" : `${paramKind.apiVersion ?? ""}/${paramKind.kind ?? ""}`;
}

/** Whether the parameter's kind has namespaces is not known here: a name without one may be found in any. */
export function paramRefText(paramRef: ParamRef | undefined): string {
  if (paramRef === undefined) return "<unset>";
  if ((paramRef.name ?? "") !== "") return `${paramRef.namespace || "*"}/${paramRef.name}`;
  return paramRef.selector === undefined ? "<unset>" : JSON.stringify(paramRef.selector);
}
