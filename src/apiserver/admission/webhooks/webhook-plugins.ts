// MutatingAdmissionWebhook and ValidatingAdmissionWebhook
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/): mutating webhooks are called one after the
// other, each with what those before it made of the object; validating ones all at once, and the first in order that refuses is
// heard. Audit annotations of the answers are dropped: there is no audit log.
//
// Invariant: what concerns no webhook waits for nothing.
import {
  applyJsonPatch,
  badRequestError,
  type DecodeTarget,
  decodeTarget,
  decodeValue,
  FieldPath,
  internalServerError,
  invalidError,
  isStatus,
  type Kind,
  type KubeObject,
  type MutatingWebhook,
  type StatusError,
  sameValue,
  type ValidatingWebhookConfiguration,
} from "../../../api/index.ts";
import { type Env, type Mutable, mutableCopy, randomUuid } from "../../../base/index.ts";
import type { Authorizer } from "../../authorization/authorizer.ts";
import { addWarnings } from "../../storage/write-context.ts";
import { WebhookCallError, type WebhookClient } from "../../webhooks/webhook-client.ts";
import { checkConditionExpressions } from "../match-conditions.ts";
import type { AdmissionPlugin, AdmissionRequest, MutationRound } from "../plugin.ts";
import { deniedBy, describeRequest, InvalidReview, type ReviewAnswer, readReview, reviewRequest, reviewVersion, typeOf } from "./admission-review.ts";
import { isExempt, type MatchOptions, matchingKind } from "./match.ts";
import type { MutatingWebhooks, ValidatingWebhooks, Webhook } from "./webhook.ts";
import { type CalledWebhook, type Rejection, WebhookMetrics } from "./webhook-metrics.ts";

export interface WebhookPluginOptions extends MatchOptions {
  /** For match conditions that ask it. */
  readonly authorizer: Authorizer;
  readonly calls: WebhookClient;
}

