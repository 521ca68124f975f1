// ResourceSlice (resource.k8s.io/v1): devices that a driver offers
// (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ResourceSlice } from "../generated/types.ts";

export const resourceSlices = kind<ResourceSlice>("resource.k8s.io/v1", "ResourceSlice", {
  columns: [
    nameColumn(),
    { name: "Node", type: "string", description: "The node the devices are on.", value: ({ spec }) => spec.nodeName ?? "" },
    { name: "Driver", type: "string", description: "The driver that offers them.", value: ({ spec }) => spec.driver },
    { name: "Pool", type: "string", description: "The pool they belong to.", value: ({ spec }) => spec.pool?.name ?? "" },
    ageColumn(),
  ],
  selectableFields: { "spec.nodeName": ({ spec }) => spec.nodeName ?? "", "spec.driver": ({ spec }) => spec.driver },
});
