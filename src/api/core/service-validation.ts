// Services: ports, addresses, and what each type may and must have
// (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/). Addresses and node ports that the server allots are in by now.
import { checkDnsLabelAt, checkLabels, checkOneOf, checkRequiredOneOf, checkText, problemsAt } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { LoadBalancerStatus, Service, ServicePort } from "../generated/types.ts";
import { checkCidr, checkIp, formatIp, parseIp } from "../ip.ts";
import { checkDnsSubdomain, checkPortNumber, checkQualifiedName } from "../names.ts";
import { annotations } from "../well-known.ts";
import { checkPort } from "./probe-validation.ts";
import { isExternallyAccessible, needsClusterIP, needsHealthCheckNodePort } from "./service-strategy.ts";

const SPEC = FieldPath.root("spec");
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const MAX_AFFINITY_SECONDS = 86_400;
const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const SOURCE_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges";
const DEPRECATED_HINTS = "service.kubernetes.io/topology-aware-hints";
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'";

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === "None";
}

/** An address that endpoints may have: of no node alone. */
export function checkEndpointAddress(path: FieldPath, value: string): FieldError[] {
  const ip = parseIp(value);
  if (ip === undefined) return [invalid(path, value, "must be a valid IP address")];
  const [first = 0, second = 0, third = 0] = ip.bytes;
  const text = formatIp(ip);
  const is4 = ip.family === 4;
  if (is4 ? text === "0.0.0.0" : text === "::") return [invalid(path, value, `may not be unspecified (${value})`)];
  if (is4 ? first === 127 : text === "::1") return [invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)")];
  if (is4 ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80) {
    return [invalid(path, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")];
  }
  const multicast = is4 ? first === 224 && second === 0 && third === 0 : first === 0xff && (second & 0x0f) === 0x02;
  return multicast ? [invalid(path, value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")] : [];
}

/** The name, number and protocol of a port of a service or of endpoints. */
export function checkNamedPort(path: FieldPath, port: Pick<ServicePort, "name" | "port" | "protocol" | "appProtocol">, requireName: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name) errors.push(...checkDnsLabelAt(path.child("name"), port.name));
  else if (requireName) errors.push(required(path.child("name")));
  errors.push(
    ...problemsAt(path.child("port"), port.port, checkPortNumber(port.port)),
    ...checkRequiredOneOf(path.child("protocol"), port.protocol, PROTOCOLS),
  );
  return port.appProtocol === undefined ? errors : [...errors, ...checkText(path.child("appProtocol"), port.appProtocol, checkQualifiedName)];
}

function checkPorts(service: Service): FieldError[] {
  const ports = service.spec.ports ?? [];
  const path = SPEC.child("ports");
  const names = new Set<string>();
  const errors = ports.flatMap((port, position) => {
    const at = path.index(position);
    const { appProtocol, ...rest } = port;
    const own = checkNamedPort(at, rest, ports.length > 1);
    if (port.name) {
      if (names.has(port.name)) own.push(duplicate(at.child("name"), port.name));
      names.add(port.name);
    }
    if (port.targetPort !== undefined) own.push(...checkPort(at.child("targetPort"), port.targetPort));
    return appProtocol === undefined ? own : [...own, ...checkText(at.child("appProtocol"), appProtocol, checkQualifiedName)];
  });
  return [...errors, ...checkPortCollisions(service.spec.type, ports)];
}

function checkPortCollisions(type: string | undefined, ports: readonly ServicePort[]): FieldError[] {
  const errors: FieldError[] = [];
  const nodePorts = new Set<string>();
  const numbers = new Set<string>();
  for (const [position, { nodePort, protocol, port }] of ports.entries()) {
    const path = SPEC.child("ports").index(position);
    if (nodePort) {
      if (type === "ClusterIP") errors.push(forbidden(path.child("nodePort"), "may not be used when `type` is 'ClusterIP'"));
      const key = `${protocol}/${nodePort}`;
      if (nodePorts.has(key)) errors.push(duplicate(path.child("nodePort"), nodePort));
      nodePorts.add(key);
    }
    const key = `${protocol}/${port}`;
    if (numbers.has(key)) errors.push(duplicate(path, { Name: "", Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 }));
    numbers.add(key);
  }
  return errors;
}

function checkType(service: Service): FieldError[] {
  const { spec } = service;
  const errors: FieldError[] = [];
  if ((spec.type === "LoadBalancer" || spec.type === "NodePort") && isHeadless(service)) {
    errors.push(invalid(SPEC.child("clusterIPs").index(0), "None", `may not be set to 'None' for ${spec.type} services`));
  }
  if (spec.type !== "ExternalName") return errors;
  const text = "may not be set for ExternalName services";
  if ((spec.clusterIPs ?? []).length > 0) errors.push(forbidden(SPEC.child("clusterIPs"), text));
  if ((spec.ipFamilies ?? []).length > 0) errors.push(forbidden(SPEC.child("ipFamilies"), text));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden(SPEC.child("ipFamilyPolicy"), text));
  const name = (spec.externalName ?? "").replace(/\.$/, "");
  return [...errors, ...(name === "" ? [required(SPEC.child("externalName"))] : checkText(SPEC.child("externalName"), name, checkDnsSubdomain))];
}

function checkAffinity({ spec }: Service): FieldError[] {
  const errors = checkRequiredOneOf(SPEC.child("sessionAffinity"), spec.sessionAffinity, ["ClientIP", "None"]);
  const path = SPEC.child("sessionAffinityConfig");
  if (spec.sessionAffinity === "None" && spec.sessionAffinityConfig !== undefined) {
    return [...errors, forbidden(path, "must not be set when session affinity is None")];
  }
  if (spec.sessionAffinity !== "ClientIP") return errors;
  const when = "when session affinity type is ClientIP";
  if (spec.sessionAffinityConfig === undefined) return [...errors, required(path, when)];
  if (spec.sessionAffinityConfig.clientIP === undefined) return [...errors, required(path.child("clientIP"), when)];
  const seconds = spec.sessionAffinityConfig.clientIP.timeoutSeconds;
  const at = path.child("clientIP", "timeoutSeconds");
  if (seconds === undefined) return [...errors, required(at, when)];
  return seconds > 0 && seconds <= MAX_AFFINITY_SECONDS
    ? errors
    : [...errors, invalid(at, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`)];
}

function checkFamilies({ spec }: Service): FieldError[] {
  const seen = new Set<string>();
  const errors = (spec.ipFamilies ?? []).flatMap((family, position) => {
    const path = SPEC.child("ipFamilies").index(position);
    const own = checkOneOf(path, family, ["IPv4", "IPv6"]);
    if (seen.has(family)) own.push(duplicate(path, family));
    seen.add(family);
    return own;
  });
  return [...errors, ...checkOneOf(SPEC.child("ipFamilyPolicy"), spec.ipFamilyPolicy, ["PreferDualStack", "RequireDualStack", "SingleStack"])];
}

/** `clusterIP` is the first of `clusterIPs`; at most one of each family. */
export function checkServiceAddresses(service: Service, old: Service | undefined): FieldError[] {
  const { spec } = service;
  if (spec.type === "ExternalName") return [];
  const path = SPEC.child("clusterIPs");
  const all = spec.clusterIPs ?? [];
  const errors: FieldError[] = [];
  if (spec.clusterIP) {
    if (all.length === 0) errors.push(required(path));
    else if (all[0] !== spec.clusterIP) errors.push(invalid(path, all, "first value must match `clusterIP`"));
  } else if (all.length > 0) errors.push(invalid(path, all, "must be empty when `clusterIP` is not specified"));
  errors.push(...checkFamilies(service));
  const faults = all.flatMap((address, position) => {
    if (position === 0 && address === "None") return all.length > 1 ? [invalid(path, all, "'None' must be the first and only value")] : [];
    return old?.spec.clusterIPs?.includes(address) ? [] : checkIp(path.index(position), address);
  });
  errors.push(...faults);
  if (all.length > 2) errors.push(invalid(path, all, "may only hold up to 2 values"));
  if (faults.length > 0) return errors;
  const families = all.map((address) => (address.includes(":") ? "IPv6" : "IPv4"));
  if (all.length > 1 && new Set(families).size < all.length) errors.push(invalid(path, all, "may specify no more than one IP for each IP family"));
  if (isHeadless(service)) return errors;
  for (const [position, address] of all.entries()) {
    const family = spec.ipFamilies?.[position];
    if (family === undefined || family === families[position]) continue;
    errors.push(invalid(path.index(position), address, `expected an ${family} value as indicated by \`ipFamilies[${position}]\``));
  }
  return errors;
}

function checkSourceRanges({ spec, metadata }: Service): FieldError[] {
  const path = SPEC.child("LoadBalancerSourceRanges");
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0) {
    const misplaced = spec.type === "LoadBalancer" ? [] : [forbidden(path, ONLY_LOAD_BALANCER)];
    return [...misplaced, ...ranges.flatMap((range, position) => checkCidr(path.index(position), range.trim()))];
  }
  const annotated = metadata.annotations?.[SOURCE_RANGES_ANNOTATION];
  if (annotated === undefined) return [];
  const at = FieldPath.root("metadata").child("annotations").key(SOURCE_RANGES_ANNOTATION);
  const misplaced = spec.type === "LoadBalancer" ? [] : [forbidden(at, ONLY_LOAD_BALANCER)];
  const values = annotated.trim() === "" ? [] : annotated.split(",");
  return [...misplaced, ...values.flatMap((range) => checkCidr(at, range.trim()))];
}

