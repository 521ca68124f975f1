// Where the proxy subresources lead: `<name>`, `<name>:<port>` or `<scheme>:<name>:<port>` of a pod or a service
// (https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls). Pure.
import { badRequestError, type Endpoints, type Pod, type Service, serviceUnavailableError } from "../../api/index.ts";
import type { Random } from "../../base/index.ts";

export interface ProxyName {
  readonly scheme: "http" | "https";
  readonly name: string;
  /** A number or a name; "" when none is given. */
  readonly port: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Throws a BadRequest. `what` is the kind of thing in the text. */
export function parseProxyName(text: string, what: string): ProxyName {
  const parts = text.split(":");
  const [first = "", second = "", third = ""] = parts;
  const named: ProxyName | undefined =
    parts.length === 1
      ? { scheme: "http", name: first, port: "" }
      : parts.length === 2
        ? { scheme: "http", name: first, port: second }
        : parts.length === 3 && (first === "" || first === "http" || first === "https")
          ? { scheme: first === "https" ? "https" : "http", name: second, port: third }
          : undefined;
  if (named === undefined || named.name === "") throw badRequestError(`invalid ${what} request ${JSON.stringify(text)}`);
  return named;
}

/** Throws a BadRequest. */
export function podAddress(pod: Pod, { scheme, port }: ProxyName): Address {
  const host = pod.status?.podIP ?? "";
  if (!isReachableAddress(host)) throw badRequestError("address not allowed");
  if (port !== "") {
    const number = Number(port);
    if (Number.isInteger(number)) return { host, port: number };
    throw badRequestError(`invalid pod port ${JSON.stringify(port)}`);
  }
  const declared = pod.spec.containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort;
  return { host, port: declared ?? (scheme === "https" ? 443 : 80) };
}

/** Addresses of the node itself or of its link are no business of clients'. */
export function isReachableAddress(host: string): boolean {
  return host !== "" && !/^(?:127\.|169\.254\.|0\.|22[4-9]\.|23\d\.|::1$|fe[89ab]|ff)/i.test(host);
}

/** One of the service's endpoints, at random. Throws ServiceUnavailable. */
export function serviceAddress(service: Service, endpoints: Endpoints | undefined, text: string, { port }: ProxyName, random: Random): Address {
  const { name } = service.metadata;
  let portName = port;
  if (/^\d+$/.test(port)) {
    const declared = service.spec.ports?.find((candidate) => candidate.port === Number(port));
    if (declared === undefined) throw serviceUnavailableError(`no service port ${port} found for service ${JSON.stringify(name)}`);
    portName = declared.name ?? "";
  }
  const subsets = endpoints?.subsets ?? [];
  if (subsets.length === 0) throw serviceUnavailableError(`no endpoints available for service ${JSON.stringify(name)}`);
  const found = subsets.flatMap(({ addresses = [], ports = [] }) => {
    const target = ports.find((candidate) => (candidate.name ?? "") === portName);
    return target === undefined ? [] : addresses.filter(({ ip }) => isReachableAddress(ip)).map(({ ip }) => ({ host: ip, port: target.port }));
  });
  const chosen = found[Math.floor(random.next() * found.length)];
  if (chosen === undefined) throw serviceUnavailableError(`no endpoints available for service ${JSON.stringify(text)}`);
  return chosen;
}
