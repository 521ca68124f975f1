import { expect, it } from "vitest";
import { kind } from "./declare.ts";
import type { ConfigMap, Deployment } from "./generated/types.ts";
import { scaleOf, withScale } from "./scale.ts";
import { isStatus } from "./status-error.ts";
import { partialObjectMetadataList, tableOf } from "./table.ts";

const configMaps = kind<ConfigMap>("v1", "ConfigMap", {
  columns: [
    { name: "Name", type: "string", format: "name", description: "The name.", value: (object) => object.metadata.name },
    { name: "Data", type: "integer", priority: 1, value: (object) => Object.keys(object.data ?? {}).length },
  ],
});
const object: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "n" }, data: { x: "1" } };

it("shows objects as rows with their metadata", () => {
  expect(tableOf(configMaps.declaration.columns, [object], { resourceVersion: "7" }, { version: "v1", now: 0 })).toEqual({
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: "7" },
    columnDefinitions: [
      { name: "Name", type: "string", format: "name", description: "The name.", priority: 0 },
      { name: "Data", type: "integer", format: "", description: "", priority: 1 },
    ],
    rows: [{ cells: ["a", 1], object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata } }],
  });
});

it("sends the object as asked, and no headers after the first table of a watch", () => {
  const options = { version: "v1beta1", now: 0, noHeaders: true } as const;
  expect(tableOf(configMaps.declaration.columns, [object], {}, { ...options, includeObject: "None" }).rows).toEqual([{ cells: ["a", 1] }]);
  const table = tableOf(configMaps.declaration.columns, [object], {}, { ...options, includeObject: "Object" });
  expect(table.rows[0]?.object).toBe(object);
  expect(table.columnDefinitions).toEqual([]);
});

it("cuts lists down to metadata", () => {
  expect(partialObjectMetadataList([object], { continue: "x" }, "v1")).toEqual({
    kind: "PartialObjectMetadataList",
    apiVersion: "meta.k8s.io/v1",
    metadata: { continue: "x" },
    items: [{ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata }],
  });
});

const deployments = kind<Deployment>("apps/v1", "Deployment", {
  columns: [],
  scale: {
    specReplicas: (deployment) => deployment.spec.replicas ?? 1,
    setSpecReplicas: (deployment, replicas) => {
      deployment.spec.replicas = replicas;
    },
    statusReplicas: (deployment) => deployment.status?.replicas ?? 0,
    selector: () => "app=a",
  },
});
const deployment: Deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d", namespace: "n", uid: "u", resourceVersion: "5", labels: { a: "b" } },
  spec: { replicas: 2, selector: {}, template: { metadata: { name: "" }, spec: { containers: [] } } },
};

it("shows and takes replica counts through Scale", () => {
  const scale = scaleOf(deployments, deployment);
  expect(scale).toMatchObject({
    apiVersion: "autoscaling/v1",
    metadata: { name: "d", uid: "u", resourceVersion: "5" },
    spec: { replicas: 2 },
    status: { replicas: 0, selector: "app=a" },
  });
  const scaled = withScale(deployments, deployment, { ...scale, spec: { replicas: 5 }, metadata: { name: "d", resourceVersion: "4" } });
  expect([scaled.spec.replicas, scaled.metadata.resourceVersion, scaled.metadata.labels]).toEqual([5, "4", { a: "b" }]);
  expect(deployment.spec.replicas).toBe(2);
});

it("refuses a Scale that makes no sense", () => {
  const scale = scaleOf(deployments, deployment);
  expect(() => withScale(deployments, deployment, { ...scale, spec: { replicas: -1 } })).toThrow(
    'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
  try {
    withScale(deployments, deployment, { ...scale, metadata: { name: "d", uid: "other" } });
    expect.unreachable();
  } catch (error) {
    expect(isStatus(error, "Conflict")).toBe(true);
  }
});
