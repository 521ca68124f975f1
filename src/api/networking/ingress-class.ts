// IngressClass (networking.k8s.io/v1): names the controller that serves an Ingress
// (https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { IngressClass } from "../generated/types.ts";
import { validateIngressClass, validateIngressClassUpdate } from "./ingress-validation.ts";

/** Marks the class that Ingresses without one get. */
export const DEFAULT_INGRESS_CLASS_ANNOTATION = "ingressclass.kubernetes.io/is-default-class";

export function isDefaultIngressClass({ metadata }: IngressClass): boolean {
  return metadata.annotations?.[DEFAULT_INGRESS_CLASS_ANNOTATION] === "true";
}

function parametersText({ spec }: IngressClass): string {
  const { parameters } = spec;
  if (parameters === undefined) return "<none>";
  return `${parameters.kind}${parameters.apiGroup === undefined ? "" : `.${parameters.apiGroup}`}/${parameters.name}`;
}

export const ingressClasses = kind<IngressClass>("networking.k8s.io/v1", "IngressClass", {
  columns: [
    { ...nameColumn(), value: (object) => `${object.metadata.name}${isDefaultIngressClass(object) ? " (default)" : ""}` },
    { name: "Controller", type: "string", description: "The controller that serves this class.", value: ({ spec }) => spec.controller ?? "" },
    { name: "Parameters", type: "string", description: "Where the controller finds more settings.", value: parametersText },
    ageColumn(),
  ],
  defaults: ({ spec }) => {
    if (spec?.parameters !== undefined) spec.parameters.scope ??= "Cluster";
  },
  validateCreate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
});
