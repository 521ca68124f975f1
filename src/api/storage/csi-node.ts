// CSINode (storage.k8s.io/v1): the CSI drivers of a node (https://kubernetes-csi.github.io/docs/csi-node-object.html).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { CSINode } from "../generated/types.ts";

export const csiNodes = kind<CSINode>("storage.k8s.io/v1", "CSINode", {
  columns: [
    nameColumn(),
    { name: "Drivers", type: "integer", description: "How many drivers the node has.", value: ({ spec }) => (spec.drivers ?? []).length },
    ageColumn(),
  ],
  requiresResourceVersion: true,
  countsGeneration: false,
});
