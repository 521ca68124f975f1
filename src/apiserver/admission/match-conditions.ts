// `matchConditions`: expressions in CEL that a request must meet before a webhook is asked
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions).
// They see the request and its objects, and may ask the authorizer. One that is false decides; an error does only when none is.
import { type FieldError, type FieldPath, forbiddenError, invalid, type JSONSchemaProps, type KubeObject, type MatchCondition } from "../../api/index.ts";
import {
  AUTHORIZER,
  type AuthorizationQuestion,
  type Authorize,
  authorizerValue,
  type Compilation,
  compile,
  DYN,
  formatType,
  jsonValue,
  RESOURCE_CHECK,
  resourceCheckValue,
  schemaType,
  schemaValue,
  type Type,
  type Value,
} from "../../cel/index.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { AdmissionRequest } from "./plugin.ts";

/** Of one expression, and of all conditions together. */
const CALL_BUDGET = 1_000_000;
const BUDGET = 2_500_000;

const TEXT: JSONSchemaProps = { type: "string" };
const texts = (...names: string[]): JSONSchemaProps => ({ type: "object", properties: Object.fromEntries(names.map((name) => [name, TEXT])) });
const LIST_OF_TEXTS = { type: "array", items: { type: "string" } };
const KIND = texts("group", "version", "kind");
const RESOURCE = texts("group", "version", "resource");
const USER = texts("username", "uid");
/** An AdmissionRequest without its objects; `options` has no type. */
const REQUEST: JSONSchemaProps = {
  type: "object",
  properties: {
    kind: KIND,
    resource: RESOURCE,
    subResource: TEXT,
    requestKind: KIND,
    requestResource: RESOURCE,
    requestSubResource: TEXT,
    name: TEXT,
    namespace: TEXT,
    operation: TEXT,
    userInfo: { ...USER, properties: { ...USER.properties, groups: LIST_OF_TEXTS, extra: { type: "object", additionalProperties: LIST_OF_TEXTS } } },
    dryRun: { type: "boolean" },
    options: { "x-kubernetes-preserve-unknown-fields": true, nullable: true },
  },
};
const REQUEST_TYPE = "kubernetes.AdmissionRequest";

function requestType(): Type {
  const type = schemaType(REQUEST, REQUEST_TYPE);
  if (type?.kind !== "object") return DYN;
  return { ...type, fields: new Map([...type.fields, ["options", { type: DYN, jsonName: "options" }]]) };
}
const ENVIRONMENT = {
  variables: new Map<string, Type>([
    ["object", DYN],
    ["oldObject", DYN],
    ["request", requestType()],
    ["authorizer", AUTHORIZER],
    ["authorizer.requestResource", RESOURCE_CHECK],
  ]),
};

/** What is wrong with the expressions of conditions. */
export function checkConditionExpressions(path: FieldPath, conditions: readonly MatchCondition[]): FieldError[] {
  return conditions.flatMap(({ expression }, position) => {
    const problem = problemOf(compile(expression, ENVIRONMENT));
    return problem === undefined ? [] : [invalid(path.index(position).child("expression"), expression, problem)];
  });
}

function problemOf({ program, text }: Compilation): string | undefined {
  if (program === undefined) return `compilation failed: ${text}`;
  const type = formatType(program.type);
  return type === "bool" || type === "dyn" ? undefined : "must evaluate to bool";
}

/** A request as one webhook would be told of it. */
export interface ConditionInput {
  readonly request: AdmissionRequest;
  /** The fields of an AdmissionRequest. */
  readonly description: Readonly<Record<string, unknown>>;
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
}

/** Conditions, compiled once. */
export class MatchConditions {
  readonly #compiled: readonly { readonly expression: string; readonly compilation: Compilation }[];

  constructor(conditions: readonly MatchCondition[]) {
    this.#compiled = conditions.map(({ expression }) => ({ expression, compilation: compile(expression, ENVIRONMENT) }));
  }

  get isEmpty(): boolean {
    return this.#compiled.length === 0;
  }

  /** Whether the request meets all; with errors as the failure policy says. Throws Forbidden. */
  areMet(authorizer: Authorizer, input: ConditionInput, failurePolicy: string | undefined): boolean {
    const variables = variablesOf(authorizer, input);
    const problems: string[] = [];
    let left = BUDGET;
    for (const { expression, compilation } of this.#compiled) {
      if (compilation.program === undefined) {
        problems.push(`compilation error: ${compilation.text}`);
        continue;
      }
      const { value, error, cost } = compilation.program.evaluate(variables, Math.min(left, CALL_BUDGET));
      left -= cost;
      if (value === false) return false;
      if (error !== undefined) problems.push(`expression '${expression}' resulted in error: ${error}`);
      else if (value !== true) problems.push(`expression '${expression}' resulted in error: not a bool`);
    }
    if (problems.length === 0) return true;
    if (failurePolicy === "Ignore") return false;
    const { kind, name } = input.request;
    throw forbiddenError(kind, name, problems.length === 1 ? (problems[0] ?? "") : `[${problems.join(", ")}]`);
  }
}

function variablesOf(authorizer: Authorizer, { request, description, object, oldObject }: ConditionInput): Readonly<Record<string, Value | (() => Value)>> {
  const authorize = asking(authorizer, request);
  const { kind, namespace, name, subresource } = request;
  return {
    object: object === undefined ? null : () => jsonValue(object),
    oldObject: oldObject === undefined ? null : () => jsonValue(oldObject),
    request: () => schemaValue(description, REQUEST, REQUEST_TYPE),
    authorizer: () => authorizerValue(authorize),
    "authorizer.requestResource": () => resourceCheckValue(authorize, { group: kind.group, resource: kind.resource, subresource, namespace, name }),
  };
}

/** As the one who makes the request, or the service account the expression names. */
function asking(authorizer: Authorizer, { user, kind }: AdmissionRequest): Authorize {
  return (question, verb) => {
    const { serviceAccount, path = "" } = question;
    const asker = serviceAccount === undefined ? user : serviceAccountUser(serviceAccount);
    const { decision, reason } = authorizer.authorize({
      user: asker,
      verb,
      path,
      ...(question.path === undefined ? { resource: resourceOf(question, kind.version) } : {}),
    });
    return { allowed: decision === "allow", reason };
  };
}
function resourceOf(
  { group = "", resource = "", subresource = "", namespace = "", name = "", fieldSelector, labelSelector }: AuthorizationQuestion,
  version: string,
) {
  const selectors = { ...(fieldSelector === undefined ? {} : { fieldSelector }), ...(labelSelector === undefined ? {} : { labelSelector }) };
  return { group, version, resource, subresource, namespace, name, ...selectors };
}
function serviceAccountUser({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  return { name: `system:serviceaccount:${namespace}:${name}`, groups };
}
