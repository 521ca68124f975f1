// The public face of the API server.
export { createSecretTokenIssuer } from "./authentication/secret-tokens.ts";
export { generateServiceAccountKeys, importServiceAccountKeys, type ServiceAccountKeys } from "./authentication/service-account-keys.ts";
export type { Backend, BackendRequest, BackendResponse, ByteStreams, HeaderValues, NodeConnector, UpgradeResponse, VerifiedServer } from "./node-connector.ts";
export type { ApiServerOptions } from "./options.ts";
export { type ApiServer, createApiServer } from "./server.ts";
export type { Credentials, UserInfo } from "./user.ts";
