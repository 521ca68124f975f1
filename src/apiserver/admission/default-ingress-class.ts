// DefaultIngressClass (https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class): an Ingress that names no class gets the
// default one; of several, the youngest.
import { ingressClasses, ingresses, isDefaultIngressClass, youngestFirst } from "../../api/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { objectOf } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

const CLASS_ANNOTATION = "kubernetes.io/ingress.class";

export function defaultIngressClass({ objects }: { readonly objects: ObjectReader }): AdmissionPlugin {
  return {
    name: "DefaultIngressClass",
    mutate(request) {
      const ingress = request.operation === "CREATE" ? objectOf(request, ingresses) : undefined;
      if (ingress === undefined || ingress.spec.ingressClassName !== undefined || ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return;
      const [chosen] = objects.list(ingressClasses).filter(isDefaultIngressClass).toSorted(youngestFirst);
      if (chosen !== undefined) ingress.spec.ingressClassName = chosen.metadata.name;
    },
  };
}
