// What may stand in an Ingress: hosts, paths of a stated type, and backends that are one thing
// (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/).
import { checkText, problemsAt } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import type { HTTPIngressPath, Ingress, IngressBackend, IngressClass, IngressRule, IngressTLS } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { parseIp } from "../ip.ts";
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkDomainPrefixedPath,
  checkPathSegmentName,
  checkPortName,
  checkPortNumber,
  checkWildcardDnsSubdomain,
} from "../names.ts";

const SPEC = FieldPath.root("spec");
const PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"];
const BAD_SEQUENCES = ["//", "/./", "/../", "%2f", "%2F"];
const BAD_SUFFIXES = ["/..", "/."];
const MAX_CONTROLLER = 250;
const CLASS_ANNOTATION = "kubernetes.io/ingress.class";

export function validateIngress({ spec }: Ingress): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec ?? {};
  if (rules.length === 0 && defaultBackend === undefined) return [invalid(SPEC, spec?.rules, "either `defaultBackend` or `rules` must be specified")];
  return [
    ...(defaultBackend === undefined ? [] : checkBackend(SPEC.child("defaultBackend"), defaultBackend)),
    ...rules.flatMap((rule, position) => checkRule(SPEC.child("rules").index(position), rule)),
    ...tls.flatMap((entry, position) => checkTls(SPEC.child("tls").index(position), entry)),
    ...(ingressClassName === undefined ? [] : checkText(SPEC.child("ingressClassName"), ingressClassName, checkDnsSubdomain)),
  ];
}

/** The annotation that once named the class cannot be set together with the field. */
export function validateIngressCreate(ingress: Ingress): FieldError[] {
  const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION];
  const isBoth = annotation !== undefined && ingress.spec?.ingressClassName !== undefined && annotation !== ingress.spec.ingressClassName;
  const path = FieldPath.root("metadata").child("annotations").key(CLASS_ANNOTATION);
  return [...validateIngress(ingress), ...(isBoth ? [invalid(path, annotation, "must match `ingressClassName` when both are specified")] : [])];
}

function checkHost(path: FieldPath, host: string): FieldError[] {
  return checkText(path, host, host.includes("*") ? checkWildcardDnsSubdomain : checkDnsSubdomain);
}

function checkTls(path: FieldPath, { hosts = [], secretName = "" }: IngressTLS): FieldError[] {
  return [
    ...hosts.flatMap((host, position) => checkHost(path.child("hosts").index(position), host)),
    ...(secretName === "" ? [] : checkText(path.child("secretName"), secretName, checkDnsSubdomain)),
  ];
}

function checkRule(path: FieldPath, { host = "", http }: IngressRule): FieldError[] {
  const errors: FieldError[] = [];
  if (host !== "" && parseIp(host) !== undefined) errors.push(invalid(path.child("host"), host, "must be a DNS name, not an IP address"));
  if (host !== "") errors.push(...checkHost(path.child("host"), host));
  if (http === undefined) return errors;
  const at = path.child("http").child("paths");
  const paths = http.paths ?? [];
  if (paths.length === 0) errors.push(required(at));
  return [...errors, ...paths.flatMap((entry, position) => checkPath(at.index(position), entry))];
}

function checkPath(path: FieldPath, { path: urlPath = "", pathType, backend }: HTTPIngressPath): FieldError[] {
  if (pathType === undefined) return [required(path.child("pathType"), "pathType must be specified")];
  const at = path.child("path");
  const errors: FieldError[] = [];
  if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(path.child("pathType"), pathType, PATH_TYPES));
  else if (pathType === "ImplementationSpecific") {
    if (urlPath !== "" && !urlPath.startsWith("/")) errors.push(invalid(at, urlPath, "must be an absolute path"));
  } else {
    if (!urlPath.startsWith("/")) errors.push(invalid(at, urlPath, "must be an absolute path"));
    for (const sequence of BAD_SEQUENCES) if (urlPath.includes(sequence)) errors.push(invalid(at, urlPath, `must not contain '${sequence}'`));
    for (const suffix of BAD_SUFFIXES) if (urlPath.endsWith(suffix)) errors.push(invalid(at, urlPath, `cannot end with '${suffix}'`));
  }
  return [...errors, ...checkBackend(path.child("backend"), backend)];
}

function checkBackend(path: FieldPath, { service, resource }: IngressBackend): FieldError[] {
  if (service !== undefined && resource !== undefined) return [invalid(path, "", "cannot set both resource and service backends")];
  if (resource !== undefined) return checkReference(path.child("resource"), resource);
  if (service === undefined) return [invalid(path, "", "resource or service backend is required")];
  const name = path.child("service").child("name");
  const errors = (service.name ?? "") === "" ? [required(name)] : checkText(name, service.name, checkDnsLabel);
  const { name: portName = "", number = 0 } = service.port ?? {};
  const port = path.child("service").child("port");
  if (portName !== "" && number !== 0) errors.push(invalid(path, "", "cannot set both port name & port number"));
  else if (portName !== "") errors.push(...problemsAt(port.child("name"), portName, checkPortName(portName)));
  else if (number !== 0) errors.push(...problemsAt(port.child("number"), number, checkPortNumber(number)));
  else errors.push(required(path, "port name or number is required"));
  return errors;
}

function checkReference(
  path: FieldPath,
  { apiGroup, kind = "", name = "" }: { readonly apiGroup?: string; readonly kind?: string; readonly name?: string },
): FieldError[] {
  const segment = (field: string, value: string): FieldError[] =>
    value === "" ? [required(path.child(field))] : checkText(path.child(field), value, checkPathSegmentName);
  return [
    ...(apiGroup === undefined ? [] : checkText(path.child("apiGroup"), apiGroup, checkDnsSubdomain)),
    ...segment("kind", kind),
    ...segment("name", name),
  ];
}

export function validateIngressClass({ spec }: IngressClass): FieldError[] {
  const path = SPEC.child("controller");
  const controller = spec?.controller ?? "";
  const errors = controller.length > MAX_CONTROLLER ? [tooLong(path, MAX_CONTROLLER)] : [];
  if (controller === "") errors.push(required(path));
  else errors.push(...checkDomainPrefixedPath(controller).map(({ value, problem }) => invalid(path, value, problem)));
  const { parameters } = spec ?? {};
  if (parameters === undefined) return errors;
  const at = SPEC.child("parameters");
  errors.push(...checkReference(at, parameters));
  const { scope, namespace } = parameters;
  if (scope !== "Cluster" && scope !== "Namespace") errors.push(notSupported(at.child("scope"), scope ?? "", ["Cluster", "Namespace"]));
  else if (scope === "Namespace" && namespace === undefined) errors.push(required(at.child("namespace"), "`parameters.scope` is set to 'Namespace'"));
  else if (scope === "Cluster" && namespace !== undefined) errors.push(forbidden(at.child("namespace"), "`parameters.scope` is set to 'Cluster'"));
  return errors;
}

/** The controller of a class never changes. */
export function validateIngressClassUpdate(object: IngressClass, old: IngressClass): FieldError[] {
  return [...checkImmutable(object.spec?.controller, old.spec?.controller, SPEC.child("controller")), ...validateIngressClass(object)];
}
