// Tokens of service accounts (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/).
import type { KubeObject, TokenRequest } from "../../api/index.ts";
import type { ServiceAccountTokens } from "../authentication/service-account-tokens.ts";
import type { SubresourceCreator } from "./creators.ts";

export function tokenCreator(tokens: ServiceAccountTokens): SubresourceCreator {
  return async ({ namespace, name }, body) => (await tokens.request(namespace, name, body as unknown as TokenRequest)) as unknown as KubeObject;
}
