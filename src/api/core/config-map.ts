// ConfigMap (https://kubernetes.io/docs/concepts/configuration/configmap/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ConfigMap } from "../generated/types.ts";
import { validateConfigMap, validateConfigMapUpdate } from "./config-validation.ts";

export const configMaps = kind<ConfigMap>("v1", "ConfigMap", {
  columns: [
    nameColumn(),
    {
      name: "Data",
      type: "string",
      description: "How many keys it holds.",
      value: ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    },
    ageColumn(),
  ],
  countsGeneration: false,
  validateCreate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
});
