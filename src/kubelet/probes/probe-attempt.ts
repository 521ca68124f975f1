// One attempt of a probe: ask the container, by HTTP, TCP, a command or gRPC
// (https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/).
import type { Container, Probe } from "../../api/index.ts";
import { formatDuration } from "../../base/index.ts";
import { expand } from "../environment/expansion.ts";
import type { KubeletHost } from "../host.ts";
import { type ContainerRuntime, RuntimeError } from "../runtime/runtime.ts";
import { containerPort, dialFailureText, hostAndPort, httpGet } from "./http-get.ts";

export type ProbeOutcome =
  | { readonly outcome: "success" }
  | { readonly outcome: "warning" | "failure"; readonly message: string }
  /** The probe itself could not be made; it tells nothing about the container. */
  | { readonly outcome: "error"; readonly message: string };

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
  readonly userAgent: string;
}

const MAX_EXEC_OUTPUT = 10 * 1024;

export async function attemptProbe(host: KubeletHost, runtime: ContainerRuntime, probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const { container, podIp, userAgent } = target;
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.exec !== undefined) return execProbe(runtime, probe, target, timeoutMs);
  if (probe.httpGet !== undefined) return httpGet(host.dialer, { action: probe.httpGet, container, podIp, timeoutMs, userAgent });
  if (probe.tcpSocket !== undefined) {
    const port = containerPort(probe.tcpSocket.port, container);
    if (port === undefined) return { outcome: "error", message: `couldn't find port: ${JSON.stringify(probe.tcpSocket.port)} in container ${container.name}` };
    const at = probe.tcpSocket.host === undefined || probe.tcpSocket.host === "" ? podIp : probe.tcpSocket.host;
    const answer = await host.dialer.tcp({ host: at, port, timeoutMs });
    return answer.ok ? { outcome: "success" } : { outcome: "failure", message: dialFailureText(answer, hostAndPort(at, port)) };
  }
  if (probe.grpc !== undefined) return grpcProbe(host, podIp, probe.grpc.port, probe.grpc.service ?? "", timeoutMs);
  return { outcome: "error", message: `missing probe handler for ${container.name}` };
}

async function execProbe(runtime: ContainerRuntime, probe: Probe, { container, containerId }: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
  // Only what is written literally in the spec is known here.
  const literals = new Map((container.env ?? []).filter(({ value }) => value !== undefined).map(({ name, value = "" }) => [name, value]));
  const command = (probe.exec?.command ?? []).map((text) => expand(text, (name) => literals.get(name)));
  try {
    const { exitCode, stdout, stderr } = await runtime.execSync(containerId, command, timeoutMs / 1000);
    if (exitCode === 0) return { outcome: "success" };
    const output = new TextDecoder().decode(joined(stdout, stderr).subarray(0, MAX_EXEC_OUTPUT));
    return { outcome: "failure", message: output };
  } catch (error) {
    if (error instanceof RuntimeError && error.reason === "deadline") {
      return { outcome: "failure", message: `command timed out: ${JSON.stringify(command.join(" "))} timed out after ${formatDuration(timeoutMs)}` };
    }
    return { outcome: "error", message: error instanceof Error ? error.message : String(error) };
  }
}

async function grpcProbe(host: KubeletHost, podIp: string, port: number, service: string, timeoutMs: number): Promise<ProbeOutcome> {
  const answer = await host.dialer.grpcHealth({ host: podIp, port, service, timeoutMs });
  const address = hostAndPort(podIp, port);
  const limit = formatDuration(timeoutMs);
  if (answer.ok)
    return answer.status === "SERVING" ? { outcome: "success" } : { outcome: "failure", message: `service unhealthy (responded with "${answer.status}")` };
  switch (answer.reason) {
    case "connect":
      return { outcome: "failure", message: `timeout: failed to connect service "${address}" within ${limit}: context deadline exceeded` };
    case "unimplemented":
      return { outcome: "failure", message: `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${answer.message}` };
    case "timeout":
      return { outcome: "failure", message: `timeout: health rpc did not complete within ${limit}` };
    default:
      return { outcome: "failure", message: `error: health rpc probe failed: ${answer.message}` };
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