function checkLoadBalancer(service: Service): FieldError[] {
  const { spec } = service;
  const errors = checkSourceRanges(service);
  const isLoadBalancer = spec.type === "LoadBalancer";
  if (!isLoadBalancer && spec.allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbidden(SPEC.child("allocateLoadBalancerNodePorts"), ONLY_LOAD_BALANCER));
  if (isLoadBalancer && spec.allocateLoadBalancerNodePorts === undefined) errors.push(required(FieldPath.root("allocateLoadBalancerNodePorts")));
  const path = SPEC.child("loadBalancerClass");
  if (spec.loadBalancerClass === undefined) return errors;
  return [...errors, ...(isLoadBalancer ? checkText(path, spec.loadBalancerClass, checkQualifiedName) : [forbidden(path, ONLY_LOAD_BALANCER)])];
}

function checkTraffic(service: Service): FieldError[] {
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort: health, trafficDistribution } = service.spec;
  const errors: FieldError[] = [];
  if (isExternallyAccessible(service)) errors.push(...checkRequiredOneOf(SPEC.child("externalTrafficPolicy"), external, ["Cluster", "Local"]));
  else if (external) errors.push(invalid(SPEC.child("externalTrafficPolicy"), external, "may only be set for externally-accessible services"));
  const path = SPEC.child("healthCheckNodePort");
  if (!needsHealthCheckNodePort(service)) {
    if (health) errors.push(invalid(path, health, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"));
  } else if (!health) errors.push(required(path));
  else errors.push(...problemsAt(path, health, checkPortNumber(health)));
  if (internal === undefined) {
    if (needsClusterIP(service)) errors.push(required(SPEC.child("internalTrafficPolicy")));
  } else errors.push(...checkOneOf(SPEC.child("internalTrafficPolicy"), internal, ["Cluster", "Local"]));
  const ways = ["PreferClose", "PreferSameZone", "PreferSameNode"];
  if (trafficDistribution !== undefined && !ways.includes(trafficDistribution)) {
    errors.push(notSupported(SPEC.child("trafficDistribution"), trafficDistribution, ways));
  }
  return errors;
}

function checkService(service: Service, old: Service | undefined): FieldError[] {
  const { spec, metadata } = service;
  const hints = metadata.annotations?.[DEPRECATED_HINTS];
  const mode = metadata.annotations?.[annotations.topologyMode];
  const errors: FieldError[] = [];
  if (hints !== undefined && mode !== undefined && hints !== mode) {
    const at = FieldPath.root("metadata").child("annotations").key(annotations.topologyMode);
    errors.push(invalid(at, mode, `must match annotations[${DEPRECATED_HINTS}] when both are specified`));
  }
  if ((spec.ports ?? []).length === 0 && !isHeadless(service) && spec.type !== "ExternalName") errors.push(required(SPEC.child("ports")));
  return [
    ...errors,
    ...checkType(service),
    ...checkPorts(service),
    ...checkLabels(SPEC.child("selector"), spec.selector),
    ...checkAffinity(service),
    ...checkServiceAddresses(service, old),
    ...(spec.externalIPs ?? []).flatMap((address, position) => {
      const at = SPEC.child("externalIPs").index(position);
      const faults = old?.spec.externalIPs?.includes(address) ? [] : checkIp(at, address);
      return faults.length > 0 ? faults : checkEndpointAddress(at, address);
    }),
    ...checkRequiredOneOf(SPEC.child("type"), spec.type, TYPES),
    ...checkLoadBalancer(service),
    ...checkTraffic(service),
  ];
}

export function validateService(service: Service): FieldError[] {
  return checkService(service, undefined);
}

/** An address stays; a second one may come and go. */
function checkKeptAddresses(service: Service, old: Service): FieldError[] {
  if (service.spec.type === "ExternalName" || old.spec.type === "ExternalName" || (isHeadless(service) && isHeadless(old))) return [];
  const path = SPEC.child("clusterIPs");
  const after = service.spec.clusterIPs ?? [];
  const before = old.spec.clusterIPs ?? [];
  if (after.length === before.length) {
    return before.flatMap((address, position) => (address === after[position] ? [] : [invalid(path.index(position), after, "may not change once set")]));
  }
  const changed = before.length > 0 && after.length > 0 && before[0] !== after[0] ? [invalid(path.index(0), after, "may not change once set")] : [];
  if (after.length > before.length) return changed;
  if (after.length === 0) return [invalid(path.index(0), after, "primary clusterIP can not be unset")];
  const policy = service.spec.ipFamilyPolicy;
  if (policy === "SingleStack") return changed;
  return [...changed, invalid(SPEC.child("ipFamilyPolicy"), policy ?? null, "must be set to 'SingleStack' when releasing the secondary clusterIP")];
}

function checkKeptFamilies(service: Service, old: Service): FieldError[] {
  const isExternal = service.spec.type === "ExternalName" || old.spec.type === "ExternalName";
  if (isExternal || isHeadless(service) || isHeadless(old)) return [];
  const path = SPEC.child("ipFamilies").index(0);
  const after = service.spec.ipFamilies ?? [];
  const before = old.spec.ipFamilies ?? [];
  if (after.length === 0 && before.length > 0) return [invalid(path, after, "primary ipFamily can not be unset")];
  const errors = before.length > 0 && after[0] !== before[0] ? [invalid(path, after, "may not change once set")] : [];
  const policy = service.spec.ipFamilyPolicy;
  if (before.length <= after.length || policy === "SingleStack") return errors;
  return [...errors, invalid(SPEC.child("ipFamilyPolicy"), policy ?? null, "must be set to 'SingleStack' when releasing the secondary ipFamily")];
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors = [...checkKeptAddresses(service, old), ...checkKeptFamilies(service, old)];
  const kept = service.spec.type === "LoadBalancer" && old.spec.type === "LoadBalancer";
  if (kept && service.spec.loadBalancerClass !== old.spec.loadBalancerClass) {
    errors.push(invalid(SPEC.child("loadBalancerClass"), service.spec.loadBalancerClass ?? null, "may not change once set"));
  }
  const healthChanged = service.spec.healthCheckNodePort !== old.spec.healthCheckNodePort;
  if (needsHealthCheckNodePort(old) && needsHealthCheckNodePort(service) && healthChanged) {
    errors.push(forbidden(SPEC.child("healthCheckNodePort"), "field is immutable"));
  }
  return [...errors, ...checkService(service, old)];
}

/** Addresses under which a load balancer answers, of a Service or an Ingress. */
export function checkLoadBalancerStatus(path: FieldPath, { ingress = [] }: LoadBalancerStatus): FieldError[] {
  return ingress.flatMap(({ ip, ipMode, hostname }, position) => {
    const at = path.child("ingress").index(position);
    const errors = ip ? checkIp(at.child("ip"), ip) : [];
    if (ip && ipMode === undefined) errors.push(required(at.child("ipMode"), "must be specified when `ip` is set"));
    else if (!ip && ipMode !== undefined) errors.push(forbidden(at.child("ipMode"), "may not be specified when `ip` is not set"));
    else errors.push(...checkOneOf(at.child("ipMode"), ipMode, ["Proxy", "VIP"]));
    if (!hostname) return errors;
    errors.push(...checkText(at.child("hostname"), hostname, checkDnsSubdomain));
    return parseIp(hostname) === undefined ? errors : [...errors, invalid(at.child("hostname"), hostname, "must be a DNS name, not an IP address")];
  });
}

export function validateServiceStatusUpdate({ spec, status }: Service): FieldError[] {
  const path = FieldPath.root("status").child("loadBalancer");
  const balancer = status?.loadBalancer ?? {};
  if (spec.type !== "LoadBalancer" && (balancer.ingress ?? []).length > 0) {
    return [forbidden(path.child("ingress"), "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  return checkLoadBalancerStatus(path, balancer);
}
