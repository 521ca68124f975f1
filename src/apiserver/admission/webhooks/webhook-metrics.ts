// What is counted of webhook calls, under upstream's names (https://kubernetes.io/docs/reference/instrumentation/metrics/).
import type { Env } from "../../../base/index.ts";

export interface CalledWebhook {
  readonly name: string;
  readonly type: "admit" | "validating";
  readonly operation: string;
}

/** Why a request was refused; undefined when it was not. */
export type Rejection = "calling_webhook_error" | "apiserver_internal_error" | "no_error" | undefined;

const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];

export class WebhookMetrics {
  readonly #durations;
  readonly #requests;
  readonly #rejections;
  readonly #ignored;

  constructor({ metrics }: Pick<Env, "metrics">) {
    this.#durations = metrics.histogram("apiserver_admission_webhook_admission_duration_seconds", "Time that webhooks took, by name.", BUCKETS);
    this.#requests = metrics.counter("apiserver_admission_webhook_request_total", "Calls of webhooks, by name and code.");
    this.#rejections = metrics.counter("apiserver_admission_webhook_rejection_count", "Requests that webhooks refused, or failed to admit.");
    this.#ignored = metrics.counter("apiserver_admission_webhook_fail_open_count", "Failed calls of webhooks that were ignored.");
  }

  called(webhook: CalledWebhook, outcome: { readonly seconds: number; readonly code: number; readonly rejection: Rejection }): void {
    const { seconds, code, rejection } = outcome;
    const labels = { ...webhook, rejected: String(rejection !== undefined) };
    this.#durations.observe(seconds, labels);
    this.#requests.add(1, { ...labels, code: String(code) });
    if (rejection !== undefined) this.#rejections.add(1, { ...webhook, error_type: rejection, rejection_code: String(code) });
  }

  failedOpen({ name, type }: CalledWebhook): void {
    this.#ignored.add(1, { name, type });
  }
}
