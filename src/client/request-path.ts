// Where the API serves what a client asks for: paths and query strings
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#standard-api-terminology).
import type { Kind } from "../api/index.ts";
import type { GetOptions, ListOptions, ObjectName, WatchOptions, WriteOptions } from "./client.ts";

/** `/api/v1/namespaces/default/pods`, `/apis/apps/v1/deployments`; without a namespace the path of all namespaces. */
export function collectionPath(kind: Kind, namespace: string | undefined): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope = kind.namespaced && namespace !== undefined && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${kind.resource}`;
}

export function objectPath(kind: Kind, of: ObjectName, subresource?: string): string {
  const path = `${collectionPath(kind, of.namespace)}/${encodeURIComponent(of.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function getQuery({ parameters, resourceVersion }: GetOptions): string {
  return query({ ...parameters, resourceVersion });
}

export function listQuery(options: ListOptions): string {
  return query({
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
  });
}

export function watchQuery(options: WatchOptions): string {
  return query({
    watch: true,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
    allowWatchBookmarks: options.allowBookmarks,
    sendInitialEvents: options.sendInitialEvents,
  });
}

export function writeQuery(options: WriteOptions, force?: boolean): string {
  return query({ dryRun: options.dryRun === true ? "All" : undefined, fieldManager: options.fieldManager, force });
}

function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== "") search.set(name, String(value));
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
