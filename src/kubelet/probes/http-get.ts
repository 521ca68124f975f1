// An HTTP request at a container, as probes and lifecycle hooks make it
// (https://kubernetes.io/docs/concepts/workloads/pods/probes/#http-get-probe), and Go's words for what goes wrong, which users know.
import type { Container, HTTPGetAction, IntOrString } from "../../api/index.ts";
import type { DialFailure, ProbeDialer } from "../host.ts";

export type HttpOutcome =
  | { readonly outcome: "success"; readonly body: string }
  /** `answered`: the server did answer, whatever it said. */
  | { readonly outcome: "warning" | "failure"; readonly message: string; readonly answered: boolean }
  | { readonly outcome: "error"; readonly message: string };

const MAX_REDIRECTS = 10;

export interface HttpGet {
  readonly action: HTTPGetAction;
  readonly container: Container;
  readonly podIp: string;
  readonly timeoutMs: number;
  /** `kube-probe/1.36`, `kube-lifecycle/1.36`. */
  readonly userAgent: string;
}

/** A named port of the container, or the number; undefined when there is no such port. */
export function containerPort(port: IntOrString, container: Container): number | undefined {
  const number = typeof port === "number" ? port : /^\d+$/.test(port) ? Number(port) : container.ports?.find(({ name }) => name === port)?.containerPort;
  return number !== undefined && number > 0 && number < 65_536 ? number : undefined;
}

export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export async function httpGet(dialer: ProbeDialer, { action, container, podIp, timeoutMs, userAgent }: HttpGet): Promise<HttpOutcome> {
  const port = containerPort(action.port, container);
  if (port === undefined) return { outcome: "error", message: `couldn't find port: ${JSON.stringify(action.port)} in container ${container.name}` };
  const host = action.host === undefined || action.host === "" ? podIp : action.host;
  const path = action.path ?? "/";
  let url = `${(action.scheme ?? "HTTP").toLowerCase()}://${hostAndPort(host, port)}${path.startsWith("/") ? path : `/${path}`}`;
  const headers = requestHeaders(action, userAgent);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await dialer.http({ url, headers, timeoutMs });
    if (!answer.ok) return { outcome: "failure", message: `Get ${JSON.stringify(url)}: ${httpFailureText(answer, hostAndPort(host, port))}`, answered: false };
    const next = answer.location === undefined || answer.status < 300 || answer.status > 399 ? undefined : new URL(answer.location, url);
    if (next === undefined) {
      if (answer.status >= 200 && answer.status < 400) return { outcome: "success", body: answer.body };
      return { outcome: "failure", message: `HTTP probe failed with statuscode: ${answer.status}`, answered: true };
    }
    // Another host is somebody else's health.
    if (next.hostname !== new URL(url).hostname)
      return { outcome: "warning", message: `Probe terminated redirects, Response body: ${answer.body}`, answered: true };
    url = next.toString();
  }
  return { outcome: "failure", message: `Get ${JSON.stringify(url)}: stopped after ${MAX_REDIRECTS} redirects`, answered: true };
}

function requestHeaders(action: HTTPGetAction, userAgent: string): { name: string; value: string }[] {
  const headers = (action.httpHeaders ?? []).map(({ name, value }) => ({ name, value }));
  const has = (wanted: string): boolean => headers.some(({ name }) => name.toLowerCase() === wanted);
  if (!has("user-agent")) headers.push({ name: "User-Agent", value: userAgent });
  if (!has("accept")) headers.push({ name: "Accept", value: "*/*" });
  return headers.filter(({ value }) => value !== "");
}

function httpFailureText(failure: DialFailure, address: string): string {
  if (failure.reason === "timeout") return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
  return dialFailureText(failure, address);
}

export function dialFailureText(failure: DialFailure, address: string): string {
  const texts: Readonly<Record<DialFailure["reason"], string>> = {
    refused: "connect: connection refused",
    timeout: "i/o timeout",
    unreachable: "connect: no route to host",
    reset: "connection reset by peer",
    other: failure.message,
  };
  const text = texts[failure.reason];
  if (failure.stage === "connect") return `dial tcp ${address}: ${text}`;
  return failure.reason === "reset" ? `read tcp ${address}: read: ${text}` : text;
}
