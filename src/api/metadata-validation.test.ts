import { expect, it } from "vitest";
import { configMaps } from "./core/config-map.ts";
import { FieldPath, fieldErrorText } from "./field-errors.ts";
import type { ObjectMeta } from "./generated/types.ts";
import { validateFieldManager, validateLabelSelector, validateObjectMeta, validateObjectMetaUpdate } from "./metadata-validation.ts";
import { priorityClasses } from "./scheduling/priority-class.ts";

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

function texts(metadata: Partial<ObjectMeta>): string[] {
  return validateObjectMeta(configMaps, { name: "a", namespace: "default", ...metadata }).map(fieldErrorText);
}

it.each<[Partial<ObjectMeta>, string[]]>([
  [{}, []],
  [{ name: "" }, ["metadata.name: Required value: name or generateName is required"]],
  [{ name: "A" }, [`metadata.name: Invalid value: "A": ${SUBDOMAIN}`]],
  [{ generateName: "a-" }, []],
  [{ generateName: "Ab-" }, [`metadata.generateName: Invalid value: "Ab-": ${SUBDOMAIN}`]],
  [{ namespace: "" }, ["metadata.namespace: Required value"]],
  [{ labels: { a: "b", "x/y": "" } }, []],
  [{ annotations: { "Example.com/A": "anything at all" } }, []],
  [{ annotations: { a: "x".repeat(262144) } }, ["metadata.annotations: Too long: may not be more than 262144 bytes"]],
  [
    { finalizers: ["orphan", "foregroundDeletion"] },
    ['metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set'],
  ],
  [{ ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid: "" }] }, ['metadata.ownerReferences.uid: Invalid value: "": must not be empty']],
])("creation of %j", (metadata, expected) => {
  expect(texts(metadata)).toEqual(expected);
});

it("lets only one owner be the controller", () => {
  const owner = (name: string) => ({ apiVersion: "v1", kind: "Pod", name, uid: name, controller: true });
  expect(texts({ ownerReferences: [owner("a"), owner("b")] })[0]).toMatch(
    /Only one reference can have Controller set to true. Found "true" in references for Pod\/a and Pod\/b$/,
  );
});

it("refuses a namespace on a cluster-scoped kind", () => {
  expect(validateObjectMeta(priorityClasses, { name: "a", namespace: "b" }).map(fieldErrorText)).toEqual([
    "metadata.namespace: Forbidden: not allowed on this type",
  ]);
});

it("tells what an update may not change", () => {
  const old: ObjectMeta = {
    name: "a",
    namespace: "n",
    uid: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
    generation: 2,
    deletionTimestamp: "2026-01-02T00:00:00Z",
    finalizers: ["x/a"],
  };
  const changed: ObjectMeta = { ...old, uid: "2", generation: 1, finalizers: ["x/a", "x/b"], resourceVersion: "" };
  expect(validateObjectMetaUpdate(changed, old).map(fieldErrorText)).toEqual([
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/b"}',
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
    "metadata.generation: Invalid value: 1: must not be decremented",
    'metadata.uid: Invalid value: "2": field is immutable',
  ]);
});

it("checks label selectors", () => {
  const selector = {
    matchExpressions: [
      { key: "a", operator: "In" },
      { key: "b", operator: "Exists", values: ["x"] },
      { key: "c", operator: "Like" },
    ],
  };
  expect(validateLabelSelector(selector, FieldPath.root("spec").child("selector")).map(fieldErrorText)).toEqual([
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    'spec.selector.matchExpressions[2].operator: Invalid value: "Like": not a valid selector operator',
  ]);
});

it("checks names of field managers", () => {
  expect(validateFieldManager("kubectl client side apply", FieldPath.root("fieldManager"))).toEqual([]);
  expect(validateFieldManager("a\nb", FieldPath.root("fieldManager")).map((error) => error.body)).toEqual([
    'Invalid value: "a\\nb": invalid character U+000A (at position 1)',
  ]);
});
