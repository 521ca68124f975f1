// What the kubelet answers to ordinary requests, whatever carries them: its HTTPS server, or a call inside an embedded cluster.
import type { Pod } from "../../api/index.ts";
import { METRIC_TEXT_TYPE } from "../../base/index.ts";
import { type KubeletApi, KubeletApiError } from "../kubelet-api.ts";
import { logOptions, portsOf, streamOptions } from "./query.ts";
import { kubeletRoute } from "./routes.ts";

/** A request that may not go on; the message is the answer's body. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export interface KubeletRequest {
  readonly method: string;
  readonly url: URL;
  /** Aborts when nobody listens any more. */
  readonly signal: AbortSignal;
}

export interface KubeletAnswer {
  readonly contentType: string;
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
}

const TEXT = "text/plain; charset=utf-8";

/** Answers a caller that is allowed to ask. Rejects with a `Refusal` or a `KubeletApiError`. */
export async function answerKubeletRequest(kubelet: KubeletApi, { method, url, signal }: KubeletRequest): Promise<KubeletAnswer> {
  const route = kubeletRoute(url.pathname);
  if (route === undefined) throw new Refusal(404, "404 page not found\n");
  switch (route.type) {
    case "healthz": {
      const problem = kubelet.healthProblem();
      if (problem !== undefined) throw new KubeletApiError(500, problem);
      return { contentType: TEXT, body: "ok" };
    }
    case "configz":
      return json({ kubeletconfig: kubelet.configuration() });
    case "pods":
      return json(podList(kubelet.pods()));
    case "runningPods":
      return json(podList(await kubelet.runningPods()));
    case "metrics":
      return { contentType: METRIC_TEXT_TYPE, body: await kubelet.metrics() };
    case "resourceMetrics":
      return { contentType: METRIC_TEXT_TYPE, body: await kubelet.resourceMetrics() };
    case "cadvisorMetrics":
      return { contentType: METRIC_TEXT_TYPE, body: await kubelet.cadvisorMetrics() };
    case "statsSummary":
      return json(await kubelet.statsSummary());
    case "containerLogs":
      return { contentType: "text/plain", body: await kubelet.containerLogs(route.target, logOptions(url.searchParams), signal) };
    case "volumeDirectory":
      if (method === "PUT") return json({ path: await kubelet.volumeDirectories.make(route.name) });
      if (method !== "DELETE") throw new Refusal(405, "405: Method Not Allowed\n");
      await kubelet.volumeDirectories.remove(route.name);
      return json({});
    case "run":
      if (method !== "POST") throw new Refusal(405, "405: Method Not Allowed\n");
      return { contentType: TEXT, body: await kubelet.run(route.target, (url.searchParams.get("cmd") ?? "").split(" ")) };
    default:
      throw new KubeletApiError(400, "Upgrade request required");
  }
}

function json(value: unknown): KubeletAnswer {
  return { contentType: "application/json", body: JSON.stringify(value) };
}

function podList(items: readonly Pod[]): unknown {
  return { kind: "PodList", apiVersion: "v1", metadata: {}, items };
}

/** The URL at the runtime's streaming server that an exec, attach or port-forward request is led to. Rejects as above. */
export async function openKubeletStream(kubelet: KubeletApi, url: URL): Promise<string> {
  const route = kubeletRoute(url.pathname);
  const query = url.searchParams;
  if (route?.type === "portForward") return kubelet.portForward(route.target, portsOf(query));
  if (route?.type === "exec") return kubelet.exec(route.target, query.getAll("command"), streamOptions(query));
  if (route?.type === "attach") return kubelet.attach(route.target, streamOptions(query));
  throw new Refusal(404, "404 page not found\n");
}
