// The public face of the API room: what Kubernetes objects are.
export * from "./compile.ts";
export * from "./declare.ts";
export * from "./field-errors.ts";
export type * from "./generated/types.ts";
export { kubernetesVersion } from "./generated/version.ts";
export type * from "./kind.ts";
export * from "./object.ts";
export * from "./registry.ts";
export type * from "./schema.ts";
export type { GroupResource } from "./status-error.ts";
export * from "./status-error.ts";
