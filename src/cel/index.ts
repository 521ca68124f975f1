// The public face of cel/: compile an expression once, run it many times.
export {
  AUTHORIZER,
  type AuthorizationAnswer,
  type AuthorizationQuestion,
  type Authorize,
  authorizerValue,
  RESOURCE_CHECK,
  resourceCheckValue,
} from "./authorizer.ts";
export { type Compilation, compile, type Environment, type Evaluation, type Program } from "./compile.ts";
export { jsonValue, schemaValue } from "./json-values.ts";
export { escapeName, schemaType } from "./schema-types.ts";
export { DYN, formatType, type ObjectType, type Type } from "./types.ts";
export type { Value } from "./values.ts";
