// Kinds that extend the API server, and kinds of devices: good ones and bad ones. Expressions in CEL are left as they are.
import type { KindTable } from "./cases.ts";

const ADMISSION = "admissionregistration.k8s.io/v1";
const DEVICES = "resource.k8s.io/v1";
const resourceRules = [{ operations: ["CREATE"], apiGroups: ["example.com"], apiVersions: ["*"], resources: ["*"] }];
const request = { name: "gpu", exactly: { deviceClassName: "gpu" } };

export const extensions: readonly KindTable[] = [
  {
    path: `/apis/${ADMISSION}/mutatingwebhookconfigurations`,
    good: {
      apiVersion: ADMISSION,
      kind: "MutatingWebhookConfiguration",
      metadata: { name: "changes" },
      webhooks: [{ name: "a.example.com", clientConfig: { url: "https://a.example.com/x" }, sideEffects: "None", admissionReviewVersions: ["v1"] }],
    },
    create: [
      { "webhooks.0.reinvocationPolicy": "Nope" },
      { "webhooks.0.matchConditions": [{ name: "", expression: "" }] },
      {
        "webhooks.0.matchConditions": [
          { name: "a", expression: "true" },
          { name: "a", expression: "true" },
        ],
      },
    ],
  },
  {
    path: `/apis/${ADMISSION}/mutatingadmissionpolicies`,
    good: {
      apiVersion: ADMISSION,
      kind: "MutatingAdmissionPolicy",
      metadata: { name: "changes" },
      spec: {
        matchConstraints: { resourceRules },
        reinvocationPolicy: "Never",
        mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: '[JSONPatch{op: "add", path: "/a", value: "b"}]' } }],
      },
    },
    create: [
      { spec: {} },
      { "spec.reinvocationPolicy": "Nope" },
      { "spec.mutations": [] },
      { "spec.mutations": [{ patchType: "Nope" }] },
      { "spec.mutations": [{ patchType: "JSONPatch" }] },
      { "spec.mutations": [{ patchType: "ApplyConfiguration", jsonPatch: { expression: "[]" }, applyConfiguration: { expression: " " } }] },
      { "spec.matchConstraints": { resourceRules: [{ ...resourceRules[0], operations: ["DELETE"] }] } },
      { "spec.variables": [{ name: "a b", expression: "" }] },
      { "spec.paramKind": { apiVersion: "a/b/c", kind: "" } },
    ],
  },
  {
    path: `/apis/${ADMISSION}/mutatingadmissionpolicybindings`,
    good: { apiVersion: ADMISSION, kind: "MutatingAdmissionPolicyBinding", metadata: { name: "changes" }, spec: { policyName: "changes" } },
    create: [
      { "spec.policyName": "Bad_" },
      { "spec.paramRef": {} },
      { "spec.paramRef": { name: "a", selector: {}, parameterNotFoundAction: "Nope" } },
      { "spec.matchResources": { resourceRules: [{ operations: [], apiGroups: [], apiVersions: [], resources: [], resourceNames: ["a", "a"] }] } },
    ],
  },
  {
    path: `/apis/${DEVICES}/namespaces/default/resourceclaims`,
    good: { apiVersion: DEVICES, kind: "ResourceClaim", metadata: { name: "claim" }, spec: { devices: { requests: [request] } } },
    update: [{ "spec.devices.requests": [{ ...request, name: "other" }] }],
  },
  {
    path: `/apis/${DEVICES}/namespaces/default/resourceclaimtemplates`,
    good: { apiVersion: DEVICES, kind: "ResourceClaimTemplate", metadata: { name: "template" }, spec: { spec: { devices: { requests: [request] } } } },
    update: [{ "spec.spec.devices.requests": [{ ...request, name: "other" }] }],
  },
  {
    path: "/apis/storage.k8s.io/v1/volumeattributesclasses",
    good: {
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttributesClass",
      metadata: { name: "gold" },
      driverName: "disk.example.com",
      parameters: { a: "b" },
    },
    create: [{ driverName: undefined }, { driverName: "Bad_" }, { parameters: {} }],
    update: [{ driverName: "other.example.com" }, { parameters: { a: "c" } }],
  },
];
