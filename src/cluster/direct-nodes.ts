// The way from the API server to kubelets in the same process, without sockets. What needs streams or a network of pods is refused with
// the kubelet's own words: simulated containers have neither. Webhooks outside of the cluster are reached as ever.
import type { Node } from "../api/index.ts";
import type { Backend, BackendRequest, BackendResponse, NodeConnector } from "../apiserver/index.ts";
import { answerKubeletRequest, type KubeletApi, KubeletApiError, openKubeletStream, Refusal } from "../kubelet/index.ts";

/** `kubelets` by node name; looked into with every request. `outside` is asked for what is configured by its URL. */
export function createDirectNodeConnector(kubelets: ReadonlyMap<string, KubeletApi>, outside: () => Promise<Pick<NodeConnector, "server">>): NodeConnector {
  return {
    kubelet: (node: Node) => {
      const kubelet = kubelets.get(node.metadata.name);
      return kubelet === undefined ? unreachable(`node ${node.metadata.name} runs no kubelet in this process`) : directBackend(kubelet);
    },
    endpoint: (_scheme, host, port) => unreachable(`${host}:${port} is simulated, and has no network`),
    server: (server) => {
      // An address that goes by another name is that of a simulated pod.
      if (server.host !== server.serverName) return unreachable(`${server.host}:${server.port} is simulated, and has no network`);
      return {
        request: async (request) => (await outside()).server(server).request(request),
        upgrade: async (request) => (await outside()).server(server).upgrade(request),
      };
    },
  };
}

function unreachable(message: string): Backend {
  const reject = (): Promise<never> => Promise.reject(new Error(message));
  return { request: reject, upgrade: reject };
}

function directBackend(kubelet: KubeletApi): Backend {
  return {
    request: async (request) => {
      try {
        const { contentType, body } = await answerKubeletRequest(kubelet, { method: request.method, url: urlOf(request), signal: request.abort });
        return { status: 200, headers: { "content-type": contentType }, body: streamOf(body) };
      } catch (error) {
        return refusal(error);
      }
    },
    upgrade: async (request) => {
      try {
        await openKubeletStream(kubelet, urlOf(request));
        throw new KubeletApiError(500, "streams of simulated containers are not carried inside a process");
      } catch (error) {
        return { upgraded: false, response: refusal(error) };
      }
    },
  };
}

function urlOf({ target }: BackendRequest): URL {
  return new URL(target, "https://kubelet");
}

function refusal(error: unknown): BackendResponse {
  const status = error instanceof Refusal || error instanceof KubeletApiError ? error.code : 500;
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: streamOf(error instanceof Error ? error.message : String(error)) };
}

function streamOf(body: string | Uint8Array | AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  if (typeof body === "string" || body instanceof Uint8Array) {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    return new ReadableStream({
      start: (controller) => {
        controller.enqueue(bytes);
        controller.close();
      },
    });
  }
  const chunks = body[Symbol.asyncIterator]();
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => {
      await chunks.return?.();
    },
  });
}
