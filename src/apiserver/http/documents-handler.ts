// What the server tells about itself: discovery, OpenAPI, version, health, metrics, and the keys of service account tokens.
import { formatApiVersion, type Kind, kubernetesVersion, notAcceptableError } from "../../api/index.ts";
import { type Env, METRIC_TEXT_TYPE } from "../../base/index.ts";
import { JWKS_PATH, jsonWebKeySet, OPENID_CONFIGURATION_PATH, openIdConfiguration } from "../authentication/openid.ts";
import type { ServiceAccountKeys } from "../authentication/service-account-keys.ts";
import type { ServedKinds } from "../custom/served-kinds.ts";
import { contentHash } from "../discovery/content-hash.ts";
import { type AggregatedVersion, type DiscoveryDocuments, discoveryDocuments } from "../discovery/documents.ts";
import { type OpenApiV2, openApiV2, SWAGGER_PROTOBUF_ACCEPTED, SWAGGER_PROTOBUF_CONTENT_TYPE } from "../openapi/v2.ts";
import { type KnownDocuments, type OpenApiV3, openApiV3 } from "../openapi/v3.ts";
import { type HealthCheck, type HealthEndpoint, healthResponse } from "./health.ts";
import { type ApiRequest, type ApiResponse, bytesBody, header, textResponse } from "./message.ts";
import type { Permits } from "./negotiation.ts";
import { objectResponse, permitsNothing, representationFor } from "./representation.ts";
import type { RequestInfo } from "./request-info.ts";

export interface DocumentsOptions {
  readonly issuer: string;
  readonly keys: () => ServiceAccountKeys;
  /** `host:port` under which clients outside reach the server. */
  readonly externalAddress: string;
  readonly checks: readonly HealthCheck[];
  readonly kinds: ServedKinds;
}

const encoder = new TextEncoder();
const DISCOVERY_GROUP = "apidiscovery.k8s.io";
const permitsAggregated: Permits = (as, group, version) =>
  as === "APIGroupDiscoveryList" && group === DISCOVERY_GROUP && (version === "v2" || version === "v2beta1");

const PATHS = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"];

/** All that tells what is served, for one set of kinds. */
interface KindDocuments {
  readonly kinds: readonly Kind[];
  readonly discovery: DiscoveryDocuments;
  readonly v2: OpenApiV2;
  readonly v3: OpenApiV3;
}

export class DocumentsHandler {
  /** Kept from one set of kinds to the next: most group versions stay as they are. */
  readonly #v3Documents: KnownDocuments = new Map();
  #kindDocuments: KindDocuments | undefined;

  constructor(
    private readonly env: Env,
    private readonly options: DocumentsOptions,
  ) {
    const { gitVersion, major, minor } = versionInfo();
    const help = "The version that is spoken and what speaks it; always 1.";
    env.metrics.gauge("kubernetes_build_info", help).set(1, { git_version: gitVersion, major, minor });
  }

