// Requests that lead on to a node, a pod or a service: logs, exec, attach, port-forward and the proxies.
import {
  badRequestError,
  endpoints,
  type Kind,
  type KubeObject,
  type Node,
  nodes,
  type Pod,
  pods,
  services,
  serviceUnavailableError,
} from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { AdmissionChain } from "../admission/chain.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import { forbiddenByAuthorizer } from "../authorization/forbidden.ts";
import { connectOptions } from "../connect/connect-options.ts";
import { forward, isUpgrade, kubeletFailure, rewriteLocation } from "../connect/forward.ts";
import { withRewrittenLinks } from "../connect/html-links.ts";
import { logLocation, portForwardLocation, streamLocation } from "../connect/pod-streams.ts";
import { parseProxyName, podAddress, serviceAddress } from "../connect/proxy-locations.ts";
import { isWebSocket, webSocketResponse } from "../connect/web-socket-stream.ts";
import type { Backend, NodeConnector } from "../node-connector.ts";
import { type ApiResponse, bytesBody, streamBody } from "./message.ts";
import { isTrue } from "./request-info.ts";
import type { AuthorizedRequest } from "./resource-handler.ts";

export interface ConnectOptions {
  readonly nodes: NodeConnector | undefined;
  /** As the server itself. */
  readonly client: Client;
  readonly authorizer: Authorizer;
  readonly admission: Pick<AdmissionChain, "mutate" | "validate">;
}

const POD_STREAMS: ReadonlySet<string> = new Set(["log", "exec", "attach", "portforward"]);

export class ConnectHandler {
  constructor(
    private readonly env: Env,
    private readonly options: ConnectOptions,
  ) {}

  serves({ kind, resource: { subresource } }: AuthorizedRequest): boolean {
    if (kind.group !== "") return false;
    if (subresource === "proxy") return kind.subresources.has("proxy");
    return kind.resource === "pods" && POD_STREAMS.has(subresource);
  }

  async handle(asked: AuthorizedRequest): Promise<ApiResponse> {
    const { kind, resource } = asked;
    if (resource.subresource !== "log") await this.#admit(asked);
    if (resource.subresource === "proxy") return kind.resource === "nodes" ? this.#proxyToNode(asked) : this.#proxyToEndpoint(asked);
    const pod = await this.#get(pods, resource.namespace, resource.name);
    return resource.subresource === "log" ? this.#log(asked, pod) : this.#stream(asked, pod);
  }

  async #log({ request, query }: AuthorizedRequest, pod: Pod): Promise<ApiResponse> {
    const { target } = logLocation(pod, query);
    const headers = { "content-type": "text/plain" };
    const nodeName = pod.spec.nodeName ?? "";
    if (nodeName === "") return { status: 204, headers: {}, body: bytesBody() };
    const backend = await this.#kubelet(nodeName, isTrue(query.get("insecureSkipTLSVerifyBackend")));
    const answer = await backend.request({ method: "GET", target, headers: {}, abort: request.abort });
    if (answer.status !== 200) throw await kubeletFailure(answer, pod.metadata.name);
    if (isUpgrade(request) && isWebSocket(request)) return webSocketResponse(request, answer.body);
    return { status: 200, headers, body: streamBody(answer.body) };
  }

  async #stream(asked: AuthorizedRequest, pod: Pod): Promise<ApiResponse> {
    const { request, query, resource } = asked;
    const { subresource } = resource;
    // A WebSocket begins with a GET, but what it does is no reading.
    if (resource.verb !== "create") this.#authorizeCreate(asked);
    const { target } =
      subresource === "portforward" ? portForwardLocation(pod, query) : streamLocation(subresource === "attach" ? "attach" : "exec", pod, query);
    if (!isUpgrade(request)) throw badRequestError("Upgrade request required");
    return forward(request, await this.#kubelet(pod.spec.nodeName ?? ""), { target });
  }

  async #proxyToNode(asked: AuthorizedRequest): Promise<ApiResponse> {
    const { resource } = asked;
    const { name } = parseProxyName(resource.name, "node");
    return this.#proxy(asked, await this.#kubelet(name), "");
  }

  async #proxyToEndpoint(asked: AuthorizedRequest): Promise<ApiResponse> {
    const { kind, resource } = asked;
    const { namespace } = resource;
    const named = parseProxyName(resource.name, kind.singular);
    const address =
      kind.resource === "pods"
        ? podAddress(await this.#get(pods, namespace, named.name), named)
        : serviceAddress(
            await this.#get(services, namespace, named.name),
            await this.#get(endpoints, namespace, named.name),
            resource.name,
            named,
            this.env.random,
          );
    const host = address.host.includes(":") ? `[${address.host}]` : address.host;
    const backend = this.#connector().endpoint(named.scheme, address.host, address.port);
    return this.#proxy(asked, backend, `${named.scheme}://${host}:${address.port}`);
  }

  async #proxy({ request, resource }: AuthorizedRequest, backend: Backend, origin: string): Promise<ApiResponse> {
    const mark = request.target.indexOf("?");
    const search = mark === -1 ? "" : request.target.slice(mark);
    const path = mark === -1 ? request.target : request.target.slice(0, mark);
    // Relative links of the backend's root need the slash.
    if (resource.rest === "" && !isUpgrade(request) && (request.method === "GET" || request.method === "HEAD")) {
      return { status: 301, headers: { location: `${path}/${search}` }, body: bytesBody() };
    }
    const prefix = path.slice(0, path.length - resource.rest.length);
    const target = `${resource.rest === "" ? "/" : resource.rest}${search}`;
    const rewrite = (link: string): string => rewriteLocation(link, prefix, origin);
    const response = await forward(request, backend, {
      target,
      headers: { "x-forwarded-uri": path },
      change: (answer) => (answer.headers["location"] === undefined ? withRewrittenLinks(answer, rewrite) : answer),
    });
    const { location } = response.headers;
    if (typeof location !== "string") return response;
    return { ...response, headers: { ...response.headers, location: rewrite(location) } };
  }

  #connector(): NodeConnector {
    if (this.options.nodes === undefined) throw serviceUnavailableError("this server was started without a way to reach nodes");
    return this.options.nodes;
  }

  async #kubelet(nodeName: string, isUnverified = false): Promise<Backend> {
    const node = await this.#get<Node>(nodes, "", nodeName);
    return this.#connector().kubelet(node, isUnverified);
  }

  /** Throws NotFound. */
  #get<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): Promise<T> {
    return this.options.client.get(kind, { namespace, name });
  }

  async #admit({ kind, resource, query, user, warnings }: AuthorizedRequest): Promise<void> {
    const { namespace, name, subresource, rest } = resource;
    const object = connectOptions(kind, subresource, query, rest);
    const connection = { operation: "CONNECT", kind, subresource, namespace, name, object, user, dryRun: false, warnings } as const;
    await this.options.admission.mutate(connection);
    await this.options.admission.validate(connection);
  }

  #authorizeCreate({ user, resource, request }: AuthorizedRequest): void {
    const { group, version, namespace, name, subresource } = resource;
    const attributes: AuthorizationAttributes = {
      user,
      verb: "create",
      path: request.target,
      resource: { group, version, resource: resource.resource, subresource, namespace, name },
    };
    const { decision, reason } = this.options.authorizer.authorize(attributes);
    if (decision !== "allow") throw forbiddenByAuthorizer(attributes, reason);
  }
}
