// The columns of a custom resource's table
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns).
import { humanDuration, parseTime } from "../../base/index.ts";
import { nameColumn } from "../columns.ts";
import type { CustomResourceColumnDefinition, CustomResourceDefinitionVersion } from "../generated/types.ts";
import { formatJson } from "../json.ts";
import type { Column } from "../kind.ts";
import type { UnstructuredObject } from "../object.ts";
import { type JsonPath, parseJsonPath, valuesAt } from "./json-path.ts";

type Cell = string | number | boolean | null;

/** Where a version declares no columns, the age is shown. */
const AGE: CustomResourceColumnDefinition = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

/** The name, and what the version declares. */
export function customColumns({ additionalPrinterColumns = [] }: CustomResourceDefinitionVersion): Column<UnstructuredObject>[] {
  const declared = additionalPrinterColumns.length === 0 ? [AGE] : additionalPrinterColumns;
  return [nameColumn(), ...declared.map(customColumn)];
}

function customColumn({ name, type, format, description, priority = 0, jsonPath }: CustomResourceColumnDefinition): Column<UnstructuredObject> {
  const path: JsonPath = parseJsonPath(jsonPath) ?? [];
  return {
    name,
    type: type as Column<UnstructuredObject>["type"],
    ...(format === undefined ? {} : { format }),
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority,
    value: (object, now) => cell(type, valuesAt(path, object)[0], now),
  };
}

function cell(type: string, value: unknown, now: number): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "string":
      return typeof value === "string" ? value : typeof value === "object" ? formatJson(value) : String(value);
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    default:
      return typeof value === "string" ? ageOf(value, now) : null;
  }
}

function ageOf(text: string, now: number): string {
  const then = parseTime(text);
  return then === undefined ? "<invalid>" : humanDuration(now - then);
}
