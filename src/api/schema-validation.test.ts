import { expect, it } from "vitest";
import { decodeTarget, decodeValue } from "./decode.ts";
import { fieldErrorText } from "./field-errors.ts";
import type { KubeObject } from "./object.ts";
import { validateSchema } from "./schema-validation.ts";

function texts(apiVersion: string, kind: string, value: object): string[] {
  const target = decodeTarget<KubeObject>(apiVersion, kind);
  return validateSchema(target.schema, decodeValue(target, value).object).map(fieldErrorText);
}

it("names required fields that are missing", () => {
  expect(texts("apps/v1", "Deployment", { spec: {} })).toEqual(["spec.selector: Required value"]);
});

it("names values outside their enumeration, also in lists, and passes over status", () => {
  const value = { spec: { accessModes: ["ReadWriteOnce", "Any"], volumeMode: "Tape" }, status: { accessModes: ["Any"] } };
  expect(texts("v1", "PersistentVolumeClaim", value)).toEqual([
    'spec.accessModes[1]: Unsupported value: "Any": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
  ]);
});

it("follows lists of structs", () => {
  const value = { webhooks: [{ name: "a", clientConfig: {}, admissionReviewVersions: ["v1"], failurePolicy: "Maybe" }] };
  expect(texts("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", value)).toEqual([
    'webhooks[0].failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"',
    "webhooks[0].sideEffects: Required value",
  ]);
});
