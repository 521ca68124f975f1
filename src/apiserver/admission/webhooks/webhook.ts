// Admission webhooks as they are configured now, in the order in which they are called: configurations by name, each in its own order.
import {
  compileLabelSelector,
  type Kind,
  type KubeObject,
  type MutatingWebhook,
  mutatingWebhookConfigurations,
  type Selector,
  type ValidatingWebhook,
  validatingWebhookConfigurations,
} from "../../../api/index.ts";
import type { ObjectReader } from "../../object-reader.ts";
import { MatchConditions } from "../match-conditions.ts";

export interface Webhook<T extends ValidatingWebhook = ValidatingWebhook> {
  /** Of all webhooks of its sort. */
  readonly id: string;
  readonly declared: T;
  readonly namespaceSelector: Selector;
  readonly objectSelector: Selector;
  readonly conditions: MatchConditions;
}

interface Configuration<T> extends KubeObject {
  readonly webhooks?: readonly T[];
}

export type MutatingWebhooks = WebhookSource<MutatingWebhook>;
export type ValidatingWebhooks = WebhookSource<ValidatingWebhook>;

export function mutatingWebhooks(objects: ObjectReader): MutatingWebhooks {
  return new WebhookSource(objects, mutatingWebhookConfigurations);
}

export function validatingWebhooks(objects: ObjectReader): ValidatingWebhooks {
  return new WebhookSource(objects, validatingWebhookConfigurations);
}

/** Follows the configurations of one kind; knows none before it is started. */
export class WebhookSource<T extends ValidatingWebhook> {
  readonly #byConfiguration = new Map<string, readonly Webhook<T>[]>();
  #all: readonly Webhook<T>[] = [];
  #stop: (() => void) | undefined;

  constructor(
    private readonly objects: ObjectReader,
    private readonly kind: Kind<Configuration<T>>,
  ) {}

  /** Those that may be called; the list is never changed. */
  get all(): readonly Webhook<T>[] {
    return this.#all;
  }

  start(): void {
    this.#stop ??= this.objects.subscribe(this.kind, (configuration, old) => {
      if (configuration !== undefined) this.#byConfiguration.set(configuration.metadata.name, webhooksOf(configuration));
      else if (old !== undefined) this.#byConfiguration.delete(old.metadata.name);
      const names = [...this.#byConfiguration.keys()].sort();
      this.#all = names.flatMap((name) => this.#byConfiguration.get(name) ?? []);
    });
  }

  stop(): void {
    this.#stop?.();
  }
}

function webhooksOf<T extends ValidatingWebhook>({ metadata, webhooks = [] }: Configuration<T>): Webhook<T>[] {
  return webhooks.map((declared, position) => ({
    id: `${metadata.name}/${declared.name}/${position}`,
    declared,
    namespaceSelector: compileLabelSelector(declared.namespaceSelector ?? {}),
    objectSelector: compileLabelSelector(declared.objectSelector ?? {}),
    conditions: new MatchConditions(declared.matchConditions ?? []),
  }));
}
