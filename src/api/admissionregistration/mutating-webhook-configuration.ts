// MutatingWebhookConfiguration (admissionregistration.k8s.io/v1): webhooks that admission asks
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { MutatingWebhookConfiguration } from "../generated/types.ts";
import { checkWebhooks, defaultWebhook } from "./webhooks.ts";

export const mutatingWebhookConfigurations = kind<MutatingWebhookConfiguration>("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", {
  columns: [
    nameColumn(),
    { name: "Webhooks", type: "integer", description: "How many webhooks it registers.", value: ({ webhooks }) => (webhooks ?? []).length },
    ageColumn(),
  ],
  requiresResourceVersion: true,
  countsGeneration: true,
  generationCounts: ({ webhooks }) => [webhooks],
  defaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) {
      defaultWebhook(webhook);
      webhook.reinvocationPolicy ??= "Never";
    }
  },
  validateCreate: ({ webhooks }) => checkWebhooks(webhooks),
  validateUpdate: ({ webhooks }) => checkWebhooks(webhooks),
});