  /** Made anew when definitions came or went. */
  #served(): KindDocuments {
    const kinds = this.options.kinds.list();
    if (this.#kindDocuments?.kinds !== kinds) {
      this.#kindDocuments = { kinds, discovery: discoveryDocuments(kinds), v2: openApiV2(kinds), v3: openApiV3(kinds, this.#v3Documents) };
    }
    return this.#kindDocuments;
  }

  /** Undefined when nothing is served there. */
  async handle(request: ApiRequest, info: RequestInfo): Promise<ApiResponse | undefined> {
    const path = info.path.length > 1 ? info.path.replace(/\/+$/, "") : info.path;
    const [, root = "", second = "", ...rest] = path.split("/");
    switch (root) {
      case "":
        return this.#object(request, info, { paths: this.#paths() });
      case "api":
      case "apis":
        return this.#discover(
          request,
          info,
          root,
          [second, ...rest].filter((segment) => segment !== ""),
        );
      case "openapi":
        return this.#openApi(request, info, path);
      case "version":
        return second === "" ? this.#object(request, info, versionInfo()) : undefined;
      case "healthz":
      case "livez":
      case "readyz":
        return healthResponse(root as HealthEndpoint, this.options.checks, second, info.query);
      case "metrics":
        return textResponse(200, this.env.metrics.render(), METRIC_TEXT_TYPE);
      case ".well-known":
        return path === OPENID_CONFIGURATION_PATH ? this.#openIdConfiguration() : undefined;
      default:
        return undefined;
    }
  }

  #discover(request: ApiRequest, info: RequestInfo, root: "api" | "apis", parts: readonly string[]): ApiResponse | undefined {
    const [first, second, ...more] = parts;
    if (more.length > 0) return undefined;
    if (first === undefined) return this.#discoverRoot(request, info, root);
    const document =
      root === "api"
        ? second === undefined && this.#served().discovery.resources(first)
        : second === undefined
          ? this.#served().discovery.group(first)
          : this.#served().discovery.resources(formatApiVersion(first, second));
    return document === undefined || document === false ? undefined : this.#object(request, info, document);
  }

  #discoverRoot(request: ApiRequest, info: RequestInfo, root: "api" | "apis"): ApiResponse {
    const representation = representationFor(this.env, request, info.query, permitsAggregated);
    const { transform } = representation.media;
    if (transform === undefined) {
      const document = root === "api" ? this.#served().discovery.coreVersions(this.options.externalAddress) : this.#served().discovery.groups();
      return objectResponse(200, document, representation);
    }
    const version = transform.version as AggregatedVersion;
    const document = root === "api" ? this.#served().discovery.aggregatedCore(version) : this.#served().discovery.aggregatedGroups(version);
    const text = JSON.stringify(document);
    return taggedResponse(request, `"${contentHash(text).toUpperCase()}"`, representation.media.contentType, () => encoder.encode(text));
  }

  #openApi(request: ApiRequest, info: RequestInfo, path: string): ApiResponse | undefined {
    if (path === JWKS_PATH) return undefined;
    if (path === "/openapi/v2") return this.#swagger(request);
    if (path === "/openapi/v3") return this.#object(request, info, this.#served().v3.index());
    const document = path.startsWith("/openapi/v3/") ? this.#served().v3.document(path.slice("/openapi/v3/".length)) : undefined;
    if (document === undefined) return undefined;
    acceptsJson(request);
    const asked = info.query.get("hash");
    // A hash of an older document leads to the present one.
    if (asked !== null && asked !== "" && asked !== document.hash) {
      return { status: 301, headers: { location: `${path}?hash=${document.hash}` }, body: bytesBody() };
    }
    const response = taggedResponse(request, document.etag, "application/json", () => encoder.encode(document.json));
    return asked === null ? response : { ...response, headers: { ...response.headers, "cache-control": "public, immutable" } };
  }

  #swagger(request: ApiRequest): ApiResponse {
    const accepted = header(request, "accept")
      .split(",")
      .map((part) => part.split(";")[0]?.trim() ?? "");
    const wantsProtobuf = accepted.some((type) => SWAGGER_PROTOBUF_ACCEPTED.includes(type)) && !accepted.includes("application/json");
    if (!wantsProtobuf) acceptsJson(request, SWAGGER_PROTOBUF_ACCEPTED);
    return wantsProtobuf
      ? taggedResponse(request, this.#served().v2.etag(), SWAGGER_PROTOBUF_CONTENT_TYPE, () => this.#served().v2.protobuf())
      : taggedResponse(request, this.#served().v2.etag(), "application/json", () => encoder.encode(this.#served().v2.json()));
  }

  #openIdConfiguration(): ApiResponse {
    const { issuer, keys, externalAddress } = this.options;
    return keyResponse(openIdConfiguration(issuer, keys(), externalAddress), "application/json");
  }

  /** `/openid/v1/jwks`. */
  keySet(): ApiResponse {
    return keyResponse(jsonWebKeySet(this.options.keys()), "application/jwk-set+json");
  }

  #object(request: ApiRequest, info: RequestInfo, document: object): ApiResponse {
    return objectResponse(200, document, representationFor(this.env, request, info.query, permitsNothing));
  }

  #paths(): string[] {
    const groups = this.#served()
      .discovery.groups()
      .groups.flatMap(({ name, versions }) => [
        `/apis/${name}`,
        ...versions.map(({ groupVersion }: { readonly groupVersion: string }) => `/apis/${groupVersion}`),
      ]);
    return [...PATHS, ...groups, OPENID_CONFIGURATION_PATH, JWKS_PATH].sort();
  }
}

/** Throws NotAcceptable: JSON is the only form of these documents, but for the `others` that are answered elsewhere. */
function acceptsJson(request: ApiRequest, others: readonly string[] = []): void {
  const asked = header(request, "accept");
  const isAccepted = ["application/json", "application/*", "*/*"].some((type) => asked.toLowerCase().includes(type));
  if (asked !== "" && !isAccepted) throw notAcceptableError(["application/json", ...others]);
}

function keyResponse(document: object, contentType: string): ApiResponse {
  return {
    status: 200,
    headers: { "content-type": contentType, "cache-control": "public, max-age=3600" },
    body: bytesBody(encoder.encode(JSON.stringify(document))),
  };
}

/** 304 for who has it already. */
function taggedResponse(request: ApiRequest, etag: string, contentType: string, bytes: () => Uint8Array): ApiResponse {
  const known = header(request, "if-none-match");
  if (known !== "" && known.split(",").some((tag) => tag.trim() === etag)) return { status: 304, headers: { etag }, body: bytesBody() };
  return { status: 200, headers: { "content-type": contentType, etag, vary: "Accept" }, body: bytesBody(bytes()) };
}

/** What `kubectl version` shows. The release is the one whose API this is. */
function versionInfo() {
  const [major = "", minor = ""] = kubernetesVersion.replace(/^v/, "").split(".");
  return {
    major,
    minor,
    gitVersion: `${kubernetesVersion}+kubets`,
    gitCommit: "",
    gitTreeState: "",
    buildDate: "",
    goVersion: "",
    compiler: "",
    platform: "",
  };
}
