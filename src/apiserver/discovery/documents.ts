// What the server serves, told to clients: the documents under /api and /apis, plain and aggregated
// (https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api). All follows from the kinds.

import type { APIGroup, APIResource, APIResourceList, APIVersions, GroupVersionForDiscovery, Kind, Subresource } from "../../api/index.ts";
import { compareVersions } from "./version-order.ts";

/** `apidiscovery.k8s.io/v2` and its beta, which differ in nothing but the name. */
export type AggregatedVersion = "v2" | "v2beta1";

export interface APIGroupDiscoveryList {
  readonly kind: "APIGroupDiscoveryList";
  readonly apiVersion: string;
  readonly metadata: Readonly<Record<string, never>>;
  readonly items: readonly APIGroupDiscovery[];
}
interface APIGroupDiscovery {
  readonly metadata: { readonly name?: string; readonly creationTimestamp: null };
  readonly versions: readonly APIVersionDiscovery[];
}
interface APIVersionDiscovery {
  readonly version: string;
  readonly resources: readonly APIResourceDiscovery[];
  readonly freshness: "Current";
}
interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}
interface APISubresourceDiscovery {
  readonly subresource: string;
  readonly responseKind: GroupVersionKind;
  readonly verbs: readonly string[];
}
interface APIResourceDiscovery {
  readonly resource: string;
  readonly responseKind: GroupVersionKind;
  readonly scope: "Namespaced" | "Cluster";
  readonly singularResource: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly APISubresourceDiscovery[];
}

/** An APIGroupList, whose groups do not repeat what they are. */
interface GroupList {
  readonly kind: "APIGroupList";
  readonly apiVersion: "v1";
  readonly groups: readonly ListedGroup[];
}
type ResourceList = Omit<APIResourceList, "apiVersion"> & { readonly apiVersion?: string };
type ListedGroup = Omit<APIGroup, "kind" | "apiVersion">;

/** The documents for one set of kinds. */
export interface DiscoveryDocuments {
  /** `/api`. `serverAddress` is what clients outside reach the server at, e.g. `10.0.0.1:6443`. */
  coreVersions(serverAddress: string): Omit<APIVersions, "apiVersion">;
  /** `/apis`. */
  groups(): GroupList;
  /** `/apis/<group>`; undefined when there is no such group. */
  group(name: string): APIGroup | undefined;
  /** `/api/v1`, `/apis/<group>/<version>`; undefined when nothing is served under it. */
  resources(apiVersion: string): ResourceList | undefined;
  /** `/api` for who accepts the aggregated form. */
  aggregatedCore(version: AggregatedVersion): APIGroupDiscoveryList;
  /** `/apis` for who accepts the aggregated form. */
  aggregatedGroups(version: AggregatedVersion): APIGroupDiscoveryList;
}

interface Version {
  readonly group: string;
  readonly version: string;
  readonly apiVersion: string;
  /** By name of the resource. */
  readonly kinds: readonly Kind[];
}

/** The documents that describe these kinds. Groups keep the order in which they first appear. */
export function discoveryDocuments(kinds: readonly Kind[]): DiscoveryDocuments {
  const groups = groupVersions(kinds);
  const named = [...groups].filter(([name]) => name !== "");
  const core = groups.get("") ?? [];
  const byApiVersion = new Map([...groups.values()].flat().map((version) => [version.apiVersion, version]));
  return {
    // The documents of the core are as old as the API, and name no version of their own.
    coreVersions: (serverAddress) => ({
      kind: "APIVersions",
      versions: core.map(({ version }) => version),
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
    }),
    groups: () => ({ kind: "APIGroupList", apiVersion: "v1", groups: named.map(([name, versions]) => apiGroup(name, versions)) }),
    group(name) {
      const versions = name === "" ? undefined : groups.get(name);
      return versions === undefined ? undefined : { kind: "APIGroup", apiVersion: "v1", ...apiGroup(name, versions) };
    },
    resources(apiVersion) {
      const version = byApiVersion.get(apiVersion);
      return version === undefined ? undefined : resourceList(version);
    },
    aggregatedCore: (version) => aggregated(version, core.length === 0 ? [] : [["", core]]),
    aggregatedGroups: (version) => aggregated(version, named),
  };
}

function groupVersions(kinds: readonly Kind[]): Map<string, readonly Version[]> {
  const groups = new Map<string, Map<string, Kind[]>>();
  for (const kind of kinds) {
    const versions = groups.get(kind.group) ?? new Map<string, Kind[]>();
    versions.set(kind.version, [...(versions.get(kind.version) ?? []), kind]);
    groups.set(kind.group, versions);
  }
  const sorted = new Map<string, readonly Version[]>();
  for (const [group, versions] of groups) {
    const entries = [...versions].sort(([a], [b]) => compareVersions(a, b));
    sorted.set(
      group,
      entries.map(([version, own]) => ({
        group,
        version,
        apiVersion: own[0]?.apiVersion ?? version,
        kinds: own.sort((a, b) => (a.resource < b.resource ? -1 : 1)),
      })),
    );
  }
  return sorted;
}

function apiGroup(name: string, versions: readonly Version[]): ListedGroup {
  const listed: GroupVersionForDiscovery[] = versions.map(({ apiVersion, version }) => ({ groupVersion: apiVersion, version }));
  return { name, versions: listed, preferredVersion: listed[0] };
}

function resourceList({ group, version, apiVersion, kinds }: Version): ResourceList {
  const resources = kinds.flatMap((kind) => [resource(kind), ...[...kind.subresources.values()].map((sub) => subresource(kind, sub))]);
  if (group === "") return { kind: "APIResourceList", groupVersion: version, resources };
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: apiVersion, resources };
}

function resource(kind: Kind): APIResource {
  return {
    name: kind.resource,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: kind.verbs,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
  };
}

/** Group and version are told only where they are not those of the list. */
function subresource(kind: Kind, sub: Subresource): APIResource {
  const foreign = sub.group !== kind.group || sub.version !== kind.version;
  return {
    name: `${kind.resource}/${sub.name}`,
    singularName: "",
    namespaced: kind.namespaced,
    ...(foreign ? { group: sub.group, version: sub.version } : {}),
    kind: sub.kind,
    verbs: sub.verbs,
  };
}

function aggregated(version: AggregatedVersion, groups: readonly (readonly [string, readonly Version[]])[]): APIGroupDiscoveryList {
  const items = groups.map(([name, versions]) => ({
    metadata: { ...(name === "" ? {} : { name }), creationTimestamp: null },
    versions: versions.map((own) => ({ version: own.version, resources: own.kinds.map(discoveredResource), freshness: "Current" as const })),
  }));
  return { kind: "APIGroupDiscoveryList", apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

function discoveredResource(kind: Kind): APIResourceDiscovery {
  const subresources = [...kind.subresources.values()].map((sub) => ({
    subresource: sub.name,
    responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
    verbs: sub.verbs,
  }));
  return {
    resource: kind.resource,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope: kind.namespaced ? "Namespaced" : "Cluster",
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}
