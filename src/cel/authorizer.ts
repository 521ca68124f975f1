// Asking the cluster's authorizer from an expression: `authorizer.group('apps').resource('deployments').check('create').allowed()`
// (https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library). What authorizes is given from outside.
import { checkDnsLabel, checkDnsSubdomain } from "../api/index.ts";
import { type Library, library, overload } from "./functions.ts";
import { opaqueType } from "./types.ts";
import { CelError, Opaque, type Value } from "./values.ts";

/** What is asked: a path, or a resource. */
export interface AuthorizationQuestion {
  /** Set: asked for this service account instead of the one who makes the request. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}
export interface AuthorizationAnswer {
  readonly allowed: boolean;
  readonly reason?: string;
  /** Set: it could not be decided. */
  readonly error?: string;
}
export type Authorize = (question: AuthorizationQuestion, verb: string) => AuthorizationAnswer;

const PREFIX = "kubernetes.authorization.";
export const AUTHORIZER = opaqueType(`${PREFIX}Authorizer`);
export const RESOURCE_CHECK = opaqueType(`${PREFIX}ResourceCheck`);

/** A question that grows by each function of the chain; equal when it asks the same of the same. */
class Check extends Opaque {
  constructor(
    readonly typeName: string,
    readonly authorize: Authorize,
    readonly question: AuthorizationQuestion,
  ) {
    super();
  }
  with(step: string, more: AuthorizationQuestion): Check {
    return new Check(`${PREFIX}${step}`, this.authorize, { ...this.question, ...more });
  }
  equals(other: Opaque): boolean {
    return other instanceof Check && other.authorize === this.authorize && JSON.stringify(other.question) === JSON.stringify(this.question);
  }
}
class Decision extends Opaque {
  override readonly typeName = `${PREFIX}Decision`;
  constructor(readonly answer: AuthorizationAnswer) {
    super();
  }
  equals(other: Opaque): boolean {
    return other instanceof Decision && JSON.stringify(other.answer) === JSON.stringify(this.answer);
  }
}

/** The value of the variable `authorizer`. */
export function authorizerValue(authorize: Authorize): Value {
  return new Check(AUTHORIZER.name, authorize, {});
}
/** The value of `authorizer.requestResource`. */
export function resourceCheckValue(authorize: Authorize, question: AuthorizationQuestion): Value {
  return new Check(RESOURCE_CHECK.name, authorize, question);
}

function narrowed(step: string, field: keyof Omit<AuthorizationQuestion, "serviceAccount">): (check?: Value, value?: Value) => Value {
  return (check, value) => (check as Check).with(step, { [field]: value as string });
}
function notEmpty(what: string, run: (check?: Value, value?: Value) => Value): (check?: Value, value?: Value) => Value {
  return (check, value) => {
    if ((value as string).trim() === "") throw new CelError(`${what} must not be empty`);
    return run(check, value);
  };
}
function forServiceAccount(check: Check, namespace: string, name: string): Value {
  if (checkDnsSubdomain(name).length > 0) throw new CelError("Invalid service account name");
  if (checkDnsLabel(namespace).length > 0) throw new CelError("Invalid service account namespace");
  return check.with("Authorizer", { serviceAccount: { namespace, name } });
}
function decide(value?: Value, verb?: Value): Value {
  const check = value as Check;
  return new Decision(check.authorize(check.question, verb as string));
}
const answerOf = (decision?: Value): AuthorizationAnswer => (decision as Decision).answer;

const CHECK = `${PREFIX}ResourceCheck`;
export const authorizer: Library = library({
  path: [overload("authorizer_path", `${PREFIX}Authorizer.(string) ${PREFIX}PathCheck`, notEmpty("path", narrowed("PathCheck", "path")))],
  group: [overload("authorizer_group", `${PREFIX}Authorizer.(string) ${PREFIX}GroupCheck`, narrowed("GroupCheck", "group"))],
  serviceAccount: [
    overload("authorizer_serviceaccount", `${PREFIX}Authorizer.(string, string) ${PREFIX}Authorizer`, (check, namespace, name) =>
      forServiceAccount(check as Check, namespace as string, name as string),
    ),
  ],
  resource: [overload("groupcheck_resource", `${PREFIX}GroupCheck.(string) ${CHECK}`, notEmpty("resource", narrowed("ResourceCheck", "resource")))],
  subresource: [overload("resourcecheck_subresource", `${CHECK}.(string) ${CHECK}`, narrowed("ResourceCheck", "subresource"))],
  namespace: [overload("resourcecheck_namespace", `${CHECK}.(string) ${CHECK}`, narrowed("ResourceCheck", "namespace"))],
  name: [overload("resourcecheck_name", `${CHECK}.(string) ${CHECK}`, narrowed("ResourceCheck", "name"))],
  fieldSelector: [overload("authorizer_fieldselector", `${CHECK}.(string) ${CHECK}`, narrowed("ResourceCheck", "fieldSelector"))],
  labelSelector: [overload("authorizer_labelselector", `${CHECK}.(string) ${CHECK}`, narrowed("ResourceCheck", "labelSelector"))],
  check: [
    overload("pathcheck_check", `${PREFIX}PathCheck.(string) ${PREFIX}Decision`, decide),
    overload("resourcecheck_check", `${CHECK}.(string) ${PREFIX}Decision`, decide),
  ],
  errored: [overload("decision_errored", `${PREFIX}Decision.() bool`, (decision) => answerOf(decision).error !== undefined)],
  error: [overload("decision_error", `${PREFIX}Decision.() string`, (decision) => answerOf(decision).error ?? "")],
  allowed: [overload("decision_allowed", `${PREFIX}Decision.() bool`, (decision) => answerOf(decision).allowed)],
  reason: [overload("decision_reason", `${PREFIX}Decision.() string`, (decision) => answerOf(decision).reason ?? "")],
});