/** A call that failed in a way that the webhook's failurePolicy may ignore. */
class FailedCall extends Error {
  override readonly name = "FailedCall";
  constructor(
    webhook: string,
    why: string,
    readonly code: number,
  ) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`);
  }
}

class Denial extends Error {
  override readonly name = "Denial";
  constructor(readonly status: StatusError) {
    super(status.message);
  }
}

/** The objects of a request in the version of one webhook. */
interface Versioned {
  readonly kind: Kind;
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
}

class Dispatcher {
  readonly #metrics: WebhookMetrics;

  constructor(
    private readonly env: Env,
    readonly options: WebhookPluginOptions,
    private readonly type: CalledWebhook["type"],
  ) {
    this.#metrics = new WebhookMetrics(env);
  }

  /** The request as the webhook is to be told of it; undefined when it does not concern it. Throws a `StatusError`. */
  async match(webhook: Webhook, request: AdmissionRequest): Promise<Versioned | undefined> {
    const kind = await matchingKind(this.options, webhook, request);
    if (kind === undefined) return undefined;
    const versioned = versionedFor(kind, request);
    if (webhook.conditions.isEmpty) return versioned;
    const input = { request, description: describeRequest(request, kind), object: versioned.object, oldObject: versioned.oldObject };
    return webhook.conditions.areMet(this.options.authorizer, input, webhook.declared.failurePolicy) ? versioned : undefined;
  }

  /** Calls one webhook and does `then` with what it says; a failure is ignored where its policy says so. Throws a `StatusError`. */
  async dispatch(webhook: Webhook, request: AdmissionRequest, versioned: Versioned, then: (answer: ReviewAnswer) => void): Promise<void> {
    const { name, failurePolicy } = webhook.declared;
    const called = { name, type: this.type, operation: request.operation };
    const startMs = this.env.clock.monotonic();
    const end = (code: number, rejection: Rejection): void => {
      this.#metrics.called(called, { seconds: (this.env.clock.monotonic() - startMs) / 1000, code, rejection });
    };
    try {
      then(await this.#ask(webhook, request, versioned));
      end(200, undefined);
    } catch (error) {
      if (error instanceof FailedCall) {
        const isIgnored = failurePolicy === "Ignore";
        end(error.code, isIgnored ? undefined : "calling_webhook_error");
        this.env.log.warn(isIgnored ? "a failed webhook is ignored" : "a failed webhook refuses a request", { webhook: name, error: error.message });
        if (!isIgnored) throw internalServerError(error.message);
        this.#metrics.failedOpen(called);
      } else if (error instanceof Denial) {
        end(error.status.code, "no_error");
        throw error.status;
      } else {
        end(0, "apiserver_internal_error");
        throw error;
      }
    }
  }

  async #ask({ declared }: Webhook, request: AdmissionRequest, { kind, object, oldObject }: Versioned): Promise<ReviewAnswer> {
    const { name, sideEffects, admissionReviewVersions, clientConfig, timeoutSeconds = 10 } = declared;
    if (request.dryRun && sideEffects !== "None" && sideEffects !== "NoneOnDryRun") {
      throw badRequestError(`admission webhook ${JSON.stringify(name)} does not support dry run`);
    }
    const version = reviewVersion(admissionReviewVersions);
    if (version === undefined) {
      const why = "webhook does not accept known AdmissionReview versions (v1, v1beta1)";
      throw new FailedCall(name, `could not create admission objects: ${why}`, 400);
    }
    const uid = randomUuid(this.env.random);
    try {
      const body = reviewRequest({ uid, version, request, kind, object, oldObject });
      const review = await this.options.calls.call({ config: clientConfig, body, timeoutSeconds });
      const answer = readReview(review, { uid, version, mutating: this.type === "admit" });
      addWarnings(request.warnings, answer.warnings);
      if (!answer.allowed) throw new Denial(deniedBy(name, answer.status));
      return answer;
    } catch (error) {
      if (error instanceof WebhookCallError) throw new FailedCall(name, `failed to call webhook: ${error.message}`, error.code);
      if (error instanceof InvalidReview) throw new FailedCall(name, `received invalid webhook response: ${error.message}`, 503);
      throw error;
    }
  }
}

export function validatingAdmissionWebhook(env: Env, webhooks: ValidatingWebhooks, options: WebhookPluginOptions): AdmissionPlugin {
  const dispatcher = new Dispatcher(env, options, "validating");
  return {
    name: "ValidatingAdmissionWebhook",
    validate(request) {
      if (isExempt(request)) return checkConditions(request);
      return webhooks.all.length === 0 ? undefined : validateByAll(dispatcher, webhooks.all, request);
    },
  };
}

/** Expressions are understood when they are written, not when a request comes. Throws Invalid. */
function checkConditions({ kind, name, object, subresource }: AdmissionRequest): void {
  if (object === undefined || subresource !== "" || !WEBHOOK_CONFIGURATIONS.has(kind.resource)) return;
  const { webhooks = [] } = object as Readonly<Pick<ValidatingWebhookConfiguration, "webhooks">>;
  const errors = webhooks.flatMap(({ matchConditions = [] }, position) =>
    checkConditionExpressions(FieldPath.root("webhooks").index(position).child("matchConditions"), matchConditions),
  );
  if (errors.length > 0) throw invalidError(kind, name, errors);
}

async function validateByAll(dispatcher: Dispatcher, webhooks: readonly Webhook[], request: AdmissionRequest): Promise<void> {
  const calls: { readonly webhook: Webhook; readonly versioned: Versioned }[] = [];
  for (const webhook of webhooks) {
    const versioned = await dispatcher.match(webhook, request);
    if (versioned !== undefined) calls.push({ webhook, versioned });
  }
  const outcomes = await Promise.allSettled(calls.map(({ webhook, versioned }) => dispatcher.dispatch(webhook, request, versioned, () => undefined)));
  const refused = outcomes.find((outcome) => outcome.status === "rejected");
  if (refused !== undefined) throw refused.reason;
}

/** What the second walk must know of the first. */
interface Reinvocation {
  /** Were called, and are to be called again when somebody after them changes the object. */
  readonly called: Set<string>;
  readonly due: Set<string>;
  /** The object as the webhooks left it. */
  left: unknown;
}

const WEBHOOK_CONFIGURATIONS: ReadonlySet<string> = new Set(["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]);
const MUTATING = "MutatingAdmissionWebhook";

export function mutatingAdmissionWebhook(env: Env, webhooks: MutatingWebhooks, options: WebhookPluginOptions): AdmissionPlugin {
  const dispatcher = new Dispatcher(env, options, "admit");
  return {
    name: MUTATING,
    mutate(request, round) {
      return webhooks.all.length === 0 || isExempt(request) ? undefined : mutateByEach(dispatcher, webhooks.all, request, round);
    },
  };
}

async function mutateByEach(dispatcher: Dispatcher, webhooks: readonly Webhook<MutatingWebhook>[], request: AdmissionRequest, round: MutationRound) {
  const state = (round.memory.get(MUTATING) as Reinvocation | undefined) ?? { called: new Set(), due: new Set(), left: undefined };
  round.memory.set(MUTATING, state);
  // The other plugins changed what the webhooks had seen.
  if (round.isSecond && !sameValue(state.left, request.object)) makeDue(state);
  for (const webhook of webhooks) {
    const versioned = await dispatcher.match(webhook, request);
    // Who was not called the first time is not called the second.
    if (versioned === undefined || (round.isSecond && !state.due.has(webhook.id))) continue;
    await dispatcher.dispatch(webhook, request, versioned, ({ patch }) => {
      if (patch === undefined || !patchObject(webhook.declared.name, request, versioned, patch)) return;
      makeDue(state);
      round.needsSecond();
    });
    if (webhook.declared.reinvocationPolicy === "IfNeeded") state.called.add(webhook.id);
  }
  if (!round.isSecond) state.left = mutableCopy(request.object);
}

function makeDue({ called, due }: Reinvocation): void {
  for (const id of called) due.add(id);
  called.clear();
}

/** Changes the request's object as the patch says. Tells whether that made a difference. Throws an InternalError. */
function patchObject(webhook: string, request: AdmissionRequest, { kind, object }: Versioned, patch: unknown): boolean {
  if (Array.isArray(patch) && patch.length === 0) return false;
  if (object === undefined || request.object === undefined || request.operation === "CONNECT") {
    throw internalServerError(`admission webhook ${JSON.stringify(webhook)} attempted to modify the object, which is not supported for this operation`);
  }
  const target = targetOf(kind, request.subresource);
  const patched = patchedObject(target, object, patch);
  const changed = !sameValue(patched, object);
  if (target === kind) kind.declaration.defaults?.(patched);
  replaceContents(request.object, mutableCopy(converted(patched, kind, request.kind, request.subresource)));
  return changed;
}

function patchedObject(target: DecodeTarget, object: KubeObject, patch: unknown): Mutable<KubeObject> {
  try {
    return decodeValue(target, applyJsonPatch(object, patch)).object;
  } catch (error) {
    if (!isStatus(error)) throw error;
    throw internalServerError(typeof error.cause === "string" ? error.cause : error.message);
  }
}

function targetOf(kind: Kind, subresource: string): DecodeTarget {
  const { group, version, kind: name } = typeOf(kind, subresource);
  if (group === kind.group && name === kind.kind) return kind;
  return decodeTarget(group === "" ? version : `${group}/${version}`, name);
}

/** Everybody who holds the object sees what it is now. */
function replaceContents(object: Mutable<KubeObject>, by: Mutable<KubeObject>): void {
  for (const field of Object.keys(object)) delete (object as unknown as Record<string, unknown>)[field];
  Object.assign(object, by);
}

function versionedFor(kind: Kind, { kind: asked, object, oldObject, subresource }: AdmissionRequest): Versioned {
  const convert = (given: KubeObject | undefined) => (given === undefined ? undefined : converted(given, asked, kind, subresource));
  return { kind, object: convert(object), oldObject: convert(oldObject) };
}

/** Subresources of a kind of their own are the same in every version. */
function converted(object: KubeObject, from: Kind, to: Kind, subresource: string): KubeObject {
  if (from === to || targetOf(from, subresource) !== from) return object;
  const stored = from.declaration.storedAs?.toStored(object) ?? object;
  return to.declaration.storedAs?.fromStored(stored) ?? stored;
}
