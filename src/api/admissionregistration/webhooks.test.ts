import { describe, expect, it } from "vitest";
import { mutableCopy } from "../../base/types.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { MutatingWebhook, MutatingWebhookConfiguration } from "../generated/types.ts";
import { mutatingWebhookConfigurations } from "./mutating-webhook-configuration.ts";

const { declaration } = mutatingWebhookConfigurations;
const webhook: MutatingWebhook = {
  name: "a.example.com",
  admissionReviewVersions: ["v1"],
  sideEffects: "None",
  clientConfig: { service: { namespace: "ns", name: "s" } },
  rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
};

function configuration(...webhooks: MutatingWebhook[]): MutatingWebhookConfiguration {
  const object = mutableCopy<MutatingWebhookConfiguration>({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: "c" },
    webhooks,
  });
  declaration.defaults?.(object);
  return object as MutatingWebhookConfiguration;
}

describe("webhook configurations", () => {
  it("say what they do not say", () => {
    expect(configuration(webhook).webhooks?.[0]).toMatchObject({
      failurePolicy: "Fail",
      matchPolicy: "Equivalent",
      reinvocationPolicy: "Never",
      timeoutSeconds: 10,
      namespaceSelector: {},
      objectSelector: {},
      clientConfig: { service: { port: 443 } },
      rules: [{ scope: "*" }],
    });
    expect(declaration.validateCreate?.(configuration(webhook))).toEqual([]);
  });

  it("name each webhook once, and one place to call", () => {
    const odd = { ...webhook, name: "short", clientConfig: {}, sideEffects: "Some", admissionReviewVersions: ["v2"] };
    expect(declaration.validateCreate?.(configuration(odd)).map(fieldErrorText)).toEqual([
      'webhooks[0].name: Invalid value: "short": should be a domain with at least three segments separated by dots',
      'webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1',
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
      "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
    ]);
    expect(declaration.validateCreate?.(configuration(webhook, webhook)).map(fieldErrorText)).toEqual(['webhooks[1].name: Duplicate value: "a.example.com"']);
  });

  it("name each condition", () => {
    const conditional = {
      ...webhook,
      matchConditions: [
        { name: "c", expression: "true" },
        { name: "c", expression: "" },
      ],
    };
    expect(declaration.validateCreate?.(configuration(conditional)).map(fieldErrorText)).toEqual([
      "webhooks[0].matchConditions[1].expression: Required value",
      'webhooks[0].matchConditions[1].name: Duplicate value: "c"',
    ]);
  });

  it("are called over HTTPS", () => {
    const plain = { ...webhook, clientConfig: { url: "http://example.com/x?y=z" } };
    expect(declaration.validateCreate?.(configuration(plain)).map(fieldErrorText)).toEqual([
      "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
      'webhooks[0].clientConfig.url: Invalid value: "y=z": query parameters are not permitted in the URL',
    ]);
  });
});
