// The way of every request, in this order: who asks (authentication, impersonation), may he (authorization), what is it
// (resource, connection to a pod or node, document), and the failure of any of these as a `Status`. Flow control's place is
// between the first two.
import { badRequestError, type Kind, methodNotAllowedError, noSuchPathError } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { ServerAuthenticator } from "../authentication/create-authenticator.ts";
import { type ImpersonatedRequest, impersonate } from "../authentication/impersonation.ts";
import { JWKS_PATH } from "../authentication/openid.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import { forbiddenByAuthorizer } from "../authorization/forbidden.ts";
import type { ServedKinds } from "../custom/served-kinds.ts";
import type { ConnectHandler } from "./connect-handler.ts";
import type { DocumentsHandler } from "./documents-handler.ts";
import { type ApiRequest, type ApiResponse, type Handler, header, textResponse } from "./message.ts";
import { wantsPretty } from "./representation.ts";
import { parseRequest, type RequestInfo } from "./request-info.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { checkResourceRequest } from "./resource-checks.ts";
import type { ResourceHandler } from "./resource-handler.ts";
import { statusOf, statusResponse, warningHeader } from "./status-response.ts";

export interface PipelineOptions {
  readonly authenticator: () => ServerAuthenticator;
  readonly authorizer: Authorizer;
  readonly resources: ResourceHandler;
  readonly connections: ConnectHandler;
  readonly documents: DocumentsHandler;
  readonly kinds: ServedKinds;
}

const BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

export class Pipeline {
  readonly #metrics: RequestMetrics;

  constructor(
    private readonly env: Env,
    private readonly options: PipelineOptions,
  ) {
    this.#metrics = new RequestMetrics(env);
  }

  readonly handle: Handler = async (request) => {
    const startMs = this.env.clock.monotonic();
    const info = parseRequest(request.method, request.target);
    const warnings: string[] = [];
    const end = this.#metrics.begin(info);
    const response = withWarnings(await this.#answer(request, info, warnings), warnings);
    end();
    const seconds = response.body.type === "bytes" ? (this.env.clock.monotonic() - startMs) / 1000 : undefined;
    this.#metrics.answered(info, info && this.#kindOf(info), response.status, seconds);
    return request.method === "HEAD" && response.body.type === "bytes" ? { ...response, body: { type: "bytes", chunks: [] } } : response;
  };

  async #answer(request: ApiRequest, info: RequestInfo | undefined, warnings: string[]): Promise<ApiResponse> {
    try {
      if (info === undefined) throw badRequestError("the path of the request cannot be decoded");
      return await this.#dispatch(request, info, warnings);
    } catch (error) {
      const status = statusOf(error, this.env.log, `${request.method} ${info?.path ?? request.target}`);
      return statusResponse(status, info !== undefined && wantsPretty(request, info.query));
    }
  }

  async #dispatch(request: ApiRequest, info: RequestInfo, warnings: string[]): Promise<ApiResponse> {
    const { authenticator, authorizer, resources, connections, documents } = this.options;
    const credentials = { clientCertificate: request.clientCertificate, bearerToken: bearerToken(request) };
    const caller = await authenticator().authenticate(credentials);
    const attributes = attributesOf(info);
    const user = impersonate(caller, request.headers, authorizer, attributes);
    this.#authorize({ ...attributes, user });
    if (info.resource !== undefined) {
      const kind = this.#kindOf(info);
      // Groups that are there answer for what they do not have.
      if (kind === undefined) return this.options.kinds.hasGroup(info.resource.group) ? statusResponse(noSuchPathError().status) : PAGE_NOT_FOUND;
      checkResourceRequest(kind, info.resource);
      if (kind.declaration.deprecation !== undefined) warnings.push(kind.declaration.deprecation);
      const asked = { request, query: info.query, resource: info.resource, kind, user, warnings };
      return connections.serves(asked) ? connections.handle(asked) : resources.handle(asked);
    }
    // The list of paths answers whoever asks for it in whatever way.
    if (request.method !== "GET" && request.method !== "HEAD" && info.path !== "/")
      throw info.path === "/version" ? methodNotAllowedError() : noSuchPathError();
    if (info.path === JWKS_PATH) return documents.keySet();
    const document = await documents.handle(request, info);
    if (document !== undefined) return document;
    const [, root, group = "", version = ""] = info.path.split("/");
    return root === "apis" && version !== "" && this.options.kinds.hasGroup(group) ? statusResponse(noSuchPathError().status) : PAGE_NOT_FOUND;
  }

  #kindOf({ resource }: RequestInfo): Kind | undefined {
    return resource === undefined ? undefined : this.options.kinds.byResource(resource.group, resource.version, resource.resource);
  }

  #authorize(attributes: AuthorizationAttributes): void {
    const { decision, reason } = this.options.authorizer.authorize(attributes);
    if (decision !== "allow") throw forbiddenByAuthorizer(attributes, reason);
  }
}

function attributesOf({ path, verb, query, resource }: RequestInfo): ImpersonatedRequest {
  if (resource === undefined) return { verb, path };
  const { rest: _rest, verb: resourceVerb, ...attributes } = resource;
  const selectors = { fieldSelector: query.get("fieldSelector") ?? undefined, labelSelector: query.get("labelSelector") ?? undefined };
  return { verb: resourceVerb, path, resource: { ...attributes, ...selectors } };
}

/** What is no part of the API is answered in plain text. */
const PAGE_NOT_FOUND: ApiResponse = textResponse(404, "404 page not found\n");

function withWarnings(response: ApiResponse, warnings: readonly string[]): ApiResponse {
  return warnings.length === 0 ? response : { ...response, headers: { ...response.headers, warning: warningHeader(warnings) } };
}

/** From the header, or from a WebSocket's list of protocols: browsers cannot set headers. */
function bearerToken(request: ApiRequest): string | undefined {
  const [, token] = /^bearer +(\S+) *$/i.exec(header(request, "authorization")) ?? [];
  if (token !== undefined) return token;
  const protocols = header(request, "sec-websocket-protocol").split(",");
  const encoded = protocols.map((protocol) => protocol.trim()).find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  if (encoded === undefined) return undefined;
  try {
    return atob(encoded.slice(BEARER_PROTOCOL.length).replaceAll("-", "+").replaceAll("_", "/"));
  } catch (error) {
    throw badRequestError(`the bearer token in the WebSocket protocols cannot be decoded: ${String(error)}`);
  }
}
