// Bad and good objects that belong to no namespace.
import type { KindTable } from "./cases.ts";

export const clusterWide: readonly KindTable[] = [
  {
    path: "/api/v1/namespaces",
    good: { apiVersion: "v1", kind: "Namespace", metadata: { name: "extra" } },
    create: [
      { "metadata.name": "Upper" },
      { "metadata.name": "a.b" },
      { "metadata.name": "a".repeat(64) },
      { "metadata.namespace": "default" },
      { spec: { finalizers: ["a b"] } },
      { "metadata.labels": { "kubernetes.io/metadata.name": "wrong" } },
      { "metadata.labels": { "pod-security.kubernetes.io/enforce": "nope" } },
    ],
    update: [{ "metadata.labels": { a: "b" } }],
  },
  {
    path: "/api/v1/nodes",
    good: { apiVersion: "v1", kind: "Node", metadata: { name: "far" }, spec: { podCIDR: "10.244.9.0/24", podCIDRs: ["10.244.9.0/24"] } },
    create: [
      { "metadata.name": "Bad_" },
      { "spec.podCIDR": "nowhere", "spec.podCIDRs": ["nowhere"] },
      { "spec.podCIDRs": ["10.244.9.0/24", "10.244.8.0/24"] },
      { "spec.taints": [{ key: "a", effect: "Nope" }] },
      { "spec.taints": [{ key: "a b", effect: "NoSchedule" }] },
      {
        "spec.taints": [
          { key: "a", effect: "NoSchedule" },
          { key: "a", value: "b", effect: "NoSchedule" },
        ],
      },
      { "spec.taints": [{ key: "", effect: "" }] },
      {
        status: {
          addresses: [
            { type: "InternalIP", address: "1.2.3.4" },
            { type: "InternalIP", address: "1.2.3.4" },
          ],
        },
      },
    ],
    update: [{ "spec.podCIDR": "10.244.8.0/24" }, { "spec.unschedulable": true }, { "spec.providerID": "a://b" }],
  },
  {
    path: "/api/v1/persistentvolumes",
    good: {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: "disk" },
      spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/data" } },
    },
    create: [
      { "spec.capacity": undefined },
      { "spec.capacity": { storage: "0" } },
      { "spec.capacity": { storage: "1Gi", cpu: "1" } },
      { "spec.accessModes": [] },
      { "spec.accessModes": ["Nope"] },
      { "spec.hostPath": undefined },
      { "spec.nfs": { server: "a", path: "/b" } },
      { "spec.hostPath": { path: "/" }, "spec.persistentVolumeReclaimPolicy": "Recycle" },
      { "spec.persistentVolumeReclaimPolicy": "Nope" },
      { "spec.volumeMode": "Nope" },
      { "spec.hostPath": undefined, "spec.local": { path: "/a" } },
      { "spec.storageClassName": "Bad_" },
      { "spec.nodeAffinity": {} },
    ],
    update: [{ "spec.hostPath.path": "/other" }, { "spec.capacity.storage": "2Gi" }, { "spec.volumeMode": "Block" }],
  },
  {
    path: "/apis/storage.k8s.io/v1/storageclasses",
    good: { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "fast" }, provisioner: "example.com/fast" },
    create: [
      { provisioner: undefined },
      { provisioner: "Bad_ x" },
      { reclaimPolicy: "Nope" },
      { volumeBindingMode: "Nope" },
      { parameters: { "": "x" } },
      { allowedTopologies: [{ matchLabelExpressions: [{ key: "", values: [] }] }] },
    ],
    update: [{ provisioner: "example.com/slow" }, { reclaimPolicy: "Retain" }, { volumeBindingMode: "WaitForFirstConsumer" }, { parameters: { a: "b" } }],
  },
  {
    path: "/apis/storage.k8s.io/v1/csidrivers",
    good: { apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: "csi.example.com" }, spec: {} },
    create: [{ "spec.fsGroupPolicy": "Nope" }, { "spec.volumeLifecycleModes": ["Nope"] }, { "metadata.name": "bad/name" }],
    update: [{ "spec.attachRequired": false }],
  },
  {
    path: "/apis/storage.k8s.io/v1/csinodes",
    good: { apiVersion: "storage.k8s.io/v1", kind: "CSINode", metadata: { name: "far" }, spec: { drivers: [] } },
    create: [{ "spec.drivers": [{ name: "", nodeID: "" }] }, { "spec.drivers": [{ name: "a", nodeID: "b", topologyKeys: ["", "a b"] }] }],
  },
  {
    path: "/apis/storage.k8s.io/v1/volumeattachments",
    good: {
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttachment",
      metadata: { name: "att" },
      spec: { attacher: "example.com", nodeName: "far", source: { persistentVolumeName: "disk" } },
    },
    create: [{ "spec.attacher": "" }, { "spec.source": {} }, { "spec.nodeName": "" }],
    update: [{ "spec.nodeName": "other" }],
  },
  {
    path: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    good: {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "watcher" },
      rules: [{ nonResourceURLs: ["/healthz"], verbs: ["get"] }],
    },
    create: [
      { rules: [{ nonResourceURLs: ["/a"], resources: ["pods"], apiGroups: [""], verbs: ["get"] }] },
      { rules: [{ nonResourceURLs: ["/a*b"], verbs: [] }] },
      { aggregationRule: { clusterRoleSelectors: [] } },
      { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { "a b": "c" } }] } },
      { "metadata.name": "%" },
    ],
  },
  {
    path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    good: {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "all" },
      subjects: [{ kind: "Group", name: "nobodies" }],
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
    },
    create: [{ "roleRef.kind": "Role" }, { subjects: [{ kind: "ServiceAccount", name: "a" }] }, { roleRef: undefined }],
    update: [{ "roleRef.name": "edit" }],
  },
  {
    path: "/apis/networking.k8s.io/v1/ingressclasses",
    good: { apiVersion: "networking.k8s.io/v1", kind: "IngressClass", metadata: { name: "nginx" }, spec: { controller: "example.com/nginx" } },
    create: [
      { "spec.controller": "Bad_ x" },
      { "spec.controller": "a".repeat(251) },
      { "spec.parameters": { kind: "a" } },
      { "spec.parameters": { kind: "a", name: "b", scope: "Nope" } },
    ],
    update: [{ "spec.controller": "example.com/other" }],
  },
  {
    path: "/apis/networking.k8s.io/v1/ipaddresses",
    good: {
      apiVersion: "networking.k8s.io/v1",
      kind: "IPAddress",
      metadata: { name: "192.168.7.7" },
      spec: { parentRef: { resource: "services", namespace: "default", name: "web" } },
    },
    create: [{ "metadata.name": "nowhere" }, { "spec.parentRef": undefined }],
  },
  {
    path: "/apis/networking.k8s.io/v1/servicecidrs",
    good: { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "more" }, spec: { cidrs: ["10.200.0.0/24"] } },
    create: [{ "spec.cidrs": [] }, { "spec.cidrs": ["nowhere"] }, { "spec.cidrs": ["10.0.0.0/24", "10.1.0.0/24"] }],
    update: [{ "spec.cidrs": ["10.201.0.0/24"] }],
  },
  {
    path: "/apis/scheduling.k8s.io/v1/priorityclasses",
    good: { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: "high" }, value: 1000, description: "for what matters" },
    create: [{ "metadata.name": "system-mine" }, { value: 2000000000 }, { value: undefined }, { value: "5" }, { preemptionPolicy: "Nope" }],
    update: [{ value: 5 }, { preemptionPolicy: "Never" }, { description: "other" }],
  },
  {
    path: "/apis/node.k8s.io/v1/runtimeclasses",
    good: { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name: "gvisor" }, handler: "runsc" },
    create: [{ handler: undefined }, { handler: "Bad_" }, { overhead: { podFixed: { cpu: "-1" } } }, { scheduling: { nodeSelector: { "a b": "c" } } }],
    update: [{ handler: "other" }],
  },
  {
    path: "/apis/certificates.k8s.io/v1/certificatesigningrequests",
    good: {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name: "me" },
      spec: {
        // A request of EC P-256 for /CN=jane.
        request:
          "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlISk1IRUNBUUF3RHpFTk1Bc0dBMVVFQXd3RWFtRnVaVEJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSApBMElBQkhiOHBZVVp3L2tTVlJSczFhTHgxRytRSEhwejUzM0tQTjNKWXZMZm1QVHlFMTQ0cStibGhCMUdSbUdUCkhhczRTVnQwdHAzbFpISUNHK012U1ZIWStOcWdBREFLQmdncWhrak9QUVFEQWdOSUFEQkZBaUVBM1F3eVlOUDcKYUxWOTFkZitMajl4SUpxa3VwTjZ0Q1Z6eXZFTHpKV2lKQTRDSUNoVnNlcUs0eWtIZGhhR2JwVWROUkVYOVlncAppaXhrMUJqelMvR2JtT2VmCi0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=",
        signerName: "kubernetes.io/kube-apiserver-client",
        usages: ["client auth"],
      },
    },
    create: [
      { "spec.request": undefined },
      { "spec.request": "YQ==" },
      { "spec.signerName": undefined },
      { "spec.signerName": "nodomain" },
      { "spec.signerName": "kubernetes.io/legacy-unknown" },
      { "spec.usages": [] },
      { "spec.usages": ["nope"] },
      { "spec.usages": ["client auth", "client auth"] },
      { "spec.expirationSeconds": 5 },
    ],
  },
  {
    path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    good: {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "cars.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { plural: "cars", kind: "Car" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    },
    create: [
      { "metadata.name": "wrong.example.com" },
      { "spec.group": "nodots" },
      { "spec.scope": "Nope" },
      { "spec.versions": [] },
      { "spec.versions.0.storage": false },
      { "spec.versions.0.schema": undefined },
      { "spec.versions.0.name": "Bad_" },
      { "spec.names.kind": undefined },
      { "spec.names.plural": "Cars" },
      { "spec.versions.0.schema": { openAPIV3Schema: { type: "object", properties: { a: {} } } } },
      { "spec.versions.0.schema": { openAPIV3Schema: { type: "nope" } } },
    ],
  },
  {
    path: "/apis/apiregistration.k8s.io/v1/apiservices",
    good: {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: "v1.far.example.com" },
      spec: {
        group: "far.example.com",
        version: "v1",
        groupPriorityMinimum: 100,
        versionPriority: 10,
        service: { namespace: "default", name: "far" },
        insecureSkipTLSVerify: true,
      },
    },
    create: [
      { "metadata.name": "wrong" },
      { "spec.groupPriorityMinimum": 0 },
      { "spec.versionPriority": 2000 },
      { "spec.service": undefined },
      { "spec.caBundle": "YQ==" },
    ],
  },
  {
    path: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    good: {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: "hooks" },
      webhooks: [
        { name: "a.example.com", clientConfig: { service: { namespace: "default", name: "far" } }, sideEffects: "None", admissionReviewVersions: ["v1"] },
      ],
    },
    create: [
      { "webhooks.0.name": "short" },
      { "webhooks.0.sideEffects": "Some" },
      { "webhooks.0.admissionReviewVersions": [] },
      { "webhooks.0.admissionReviewVersions": ["v9"] },
      { "webhooks.0.clientConfig": {} },
      { "webhooks.0.clientConfig": { url: "http://a" } },
      { "webhooks.0.failurePolicy": "Nope", "webhooks.0.matchPolicy": "Nope", "webhooks.0.timeoutSeconds": 60 },
      { "webhooks.0.rules": [{ operations: ["NOPE"], apiGroups: [], apiVersions: [], resources: [] }] },
    ],
  },
  {
    path: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    good: {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name: "policy" },
      spec: {
        matchConstraints: { resourceRules: [{ operations: ["CREATE"], apiGroups: ["example.com"], apiVersions: ["*"], resources: ["*"] }] },
        validations: [{ expression: "true" }],
      },
    },
    create: [{ spec: {} }, { "spec.matchConstraints": undefined }, { "spec.failurePolicy": "Nope" }, { "spec.validations": [{ expression: "" }] }],
  },
  {
    path: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    good: {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name: "binding" },
      spec: { policyName: "policy", validationActions: ["Deny"] },
    },
    create: [{ "spec.policyName": undefined }, { "spec.validationActions": ["Nope"] }, { "spec.validationActions": ["Deny", "Warn"] }],
  },
  {
    path: "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    good: {
      apiVersion: "flowcontrol.apiserver.k8s.io/v1",
      kind: "FlowSchema",
      metadata: { name: "flow" },
      spec: { priorityLevelConfiguration: { name: "workload-low" }, matchingPrecedence: 9000 },
    },
    create: [
      { "spec.matchingPrecedence": 0 },
      { "spec.priorityLevelConfiguration": {} },
      { "spec.distinguisherMethod": { type: "Nope" } },
      { "spec.rules": [{ subjects: [] }] },
    ],
  },
  {
    path: "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
    good: {
      apiVersion: "flowcontrol.apiserver.k8s.io/v1",
      kind: "PriorityLevelConfiguration",
      metadata: { name: "level" },
      spec: { type: "Limited", limited: { nominalConcurrencyShares: 5, limitResponse: { type: "Reject" } } },
    },
    create: [{ "spec.type": "Nope" }, { "spec.limited": undefined }, { "spec.limited": { limitResponse: { type: "Nope" } } }],
  },
  {
    path: "/apis/resource.k8s.io/v1/deviceclasses",
    good: {
      apiVersion: "resource.k8s.io/v1",
      kind: "DeviceClass",
      metadata: { name: "gpu" },
      spec: { selectors: [{ cel: { expression: "device.driver == 'a'" } }] },
    },
    create: [{ "spec.selectors": [{}] }, { "spec.selectors": [{ cel: { expression: "" } }] }],
  },
];
