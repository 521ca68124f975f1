// Objects as a table, which is what `kubectl get` asks for (https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables),
// and objects cut down to their metadata.
import type { JsonValue, ObjectMeta } from "./generated/types.ts";
import type { Column } from "./kind.ts";
import type { KubeObject } from "./object.ts";

/** The versions of `meta.k8s.io` that tables and partial objects come in. */
export type MetaVersion = "v1" | "v1beta1";
export type IncludeObject = "None" | "Metadata" | "Object";

export interface TableColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}
export interface TableRow {
  readonly cells: readonly JsonValue[];
  readonly object?: PartialObjectMetadata | KubeObject;
}
export interface ListMetadata {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}
export interface Table {
  readonly kind: "Table";
  readonly apiVersion: string;
  readonly metadata: ListMetadata;
  readonly columnDefinitions: readonly TableColumnDefinition[];
  readonly rows: readonly TableRow[];
}
export interface PartialObjectMetadata {
  readonly kind: "PartialObjectMetadata";
  readonly apiVersion: string;
  readonly metadata: ObjectMeta;
}
export interface PartialObjectMetadataList {
  readonly kind: "PartialObjectMetadataList";
  readonly apiVersion: string;
  readonly metadata: ListMetadata;
  readonly items: readonly PartialObjectMetadata[];
}

export interface TableOptions {
  readonly version: MetaVersion;
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
  /** What of the object goes along with each row; default its metadata. */
  readonly includeObject?: IncludeObject;
  /** All but the first table of a watch go without. */
  readonly noHeaders?: boolean;
}

/** A table of objects of one kind: of a list, or of a single object with its own resourceVersion. */
export function tableOf<T extends KubeObject>(columns: readonly Column<T>[], objects: readonly T[], metadata: ListMetadata, options: TableOptions): Table {
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.noHeaders === true ? [] : columns.map(columnDefinition),
    rows: objects.map((object) => tableRow(columns, object, options)),
  };
}

function columnDefinition(column: Column<never>): TableColumnDefinition {
  const { name, type, format = "", description = "", priority = 0 } = column;
  return { name, type, format, description, priority };
}

/** A cell that is not set is null. */
function tableRow<T extends KubeObject>(columns: readonly Column<T>[], object: T, options: TableOptions): TableRow {
  const cells = columns.map((column) => column.value(object, options.now));
  switch (options.includeObject ?? "Metadata") {
    case "None":
      return { cells };
    case "Metadata":
      return { cells, object: partialObjectMetadata(object, options.version) };
    case "Object":
      return { cells, object };
  }
}

/** The metadata of an object, as an object of its own. */
export function partialObjectMetadata(object: KubeObject, version: MetaVersion): PartialObjectMetadata {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

/** The metadata of the objects of a list. */
export function partialObjectMetadataList(objects: readonly KubeObject[], metadata: ListMetadata, version: MetaVersion): PartialObjectMetadataList {
  const items = objects.map((object) => partialObjectMetadata(object, version));
  return { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${version}`, metadata, items };
}
