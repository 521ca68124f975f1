// The variables by which containers find services
// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
import type { Service } from "../../api/index.ts";

/** Of the services that a pod in `namespace` sees, as an ordered map. */
export function serviceVariables(services: readonly Service[], namespace: string, enableServiceLinks: boolean): Map<string, string> {
  const variables = new Map<string, string>();
  const visible = new Map<string, Service>();
  for (const service of services) {
    const { clusterIP } = service.spec;
    if (clusterIP === undefined || clusterIP === "" || clusterIP === "None") continue;
    const { name, namespace: at } = service.metadata;
    if (at === "default" && name === "kubernetes") {
      if (!visible.has(name)) visible.set(name, service);
    } else if (at === namespace && enableServiceLinks) visible.set(name, service);
  }
  for (const service of [...visible.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    for (const [key, value] of variablesOf(service)) variables.set(key, value);
  }
  return variables;
}

function variablesOf(service: Service): [string, string][] {
  const prefix = variableName(service.metadata.name);
  const { clusterIP = "", ports = [] } = service.spec;
  const [first] = ports;
  if (first === undefined) return [];
  const host = clusterIP.includes(":") ? `[${clusterIP}]` : clusterIP;
  const variables: [string, string][] = [
    [`${prefix}_SERVICE_HOST`, clusterIP],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
  ];
  for (const { name, port } of ports) if (name !== undefined && name !== "") variables.push([`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)]);
  ports.forEach(({ port, protocol = "TCP" }, index) => {
    const url = `${protocol.toLowerCase()}://${host}:${port}`;
    const linkPrefix = `${prefix}_PORT_${port}_${protocol}`;
    if (index === 0) variables.push([`${prefix}_PORT`, url]);
    variables.push([linkPrefix, url], [`${linkPrefix}_PROTO`, protocol.toLowerCase()], [`${linkPrefix}_PORT`, String(port)], [`${linkPrefix}_ADDR`, clusterIP]);
  });
  return variables;
}

function variableName(name: string): string {
  return name.replaceAll("-", "_").toUpperCase();
}
